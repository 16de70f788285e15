"""The page is built when its sources change, and talks to the address it was opened at."""

import gzip
from pathlib import Path

import pytest

from clone_studio.launch.console import Failure
from clone_studio.launch.frontend import source_sum, unreordered, use_own_origin

ASSET = (
    "var e={PING:`http://localhost:8000/ping`,EVENT:`ws://localhost:8000/_event`,"
    'UPLOAD:"https://studio.example/_upload",TRANSPORT:`websocket`,TEST_MODE:!1};export{e as t};'
)


def _built(folder: Path, text: str) -> Path:
    (folder / "assets").mkdir()
    asset = folder / "assets" / "reflex-env-Ab12.js"
    asset.write_text(text)
    asset.with_name("reflex-env-Ab12.js.gz").write_bytes(gzip.compress(text.encode()))
    return asset


def test_addresses_become_the_pages_own_origin(tmp_path: Path) -> None:
    asset = _built(tmp_path, ASSET)
    assert use_own_origin(tmp_path) == 3
    text = asset.read_text()
    assert "localhost" not in text
    assert "studio.example" not in text
    assert "PING:location.origin+`/ping`" in text
    assert 'EVENT:location.origin.replace(/^http/,"ws")+`/_event`' in text
    assert "TRANSPORT:`websocket`" in text
    assert gzip.decompress(asset.with_name("reflex-env-Ab12.js.gz").read_bytes()).decode() == text


def test_an_unexpected_build_is_not_served(tmp_path: Path) -> None:
    _built(tmp_path, "export default {}")
    with pytest.raises(Failure, match="no asset holds"):
        use_own_origin(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (
        "rxconfig.py",
        "requirements.txt",
        "clone_studio/pages/chat.py",
        "clone_studio/launch/console.py",
        "assets/studio.css",
        "reflex.lock/package-lock.json",
        "docs/guide/first.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "rxconfig.py",
        "requirements.txt",
        "clone_studio/pages/chat.py",
        "assets/studio.css",
        "reflex.lock/package-lock.json",
    ],
)
def test_a_changed_source_changes_the_sum(project: Path, name: str) -> None:
    before = source_sum(project)
    assert source_sum(project) == before
    (project / name).write_text("two")
    assert source_sum(project) != before


def test_a_renamed_source_changes_the_sum(project: Path) -> None:
    before = source_sum(project)
    (project / "assets" / "studio.css").rename(project / "assets" / "other.css")
    assert source_sum(project) != before


@pytest.mark.parametrize("name", ["docs/guide/first.md", "clone_studio/launch/console.py"])
def test_what_the_page_is_not_made_of_builds_nothing(project: Path, name: str) -> None:
    before = source_sum(project)
    (project / name).write_text("two")
    assert source_sum(project) == before


def test_a_lock_that_only_changed_its_order_is_put_back(tmp_path: Path) -> None:
    lock = tmp_path / "package.json"
    lock.write_text('{"a":1,"b":{"c":2}}')
    with unreordered(lock):
        lock.write_text('{"b":{"c":2},"a":1}')
    assert lock.read_text() == '{"a":1,"b":{"c":2}}'
    with unreordered(lock):
        lock.write_text('{"b":{"c":3},"a":1}')
    assert lock.read_text() == '{"b":{"c":3},"a":1}'
