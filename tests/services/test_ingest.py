"""Taking documents in: what becomes of good and bad ones, and that nothing is lost or doubled."""

import time

import pytest
from sqlmodel import func, select

from clone_studio.errors import ProviderDown, ProviderQuota
from clone_studio.models import Chunk, ChunkVector, DocumentPage, Job
from clone_studio.services.jobs import JobLost
from clone_studio.services.knowledge.ingest import Ingester
from tests.knowledge.embedder import WordVectors
from tests.knowledge.pdfs import bomb, page_loop, pdf
from tests.knowledge.shelves import ADA, Shelves

PDF = pdf(["The harbour has nine lamps.", "At dusk the keeper winds the clockwork."])
ENCRYPTED_MARK = b"/Encrypt"


def rows(shelves: Shelves, table: type) -> int:
    with shelves.database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("empty.txt", b"", "no_text", "empty"),
        ("white.txt", b" \n\t\n", "no_text", "white space"),
        ("paper.docx", b"PK\x03\x04rest", "unsupported", "PDF, TXT and MD"),
        ("named.pdf", b"PK\x03\x04rest of an archive", "wrong_type", "ZIP archive"),
        ("named.txt", PDF, "wrong_type", "Rename it to end in .pdf"),
        ("picture.md", b"\x89PNG\r\n\x1a\nrest", "wrong_type", "PNG picture"),
        ("binary.txt", bytes(range(256)) * 8, "wrong_type", "binary"),
        ("cut.pdf", PDF[:30], "corrupted", "damaged"),
        ("five.pdf", b"%PDF-", "corrupted", "damaged"),
        ("scan.pdf", pdf(["", "", ""]), "no_text", "OCR"),
        ("stamped.pdf", pdf(["Scanned"] * 5), "no_text", "OCR"),
        ("loop.pdf", page_loop(), "corrupted", "damaged"),
        ("utf16.txt", b"\xff\xfea\x00\xd8", "encoding", "UTF-8"),
    ],
)
def test_bad_documents_fail_with_a_sentence(
    shelves: Shelves, name: str, content: bytes, code: str, words: str
) -> None:
    info = shelves.add(name, content)
    assert (info.state, info.error_code, info.stage) == ("failed", code, "")
    assert info.error is not None
    assert words in info.error
    assert len(info.error) <= 500
    assert "Traceback" not in info.error
    assert (rows(shelves, Chunk), rows(shelves, DocumentPage)) == (0, 0)


def test_pages_without_text_are_named_and_do_not_shift_the_others(shelves: Shelves) -> None:
    info = shelves.add("half.pdf", pdf(["First page with words.", "", "Third page with words."]))
    assert info.state == "ready_with_warnings"
    assert info.warnings == ("1 of 3 pages had no text.",)
    assert info.page_count == 3
    found = shelves.retriever.retrieve("franklin", "third page")
    assert found[0].page == 3


def test_a_decompression_bomb_is_bounded(shelves: Shelves) -> None:
    content = bomb(120)
    began = time.monotonic()
    info = shelves.add("bomb.pdf", content)
    assert info.state == "failed"
    assert info.error_code in {"no_text", "corrupted", "too_large", "time_out"}
    assert time.monotonic() - began < 60
    assert shelves.add("good.pdf", PDF).state == "ready"


def test_a_reading_that_takes_too_long_is_stopped(shelves: Shelves) -> None:
    impatient = Ingester(
        shelves.database,
        store=shelves.store,
        index=shelves.index,
        embedder=shelves.embedder,
        jobs=shelves.jobs,
        events=shelves.events,
        seconds=0,
    )
    impatient.register()
    info = shelves.add("slow.txt", b"Words that nobody waits for.")
    assert (info.state, info.error_code) == ("failed", "time_out")


def test_stored_bytes_that_went_away_are_named(shelves: Shelves) -> None:
    info = shelves.upload("a.txt", b"Some words.")
    path, _, _ = shelves.files.content_path(ADA, info.id)
    path.unlink()
    shelves.work()
    assert shelves.files.get_for(ADA, info.id).error_code == "missing"


def test_a_ready_file_is_found_before_its_vectors_are_there(shelves: Shelves) -> None:
    info = shelves.upload("lamps.pdf", PDF)
    shelves.work("ingest")
    ready = shelves.files.get_for(ADA, info.id)
    assert (ready.state, ready.embedding) == ("ready", "pending")
    found = shelves.retriever.retrieve("franklin", "Who winds the clockwork?")
    assert (found[0].page, found[0].ranks["vector"]) == (2, None)
    shelves.work("embed")
    found = shelves.retriever.retrieve("franklin", "Who winds the clockwork?")
    assert found[0].ranks["vector"] == 1


def test_no_text_is_embedded_twice(shelves: Shelves) -> None:
    words = " ".join(f"word{number}" for number in range(3000))
    shelves.add("long.txt", words.encode())
    assert " ".join(shelves.embedder.seen).split() == words.split()


def test_embedding_goes_on_where_it_stopped(shelves: Shelves) -> None:
    sentences = " ".join(f"Sentence {number} says a few words." for number in range(2000))
    info = shelves.upload("long.txt", sentences.encode())
    shelves.work("ingest")
    job = shelves.claim("embed")
    batches: list[int] = []

    class Cut(WordVectors):
        def embed_passages(self, texts: object) -> object:
            batches.append(1)
            if len(batches) > 1:
                raise ProviderDown("Cut off.")
            return super().embed_passages(texts)

    cut = Cut()
    ingester = Ingester(
        shelves.database,
        store=shelves.store,
        index=shelves.index,
        embedder=cut,
        jobs=shelves.jobs,
        events=shelves.events,
        seconds=60,
    )
    with pytest.raises(ProviderDown):
        ingester.embed(job)
    done = rows(shelves, ChunkVector)
    assert done > 0
    shelves.ingester.embed(job)
    shelves.jobs.finish(job)
    windows = len(cut.seen) + len(shelves.embedder.seen)
    assert rows(shelves, ChunkVector) == windows
    assert len({*cut.seen} & {*shelves.embedder.seen}) == 0
    assert shelves.files.get_for(ADA, info.id).embedding == "done"


def test_a_service_without_credit_is_not_asked_again(shelves: Shelves) -> None:
    shelves.embedder.failing = ProviderQuota("There is no credit left.")
    info = shelves.add("a.txt", b"Some words about lamps.")
    assert (info.state, info.embedding) == ("ready", "failed")
    assert info.embedding_error == "There is no credit left."
    shelves.embedder.failing = None
    shelves.files.retry(ADA, info.id)
    shelves.work()
    assert shelves.files.get_for(ADA, info.id).embedding == "done"


def test_a_service_that_is_down_is_asked_again_later(shelves: Shelves) -> None:
    shelves.embedder.failing = ProviderDown("Nobody answers.")
    info = shelves.add("a.txt", b"Some words about lamps.")
    assert (info.state, info.embedding) == ("ready", "running")
    with shelves.database.read() as session:
        job = session.exec(select(Job).where(Job.kind == "embed")).one()
    assert (job.state, job.attempts, job.error) == ("queued", 1, "Nobody answers.")
    assert job.run_after > job.created_at


def test_files_without_vectors_of_the_present_model_are_queued_at_start(shelves: Shelves) -> None:
    info = shelves.add("a.txt", b"Some words about lamps.")
    assert shelves.ingester.resume() == 0
    shelves.embedder.model = "another"
    assert shelves.ingester.resume() == 1
    shelves.work()
    assert shelves.files.get_for(ADA, info.id).embedding == "done"
    assert shelves.ingester.resume() == 0


def test_a_reading_that_is_repeated_doubles_nothing(shelves: Shelves) -> None:
    info = shelves.upload("lamps.pdf", PDF)
    job = shelves.claim()
    shelves.ingester.ingest(job)
    before = rows(shelves, Chunk), rows(shelves, DocumentPage)
    shelves.ingester.ingest(job)
    assert (rows(shelves, Chunk), rows(shelves, DocumentPage)) == before
    shelves.jobs.finish(job)
    shelves.work()
    assert len(shelves.retriever.retrieve("franklin", "clockwork lamps")) == 2
    assert shelves.files.get_for(ADA, info.id).chunk_count == 2


def test_work_on_a_file_that_was_deleted_changes_nothing(shelves: Shelves) -> None:
    info = shelves.upload("lamps.pdf", PDF)
    job = shelves.claim()
    shelves.files.delete(ADA, info.id)
    with pytest.raises(JobLost):
        shelves.ingester.ingest(job)
    assert rows(shelves, Chunk) == 0


def test_one_file_does_not_block_another(shelves: Shelves) -> None:
    with shelves.running():
        slow = shelves.upload("long.txt", b"A sentence of a long book. " * 30_000)
        quick = shelves.upload("short.txt", b"A short note about lamps.")
        assert shelves.until_settled(quick.id).state == "ready"
        assert shelves.until_settled(slow.id).state == "ready"
