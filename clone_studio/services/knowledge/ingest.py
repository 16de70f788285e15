"""Turns a stored document into knowledge, step by step, each safe to do again.

`ingest` reads the document in a child process and fills pages, chunks and the keyword index;
the file is ready then. `embed` follows with the vectors, batch by batch: it asks the database
what is missing, so that a killed studio goes on where it was and embeds nothing twice.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlmodel import Session, col, delete, func, select, update

from clone_studio.db import Database, utc_now
from clone_studio.errors import DocumentError
from clone_studio.models import Chunk, ChunkVector, DocumentPage, Persona, StoredFile
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.files.protocol import FileStore
from clone_studio.providers.search.protocol import IndexedChunk, SearchIndex
from clone_studio.services.events import EventBus
from clone_studio.services.jobs import JobQueue
from clone_studio.services.knowledge.child import Cancelled, lines, read_document
from clone_studio.services.knowledge.chunk import windows

logger = logging.getLogger(__name__)

PAGES_A_WRITE = 100
CHUNKS_A_WRITE = 150
CHUNKS_A_BATCH = 24
READY = ("ready", "ready_with_warnings")
CANCELLED = "You stopped the reading of this file."


class Ingester:
    """Does the jobs `ingest` and `embed`. Blocking: runs in worker threads.

    Args:
        database: Where files and chunks are.
        store: Where the documents' bytes are.
        index: Keyword and vector index.
        embedder: Gives the vectors.
        jobs: Takes the `embed` job that follows.
        events: Told of each change on `persona:{id}`.
        work_dir: Folder for what the child process writes.
        seconds: How long one document may take.
    """

    def __init__(
        self,
        database: Database,
        store: FileStore,
        index: SearchIndex,
        embedder: Embedder,
        jobs: JobQueue,
        events: EventBus,
        *,
        work_dir: Path,
        seconds: int,
    ) -> None:
        self._db = database
        self._store = store
        self._index = index
        self._embedder = embedder
        self._jobs = jobs
        self._events = events
        self._work_dir = work_dir
        self._seconds = seconds

    def ingest(self, file_id: str, cancelled: Callable[[], bool]) -> None:
        """Read a document and make it searchable by words.

        Raises:
            DocumentError: When it cannot become knowledge; the file says so already.
            Cancelled: When `cancelled` said so.
        """
        file = self._stage(file_id, "extracting")
        if file is None:
            return
        self._work_dir.mkdir(parents=True, exist_ok=True)
        output = self._work_dir / f"{file_id}.jsonl"
        try:
            read_document(
                self._store.path(file.storage_key), file.name, output, self._seconds, cancelled
            )
            self._stage(file_id, "indexing")
            self._clear(file)
            head = self._fill(file, output, cancelled)
            self._finish(file, head)
        except DocumentError as error:
            self.fail(file_id, error)
            raise
        finally:
            output.unlink(missing_ok=True)

    def embed(self, file_id: str, cancelled: Callable[[], bool]) -> None:
        """Give every chunk of a file that has none its vectors.

        Raises:
            ProviderError: When the embedder fails; what was embedded stays.
            Cancelled: When `cancelled` said so.
        """
        model = self._embedder.model
        self._set_embedding(file_id, "running")
        while batch := self._without_vectors(file_id, model):
            if cancelled():
                raise Cancelled
            texts = [(chunk, at, text) for chunk in batch for at, text in enumerate(_texts(chunk))]
            vectors = self._embedder.embed_passages([text for _, _, text in texts])
            with self._db.write() as session:
                # Somebody may have deleted the file in the meantime.
                present = set(
                    session.exec(select(Chunk.id).where(col(Chunk.id).in_([c.id for c in batch])))
                )
                rows = [i for i, (chunk, _, _) in enumerate(texts) if chunk.id in present]
                self._index.add_vectors(
                    session,
                    batch[0].persona_id,
                    model,
                    [(texts[i][0].id, texts[i][1]) for i in rows],
                    vectors[rows],
                )
        self._set_embedding(file_id, "done")

    def fail(self, file_id: str, error: DocumentError) -> None:
        """Write down why a file cannot be used."""
        with self._db.write() as session:
            file = session.get(StoredFile, file_id)
            if file is None:
                return
            file.state, file.stage = "failed", "failed"
            file.error, file.error_code = error.detail[:500], error.code
            file.updated_at = utc_now()
            session.add(file)
            persona_id = file.persona_id
        self._publish(persona_id, file_id, "failed", "failed")

    def fail_embedding(self, file_id: str, sentence: str) -> None:
        """Write down why the vectors of a file are missing; keyword search goes on."""
        self._set_embedding(file_id, "failed", sentence[:500])

    def _stage(self, file_id: str, stage: str) -> StoredFile | None:
        with self._db.write() as session:
            file = session.get(StoredFile, file_id)
            if file is None:
                return None
            file.state, file.stage, file.stage_started_at = "processing", stage, utc_now()
            file.error = file.error_code = None
            file.attempts += stage == "extracting"
            file.updated_at = utc_now()
            session.add(file)
        self._publish(file.persona_id, file_id, "processing", stage)
        return file

    def _clear(self, file: StoredFile) -> None:
        """Take away what an earlier attempt left."""
        with self._db.write() as session:
            self._index.remove_file(session, file.persona_id, file.id)
            session.exec(delete(Chunk).where(col(Chunk.file_id) == file.id))
            session.exec(delete(DocumentPage).where(col(DocumentPage.file_id) == file.id))

    def _fill(
        self, file: StoredFile, output: Path, cancelled: Callable[[], bool]
    ) -> dict[str, Any]:
        """Write pages and chunks in small transactions, so that nobody waits long for the lock."""
        rows = lines(output)
        head = next(rows)
        head["chunks"] = 0
        pages = (row for row in islice(rows, head["pages"]))
        for batch in _batched(pages, PAGES_A_WRITE):
            with self._db.write() as session:
                session.add_all(DocumentPage(file_id=file.id, **row) for row in batch)
        for batch in _batched(rows, CHUNKS_A_WRITE):
            if cancelled():
                raise Cancelled
            with self._db.write() as session:
                if session.get(StoredFile, file.id) is None:
                    raise Cancelled
                self._add_chunks(session, file, batch, head["chunks"])
            head["chunks"] += len(batch)
            # Leaves room between two writes for those who wait.
            time.sleep(0.002)
        return head

    def _add_chunks(
        self, session: Session, file: StoredFile, rows: Sequence[dict[str, Any]], first: int
    ) -> None:
        indexed = []
        for position, row in enumerate(rows, first):
            found = tuple(row.pop("terms").split())
            # The same file gives the same ids again: a step done twice doubles nothing.
            chunk_id = str(uuid5(NAMESPACE_OID, f"{file.id}#{position}"))
            session.add(
                Chunk(
                    id=chunk_id, persona_id=file.persona_id, file_id=file.id,
                    position=position, **row,
                )
            )  # fmt: skip
            indexed.append(IndexedChunk(chunk_id, file.persona_id, file.id, found))
        session.flush()
        self._index.add(session, indexed)

    def _finish(self, file: StoredFile, head: dict[str, Any]) -> None:
        state = "ready_with_warnings" if head["warnings"] else "ready"
        with self._db.write() as session:
            row = session.get(StoredFile, file.id)
            if row is None:
                return
            row.state, row.stage, row.stage_started_at = state, "ready", utc_now()
            row.media_type, row.warnings = head["media_type"], list(head["warnings"])
            row.page_count, row.chunk_count = head["pages"], head["chunks"]
            row.embedding, row.embedding_error, row.updated_at = "pending", None, utc_now()
            session.add(row)
            bump_revision(session, file.persona_id)
            self._jobs.enqueue(session, "embed", file.id, {})
        self._publish(file.persona_id, file.id, state, "ready")

    def _without_vectors(self, file_id: str, model: str) -> list[Chunk]:
        has = select(ChunkVector.id).where(
            ChunkVector.chunk_id == Chunk.id, ChunkVector.model == model
        )
        with self._db.read() as session:
            return list(
                session.exec(
                    select(Chunk)
                    .where(Chunk.file_id == file_id, ~has.exists())
                    .order_by(col(Chunk.position))
                    .limit(CHUNKS_A_BATCH)
                )
            )

    def _set_embedding(self, file_id: str, state: str, error: str | None = None) -> None:
        with self._db.write() as session:
            file = session.get(StoredFile, file_id)
            if file is None:
                return
            file.embedding, file.embedding_error = state, error
            file.updated_at = utc_now()
            session.add(file)
            if state == "done":
                bump_revision(session, file.persona_id)
        self._publish(file.persona_id, file_id, file.state, file.stage)

    def _publish(self, persona_id: str, file_id: str, state: str, stage: str) -> None:
        self._events.publish(
            f"persona:{persona_id}",
            {"type": "file", "fileId": file_id, "state": state, "stage": stage},
        )


def bump_revision(session: Session, persona_id: str) -> None:
    """Count a change of what a persona's questions may find."""
    session.exec(
        update(Persona)
        .where(col(Persona.id) == persona_id)
        .values(knowledge_revision=Persona.knowledge_revision + 1)
    )


def missing_vectors(session: Session, model: str) -> list[str]:
    """Return the ready files that still have chunks without vectors of `model`."""
    has = select(func.count()).where(ChunkVector.chunk_id == Chunk.id, ChunkVector.model == model)
    waiting = (
        select(Chunk.id).where(Chunk.file_id == StoredFile.id, has.scalar_subquery() == 0).exists()
    )
    return list(
        session.exec(select(StoredFile.id).where(col(StoredFile.state).in_(READY), waiting))
    )


def _texts(chunk: Chunk) -> list[str]:
    """Return the windows of a chunk; its heading travels with the first."""
    found = windows(chunk.text)
    heading = chunk.heading.rpartition(" › ")[2]
    return [f"{heading}. {found[0]}" if heading else found[0], *found[1:]]


def _batched(rows: Iterable[dict[str, Any]], size: int) -> Iterable[list[dict[str, Any]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
