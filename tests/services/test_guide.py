from pathlib import Path

import pytest

from clone_studio.bootstrap import Services
from clone_studio.services.files import FileInfo
from clone_studio.services.guide import GUIDE_DIR, GuideService


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "guide"
    made.mkdir()
    (made / "uploading.md").write_text("# Uploading\n\nDrop a document on the Files page.")
    (made / "asking.md").write_text("# Asking\n\nType a question.")
    return made


@pytest.fixture
def guide(studio: Services, folder: Path) -> GuideService:
    return GuideService(
        studio.database,
        personas=studio.personas,
        files=studio.files,
        audit=studio.audit,
        folder=folder,
    )


def owner_id(studio: Services) -> str:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    return owner.id


def files(studio: Services) -> list[FileInfo]:
    return studio.files.list_for(owner_id(studio), "studio-guide").files


def test_without_an_owner_there_is_no_sample(guide: GuideService, studio: Services) -> None:
    guide.ensure()
    assert studio.personas.list_for(owner_id(studio)) == []


def test_the_owner_gets_one_sample_that_knows_the_guide(
    guide: GuideService, studio: Services
) -> None:
    user = owner_id(studio)
    guide.ensure()
    guide.ensure()
    (sample,) = studio.personas.list_for(user)
    assert (sample.slug, sample.is_sample, sample.files) == ("studio-guide", True, 2)
    assert {one.name for one in files(studio)} == {"uploading.md", "asking.md"}


def test_changed_pages_are_read_again_and_removed_ones_go(
    guide: GuideService, studio: Services, folder: Path
) -> None:
    owner_id(studio)
    guide.ensure()
    before = {one.name: one.id for one in files(studio)}
    (folder / "uploading.md").write_text("# Uploading\n\nDrag it anywhere.")
    (folder / "asking.md").unlink()
    (folder / "threads.md").write_text("# Threads\n\nA list by date.")
    guide.ensure()
    after = {one.name: one.id for one in files(studio)}
    assert set(after) == {"uploading.md", "threads.md"}
    assert after["uploading.md"] != before["uploading.md"]


def test_unchanged_pages_and_the_users_own_files_stay(
    guide: GuideService, studio: Services, folder: Path
) -> None:
    user = owner_id(studio)
    guide.ensure()
    sample = studio.personas.get_for(user, "studio-guide")
    own = studio.files.add_text(sample.id, "own.md", "# Mine")
    before = {one.id for one in files(studio)}
    (folder / "asking.md").unlink()
    guide.ensure()
    kept = {one.id for one in files(studio)}
    assert own.id in kept
    assert kept < before


def test_a_deleted_sample_does_not_come_back(guide: GuideService, studio: Services) -> None:
    user = owner_id(studio)
    guide.ensure()
    studio.personas.delete(user, "studio-guide")
    guide.ensure()
    assert studio.personas.list_for(user) == []


def test_a_page_that_cannot_be_taken_does_not_stop_the_others(
    guide: GuideService, studio: Services, folder: Path
) -> None:
    owner_id(studio)
    (folder / "empty.md").write_text("")
    guide.ensure()
    guide.ensure()
    assert {"uploading.md", "asking.md"} <= {one.name for one in files(studio)}


def test_the_shipped_guide_has_pages() -> None:
    pages = sorted(GUIDE_DIR.glob("*.md"))
    assert len(pages) >= 5
    assert all(page.read_text(encoding="utf-8").startswith("# ") for page in pages)
