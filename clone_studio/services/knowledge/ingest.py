"""Takes a stored document in: reading makes it ready for search by words, embedding follows.

Reading begins from nothing each time, so that a job that was cut off is simply done again.
Embedding goes on where it stopped: a passage has either all its vectors or none.
"""

import logging
import time
from collections.abc import Sequence

import numpy as np
from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.errors import (
    DocumentError,
    ProviderDown,
    ProviderError,
    ProviderRefused,
    StudioError,
)
from clone_studio.models import Chunk, EmbeddingUse, StoredFile
from clone_studio.providers.embeddings.protocol import Embedder, Vectors
from clone_studio.providers.files.protocol import FileStore
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.providers.search.segment import Segment
from clone_studio.services.events import EventBus
from clone_studio.services.jobs import (
    ALL,
    TEND,
    JobAgain,
    JobLost,
    JobMoot,
    JobQueue,
    RunningJob,
    Work,
)
from clone_studio.services.knowledge import chunk, uses
from clone_studio.services.knowledge.embedders import EmbedderSource, NoSource
from clone_studio.services.knowledge.parsing import End, Part, parse
from clone_studio.services.knowledge.rebuild import Rebuild
from clone_studio.services.knowledge.shelf import Shelf, bump_revision, set_columns
from clone_studio.services.switching import held_embedder

logger = logging.getLogger(__name__)

FIRST_BATCH = 16
LARGEST_BATCH = 512
# A batch should take about this long: short enough that a killed process loses little, long
# enough that a fast service is not kept waiting by transactions.
BATCH_SECONDS = 2.0
TURN_SECONDS = 20.0
# Making an index takes about so long.
TEND_AGAIN_SECONDS = 20.0
NO_TEXT = "No text was found in the document. Choose another one."


class Ingester:
    """Does the jobs `ingest` and `embed`, whose subject is a file, and `tend`, about the index.

    Args:
        database: Where the rows are.
        store: Where the documents are.
        index: Takes the terms and the vectors.
        embedder: Makes the vectors.
        jobs: Where the work comes from; `register` makes it known there.
        events: Hears of each change.
        seconds: How long reading one document may take.
        source: What embedders are made of; None where the embedder is never another.
    """

    def __init__(
        self,
        database: Database,
        *,
        store: FileStore,
        index: SearchIndex,
        embedder: Embedder,
        jobs: JobQueue,
        events: EventBus,
        seconds: int,
        source: EmbedderSource | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._index = index
        self._embedder = embedder
        self._jobs = jobs
        self._seconds = seconds
        self._source = source or NoSource()
        self._shelf = Shelf(database, index, jobs, events)
        self.rebuild = Rebuild(
            database, index=index, jobs=jobs, embedder=embedder, source=self._source
        )

    def register(self) -> None:
        """Have the queue's jobs about knowledge done here."""
        self._jobs.register("ingest", Work(self.ingest, self.give_up_reading))
        self._jobs.register("embed", Work(self.embed, self.give_up_embedding))
        self._jobs.register(TEND, Work(self.tend, self.give_up_tending))
        self.rebuild.register()

    def ingest(self, job: RunningJob) -> None:
        """Read a document until search by words serves it.

        Raises:
            JobLost: The job was cancelled or taken over.
        """
        with self._shelf.writing(job) as (session, file):
            self._shelf.clear(session, file)
            values = {"state": "processing", "stage": "extracting", "error": None}
            set_columns(file, values | {"error_code": None, "warnings": [], "embedding": "pending"})
        self._shelf.publish(file)
        try:
            self._read(job, file)
        except DocumentError as error:
            if job.stopped.is_set():
                raise JobLost("The reading was stopped.") from error
            self._fail(job, error.detail, error.code)

    def _read(self, job: RunningJob, file: StoredFile) -> None:
        path = self._store.path(file.storage_key)
        position = 0
        for piece in parse(path, file.name, seconds=self._seconds, on_stop=job.on_stop):
            with self._shelf.writing(job) as (session, row):
                if isinstance(piece, Part):
                    position = self._shelf.add_part(session, row, piece, position)
                elif isinstance(piece, Segment):
                    set_columns(row, {"stage": "indexing"})
                    self._index.add(session, row.persona_id, row.id, piece)
                else:
                    self._ready(session, row, piece, position)
            if not isinstance(piece, Part):
                self._shelf.publish(row)

    def _ready(self, session: Session, file: StoredFile, end: End, chunks: int) -> None:
        if chunks == 0:
            raise DocumentError(NO_TEXT, code="no_text")
        set_columns(
            file,
            {
                "state": "ready_with_warnings" if end.warnings else "ready",
                "stage": "embedding",
                "media_type": end.media_type,
                "warnings": list(end.warnings),
                "page_count": end.page_count,
                "chunk_count": chunks,
            },
        )
        bump_revision(session, file.persona_id)
        self._jobs.enqueue(session, "embed", file.id, {})

    def give_up_reading(self, job: RunningJob, error: StudioError) -> None:
        """Mark the file of a job that failed for good."""
        self._give_up(job, state="failed", stage="", error=error.detail, error_code=error.code)

    def _fail(self, job: RunningJob, detail: str, code: str) -> None:
        with self._shelf.writing(job) as (session, file):
            self._shelf.clear(session, file)
            values = {"state": "failed", "stage": "", "error": detail[:500], "error_code": code}
            set_columns(file, values)
        self._shelf.publish(file)

    def embed(self, job: RunningJob) -> None:
        """Make the vectors that a ready file lacks, batch by batch.

        Raises:
            JobAgain: The file had its turn and is not through, or another embedder was chosen.
            ProviderError: The embedder failed; what is done stays done.
        """
        self._agree(job)
        with held_embedder(self._embedder) as embedder:
            try:
                self._embed_all(job, embedder)
            except ProviderError as error:
                if self._is_exchanged(embedder):
                    raise JobAgain("The embedder that failed is not used any more.") from error
                raise

    def _agree(self, job: RunningJob) -> None:
        """Make sure that this process and the clone's row want vectors of the same model.

        Another process may have chosen the embedder, or one that chose it was killed before it
        could write that down.
        """
        with self._database.read() as session:
            file = session.get(StoredFile, job.subject_id)
            use = session.get(EmbeddingUse, file.persona_id) if file else None
        if use is not None and uses.wanted_by(use, self._embedder.model):
            return
        self._source.follow()
        if not uses.wanted_by(use, self._embedder.model):
            self.rebuild.begin()

    def _embed_all(self, job: RunningJob, embedder: Embedder) -> None:
        size, after, turn_ends = FIRST_BATCH, -1, time.monotonic() + TURN_SECONDS
        self._begin_embedding(job)
        while chunks := self._without_vectors(embedder.model, job.subject_id, after, size):
            if job.stopped.is_set():
                raise JobLost("The worker stops.")
            if time.monotonic() > turn_ends or self._is_exchanged(embedder):
                raise JobAgain("Others get a turn.")
            began = time.monotonic()
            self._embed_batch(job, embedder, chunks)
            after = chunks[-1].position
            if time.monotonic() - began < BATCH_SECONDS / 2:
                size = min(LARGEST_BATCH, size * 2)
        self._confirm(job, embedder.model)
        self._end_embedding(job, embedder)

    def _begin_embedding(self, job: RunningJob) -> None:
        with self._shelf.writing(job) as (_, file):
            # A file that is found by meaning stays so: what is made now is for another model.
            if file.embedding != "done":
                set_columns(file, {"embedding": "running", "embedding_error": None})
        self._shelf.publish(file)

    def _end_embedding(self, job: RunningJob, embedder: Embedder) -> None:
        """Settle file and job in one transaction, and change over if this was the last file.

        Whoever chooses another embedder sees either that the job still runs, and it sees the
        choice here, or that it is done and the file has to be queued.
        """
        with self._shelf.writing(job) as (session, file):
            use = uses.locked(session, file.persona_id)
            if self._is_exchanged(embedder) or not uses.wanted_by(use, embedder.model):
                raise JobAgain("Another embedder was chosen.")
            if uses.serves(use, embedder.model):
                set_columns(file, {"embedding": "done", "stage": ""})
            elif file.embedding != "done":
                set_columns(file, {"embedding": "pending", "stage": ""})
            self._jobs.complete(session, job)
            session.add(file)
            session.flush()
            if uses.switch_if_complete(session, self._index, self._jobs, use):
                logger.info("A clone is searched by %s from now on", embedder.model)
                session.refresh(file)
            if self._index.wants_tending(session, file.persona_id, embedder.model):
                self._jobs.enqueue(session, TEND, ALL, {})
        self._shelf.publish(file)

    def tend(self, job: RunningJob) -> None:
        """Have the index make search quick where there is much.

        Raises:
            JobAgain: Another process is at it.
        """
        try:
            self._index.tend()
        except ProviderDown as error:
            raise JobAgain(error.detail, after=TEND_AGAIN_SECONDS) from error

    def give_up_tending(self, job: RunningJob, error: StudioError) -> None:
        """Do nothing more: search is slower, and the next large file asks again."""

    def _is_exchanged(self, embedder: Embedder) -> bool:
        return self._embedder.model != embedder.model

    def _embed_batch(self, job: RunningJob, embedder: Embedder, chunks: Sequence[Chunk]) -> None:
        texts: list[str] = []
        windows: list[tuple[str, int]] = []
        for row in chunks:
            for number, text in enumerate(chunk.windows(row.text)):
                windows.append((row.id, number))
                texts.append(f"{row.heading}\n{text}" if row.heading else text)
        vectors = embedder.embed_passages(texts)
        if vectors.shape != (len(texts), embedder.dimension) or not np.isfinite(vectors).all():
            raise ProviderRefused(
                "The embedding service answered with vectors of another size than asked for. "
                "Check the embedding model in the settings."
            )
        model = embedder.model
        self._send(job, model, windows, vectors)
        with self._shelf.writing(job) as (session, file):
            use = uses.locked(session, file.persona_id)
            if use is None and not self._is_exchanged(embedder):
                uses.first(session, file.persona_id, model, self._source.origin().row())
            self._index.add_vectors(session, file.persona_id, model, windows, vectors)
            is_shadow = not uses.serves(use, model)
            if not is_shadow:
                bump_revision(session, file.persona_id)
        if is_shadow:
            self._shelf.publish(file)

    def _send(
        self, job: RunningJob, model: str, windows: Sequence[tuple[str, int]], vectors: Vectors
    ) -> None:
        """Hand the vectors to where they are kept, outside of every transaction."""
        file = self._file_of(job)
        self._index.send_vectors(file.persona_id, file.id, model, windows, vectors)

    def _confirm(self, job: RunningJob, model: str) -> None:
        """Wait until a search finds the file's vectors, where that takes a while."""
        file = self._file_of(job)
        self._index.confirm_vectors(file.persona_id, file.id, model)

    def _file_of(self, job: RunningJob) -> StoredFile:
        with self._database.read() as session:
            file = session.get(StoredFile, job.subject_id)
        if file is None:
            raise JobMoot("The file was deleted.")
        return file

    def _without_vectors(self, model: str, file_id: str, after: int, limit: int) -> list[Chunk]:
        with self._database.read() as session:
            ids = self._index.lacking_vectors(session, model, file_id, after, limit)
            query = select(Chunk).where(col(Chunk.id).in_(ids)).order_by(col(Chunk.position))
            return list(session.exec(query).all())

    def resume(self) -> int:
        """Queue embedding for ready files that lack vectors of the present model.

        Needed after another model was chosen, or one that was missing arrived. Files that wait
        after a failure are tried at once. Returns how many files were queued.
        """
        return self.rebuild.begin()

    def give_up_embedding(self, job: RunningJob, error: StudioError) -> None:
        """Note that vectors of a ready file cannot be made, and why.

        A file that another model serves meanwhile goes on being found by meaning.
        """
        with self._database.write() as session:
            file = session.get(StoredFile, job.subject_id)
            if file is None:
                return
            use = uses.locked(session, file.persona_id)
            if use is not None and use.building:
                use.error = error.detail[:500]
                session.add(use)
            if file.embedding != "done":
                values = {"embedding": "failed", "stage": "", "embedding_error": error.detail[:500]}
                set_columns(file, values)
                session.add(file)
        self._shelf.publish(file)

    def _give_up(self, job: RunningJob, **values: str) -> None:
        """Change the file of a job that is settled already."""
        with self._database.write() as session:
            file = session.get(StoredFile, job.subject_id, with_for_update=True)
            if file is None:
                return
            set_columns(file, {name: value[:500] for name, value in values.items()})
            session.add(file)
        self._shelf.publish(file)
