"""The Files page's handlers: rows, filters, deletion, and pushes when a file moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clone_studio.bootstrap import Services
from clone_studio.live import Live
from clone_studio.models import StoredFile, User
from clone_studio.services.events import GAP
from clone_studio.services.watchers import WATCHERS
from clone_studio.state.base import StudioState
from clone_studio.state.file_rows import size_words
from clone_studio.state.files import FilesState
from clone_studio.state.viewer import ViewerState
from tests.state.harness import Harness, Tab


@pytest.fixture
def owner_id(studio: Services, cookie: str) -> str:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    return owner.id


@pytest.fixture
def persona_id(studio: Services, owner_id: str) -> str:
    return studio.personas.create(owner_id, {"name": "Ben"}).id


@pytest.fixture
async def tab(harness: Harness, cookie: str, persona_id: str) -> AsyncIterator[Tab]:
    """A tab that shows the files of the clone, with the pusher running."""
    async with Live(harness).running():  # type: ignore[arg-type]
        opened = harness.tab("tab", cookie=cookie, path="/files/ben")
        await opened.open()
        yield opened


def add(studio: Services, persona_id: str, name: str) -> str:
    """Add a small text file as an upload does; returns its id."""
    return studio.files.add_text(persona_id, name, f"# {name}\n\nWhat {name} says.\n").id


def change(studio: Services, file_id: str, **values: Any) -> None:
    """Set columns of a file, as its job does while it works."""
    with studio.database.write() as session:
        file = session.get(StoredFile, file_id)
        assert file is not None
        for name, value in values.items():
            setattr(file, name, value)
        session.add(file)


def names(tab: Tab) -> list[str]:
    return [row.name for row in tab.value(FilesState, "rows")]


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for what the tab is told; the suite's time-out bounds it."""
    while True:
        if found := condition():
            return found
        await asyncio.sleep(0.005)


async def test_after_a_gap_what_is_watched_is_read_again(
    tab: Tab, studio: Services, persona_id: str
) -> None:
    with studio.database.write() as session:
        # Nothing is published of this: it stands for what another process did meanwhile.
        session.add(
            StoredFile(
                persona_id=persona_id, name="new.md", size=1, sha256="x", storage_key="x" * 32
            )
        )
    studio.events.publish(GAP, {"type": "gap"})
    await until(lambda: names(tab) == ["new.md"])


async def test_an_empty_clone_says_where_to_begin(tab: Tab, persona_id: str) -> None:
    assert tab.value(FilesState, "rows") == []
    assert tab.value(FilesState, "filters") is False
    assert tab.value(FilesState, "endpoint") == f"/api/personas/{persona_id}/files"


async def test_a_file_that_moves_moves_on_the_page(
    tab: Tab, studio: Services, persona_id: str
) -> None:
    file_id = await asyncio.to_thread(add, studio, persona_id, "tides.md")
    await until(lambda: names(tab) == ["tides.md"])
    (row,) = tab.value(FilesState, "rows")
    assert (row.state, row.can_cancel, row.can_open) == ("processing", True, False)
    await asyncio.to_thread(
        change, studio, file_id, state="failed", error="It is empty. Add text, then upload it."
    )
    studio.events.publish(f"persona:{persona_id}", {"type": "file", "fileId": file_id})
    await until(lambda: tab.value(FilesState, "rows")[0].state == "failed")
    (row,) = tab.value(FilesState, "rows")
    assert (row.detail, row.can_retry) == ("It is empty. Add text, then upload it.", True)


async def test_many_changes_are_read_together(tab: Tab, studio: Services, persona_id: str) -> None:
    before = len(tab.deltas)
    for number in range(20):
        await asyncio.to_thread(add, studio, persona_id, f"file-{number:02}.md")
    await until(lambda: len(names(tab)) == 20)
    assert len(tab.deltas) - before < 20


@pytest.mark.parametrize(
    ("columns", "state", "note"),
    [
        ({"embedding": "running"}, "ready", "follows"),
        ({"embedding": "done"}, "ready", ""),
        ({"embedding": "failed", "embedding_error": "No credit."}, "ready", "No credit."),
        ({"warnings": ["2 of 3 pages had no text."]}, "ready_with_warnings", "follows"),
    ],
)
async def test_a_ready_file_says_quietly_what_still_follows(
    tab: Tab, studio: Services, persona_id: str, columns: dict[str, Any], state: str, note: str
) -> None:
    file_id = await asyncio.to_thread(add, studio, persona_id, "tides.md")
    await asyncio.to_thread(change, studio, file_id, state=state, page_count=3, **columns)
    await tab.send(FilesState.refresh, _file_id="", _outcome="")
    (row,) = tab.value(FilesState, "rows")
    assert row.can_open
    assert note in row.note
    assert bool(row.note) == bool(note)
    assert row.detail == " ".join(columns.get("warnings", []))


async def test_filters_come_when_there_is_something_to_filter(
    tab: Tab, studio: Services, persona_id: str
) -> None:
    for number in range(9):
        await asyncio.to_thread(add, studio, persona_id, f"tide-{number}.md")
    await tab.send(FilesState.refresh, _file_id="", _outcome="")
    assert tab.value(FilesState, "filters") is True
    await tab.send(FilesState.search, text="tide-3")
    assert names(tab) == ["tide-3.md"]
    await tab.send(FilesState.search, text="")
    await tab.send(FilesState.filter_state, state="failed")
    assert names(tab) == []
    await tab.send(FilesState.filter_state, state="no such state")
    assert len(names(tab)) == 9


async def test_a_file_is_deleted_after_it_was_asked_about(
    tab: Tab, studio: Services, persona_id: str
) -> None:
    file_id = await asyncio.to_thread(add, studio, persona_id, "tides.md")
    await until(lambda: names(tab))
    await tab.send(FilesState.delete)
    assert names(tab) == ["tides.md"]
    await tab.send(FilesState.ask_delete, file_id=file_id)
    assert tab.value(FilesState, "asking_name") == "tides.md"
    await tab.send(FilesState.keep, is_open=False)
    await tab.send(FilesState.delete)
    assert names(tab) == ["tides.md"]
    await tab.send(FilesState.ask_delete, file_id=file_id)
    await tab.send(FilesState.delete)
    assert names(tab) == []


async def test_anothers_file_cannot_be_touched_or_seen(
    tab: Tab, harness: Harness, studio: Services, cookie: str
) -> None:
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    eves = studio.personas.create("eve", {"name": "Eve"})
    file_id = await asyncio.to_thread(add, studio, eves.id, "secret-plan.md")
    for handler in (FilesState.retry, FilesState.cancel):
        await tab.send(handler, file_id=file_id)
        assert tab.value(StudioState, "notices")[-1].kind == "warning"
    await tab.send(FilesState.ask_delete, file_id=file_id)
    assert tab.value(FilesState, "asking_id") == ""
    thief = harness.tab("thief", cookie=cookie, path=f"/files/{eves.slug}?file={file_id}")
    await thief.open()
    assert thief.value(FilesState, "missing")
    assert "secret-plan" not in thief.received
    assert studio.files.get_for("eve", file_id).name == "secret-plan.md"


async def test_signing_out_ends_the_news(tab: Tab, studio: Services, persona_id: str) -> None:
    topic = f"persona:{persona_id}"
    assert WATCHERS.of(topic)
    owner = studio.auth.ensure_owner()
    assert owner is not None
    before = len(tab.deltas)
    await asyncio.to_thread(studio.auth.sign_out_everywhere, owner.id)
    await until(lambda: not WATCHERS.of(topic))
    await asyncio.to_thread(add, studio, persona_id, "later.md")
    assert "later.md" not in tab.received_after(before)


@pytest.mark.parametrize(
    "query", ["file=nothing", "file=../../etc", "file=x&page=-1&start=x&end=999999999999"]
)
async def test_an_address_that_names_no_file_says_so(
    harness: Harness, cookie: str, persona_id: str, query: str
) -> None:
    tab = harness.tab("tab", cookie=cookie, path=f"/files/ben?{query}")
    await tab.open()
    assert "not here" in tab.value(ViewerState, "missing")


def test_sizes_are_said_in_words() -> None:
    assert [size_words(n) for n in (0, 999, 1500, 1_499_999)] == ["0 B", "999 B", "2 KB", "1.5 MB"]
