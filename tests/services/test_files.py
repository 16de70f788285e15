"""Uploading, listing and deleting documents, and who may."""

import pytest
from sqlmodel import func, select

from clone_studio.errors import AlreadyThere, Conflict, DocumentError, NotFound, TooLarge
from clone_studio.models import Chunk, ChunkVector, DocumentPage, IndexPosting, IndexSegment
from tests.knowledge.pdfs import pdf
from tests.knowledge.shelves import ADA, BOB, MAX_BYTES, Shelves

VIRTUES = b"Temperance: eat not to dullness. Silence: speak not but what may benefit others."


def counts(shelves: Shelves) -> dict[str, int]:
    with shelves.database.read() as session:
        tables = (DocumentPage, Chunk, ChunkVector, IndexSegment, IndexPosting)
        return {
            table.__name__: session.exec(select(func.count()).select_from(table)).one()
            for table in tables
        }


def stored_bytes(shelves: Shelves) -> list[str]:
    return [path.name for path in shelves.store._folder.rglob("*") if path.is_file()]


def test_an_upload_is_listed_at_once_and_ready_after_its_job(shelves: Shelves) -> None:
    info = shelves.upload("virtues.txt", VIRTUES)
    assert (info.state, info.stage, info.media_type) == ("processing", "queued", "text/plain")
    assert shelves.files.list_for(ADA, "franklin").files[0].id == info.id
    shelves.work()
    ready = shelves.files.get_for(ADA, info.id)
    assert (ready.state, ready.embedding, ready.page_count, ready.chunk_count) == (
        "ready",
        "done",
        1,
        1,
    )
    assert ready.size == len(VIRTUES)


def test_pages_and_chunks_are_what_was_written(shelves: Shelves) -> None:
    info = shelves.add("four.pdf", pdf([f"This is page {number}." for number in (1, 2, 3, 4)]))
    pages = shelves.files.pages(ADA, info.id, 2, 2)
    assert [(page.number, page.text) for page in pages] == [
        (2, "This is page 2."),
        (3, "This is page 3."),
    ]
    for chunk in shelves.files.chunks(ADA, info.id):
        page = shelves.files.pages(ADA, info.id, chunk.page, 1)[0]
        assert page.text[chunk.start : chunk.end] == chunk.text
    assert [chunk.page for chunk in shelves.files.chunks(ADA, info.id, 2, 1)] == [2, 3]


def test_the_same_content_twice_is_already_there(shelves: Shelves) -> None:
    first = shelves.upload("a.txt", VIRTUES)
    with pytest.raises(AlreadyThere, match=r"a\.txt") as refused:
        shelves.upload("b.txt", VIRTUES)
    assert refused.value.existing_id == first.id
    assert len(stored_bytes(shelves)) == 1


def test_another_clone_may_have_the_same_content(shelves: Shelves) -> None:
    shelves.add("a.txt", VIRTUES)
    assert shelves.add("a.txt", VIRTUES, user=BOB, persona="emerson").state == "ready"


def test_the_same_content_is_tried_again_when_it_failed(shelves: Shelves) -> None:
    failed = shelves.add("notes.zip", VIRTUES)
    assert (failed.state, failed.error_code) == ("failed", "unsupported")
    again = shelves.add("notes.txt", VIRTUES)
    assert (again.id, again.state, again.name) == (failed.id, "ready", "notes.txt")
    assert len(stored_bytes(shelves)) == 1


def test_too_large_is_refused_before_and_while_it_comes(shelves: Shelves) -> None:
    with pytest.raises(TooLarge, match="larger than 1 MB"):
        shelves.files.begin(ADA, "franklin", "a.txt", MAX_BYTES + 1)
    pending = shelves.files.begin(ADA, "franklin", "a.txt", 3)
    with pytest.raises(TooLarge):
        for _ in range(20):
            pending.write(b"x" * 100_000)
    assert stored_bytes(shelves) == []
    assert shelves.files.list_for(ADA, "franklin").files == ()


def test_an_upload_that_is_given_up_leaves_nothing(shelves: Shelves) -> None:
    pending = shelves.files.begin(ADA, "franklin", "a.txt")
    pending.write(b"half of it")
    pending.discard()
    assert stored_bytes(shelves) == []


@pytest.mark.parametrize("user", [BOB, "nobody"])
def test_a_file_of_somebody_else_looks_absent(shelves: Shelves, user: str) -> None:
    info = shelves.add("a.txt", VIRTUES)
    files = shelves.files
    attempts = [
        lambda: files.get_for(user, info.id),
        lambda: files.pages(user, info.id),
        lambda: files.chunks(user, info.id),
        lambda: files.content_path(user, info.id),
        lambda: files.retry(user, info.id),
        lambda: files.cancel(user, info.id),
        lambda: files.delete(user, info.id),
        lambda: files.list_for(user, "franklin"),
        lambda: files.begin(user, "franklin", "b.txt"),
        lambda: files.get_for(ADA, "no-such-file"),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    assert files.get_for(ADA, info.id).state == "ready"


def test_deleting_leaves_nothing_behind(shelves: Shelves) -> None:
    kept = shelves.add("kept.txt", b"Order: let all your things have their places.")
    before = counts(shelves)
    info = shelves.add(
        "gone.pdf", pdf(["Humility: imitate Jesus and Socrates.", "Chastity.", "Justice."])
    )
    revision = shelves.revision()
    shelves.files.delete(ADA, info.id)
    assert counts(shelves) == before
    assert len(stored_bytes(shelves)) == 1
    assert shelves.revision() > revision
    assert [file.id for file in shelves.files.list_for(ADA, "franklin").files] == [kept.id]
    found = shelves.retriever.retrieve("franklin", "humility of Socrates")
    assert {passage.file for passage in found} == {"kept.txt"}


def test_cancelling_keeps_the_file_to_be_tried_again(shelves: Shelves) -> None:
    info = shelves.upload("a.txt", VIRTUES)
    cancelled = shelves.files.cancel(ADA, info.id)
    assert (cancelled.state, cancelled.error_code) == ("failed", "cancelled")
    assert shelves.work() == 0
    assert shelves.files.retry(ADA, info.id).state == "processing"
    shelves.work()
    assert shelves.files.get_for(ADA, info.id).state == "ready"
    with pytest.raises(Conflict):
        shelves.files.cancel(ADA, info.id)
    with pytest.raises(Conflict):
        shelves.files.retry(ADA, info.id)


def test_lists_are_searched_filtered_and_paged(shelves: Shelves) -> None:
    names = ["alpha one.txt", "beta 100%.txt", "gamma.zip"]
    ids = [shelves.add(name, name.encode()).id for name in names]
    listed = shelves.files.list_for
    assert [file.id for file in listed(ADA, "franklin").files] == ids[::-1]
    assert [file.name for file in listed(ADA, "franklin", "ONE alpha").files] == [names[0]]
    assert [file.name for file in listed(ADA, "franklin", "0%").files] == [names[1]]
    assert [file.id for file in listed(ADA, "franklin", "", "failed").files] == [ids[2]]
    first = listed(ADA, "franklin", limit=2)
    assert first.has_more
    rest = listed(ADA, "franklin", limit=2, before=first.files[-1].id)
    assert [file.id for file in rest.files] == [ids[0]]
    assert not rest.has_more


def test_content_is_given_back_as_it_came(shelves: Shelves) -> None:
    info = shelves.add("a.md", b"# Title\n\nSome words.")
    path, media_type, name = shelves.files.content_path(ADA, info.id)
    assert (path.read_bytes(), media_type, name) == (
        b"# Title\n\nSome words.",
        "text/markdown",
        "a.md",
    )
    path.unlink()
    with pytest.raises(DocumentError) as missing:
        shelves.files.content_path(ADA, info.id)
    assert missing.value.code == "missing"


def test_text_of_the_studios_own_is_added_once(shelves: Shelves) -> None:
    first = shelves.files.add_text("franklin", "guide.md", "# How\n\nDrag a file here.")
    assert (
        shelves.files.add_text("franklin", "guide.md", "# How\n\nDrag a file here.").id == first.id
    )
    shelves.work()
    assert shelves.files.get_for(ADA, first.id).state == "ready"


async def test_each_change_is_published(shelves: Shelves) -> None:
    import asyncio

    async with shelves.events.subscribe("persona:franklin") as news:
        await asyncio.to_thread(shelves.add, "a.txt", VIRTUES)
        seen = []
        async for topic, event in news:
            assert topic == "persona:franklin"
            seen.append((event["state"], event["stage"], event["embedding"]))
            if event["embedding"] == "done":
                break
    assert [stage for state, stage, _ in seen if state == "processing"] == [
        "queued",
        "extracting",
        "indexing",
    ]
    assert seen[-1][0] == "ready"
