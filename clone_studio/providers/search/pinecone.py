"""Vectors at Pinecone: one namespace a clone, and notes of what is there in `remote_vectors`.

Pinecone shows writes and deletions late. What it finds is therefore compared with the studio's
own rows: a chunk that was deleted, disabled, is not ready or not noted is never returned. What no
row knows any more is deleted there by durable jobs, however long Pinecone is away.
"""

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
from sqlalchemy import delete
from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.errors import ProviderTimeout
from clone_studio.models import Chunk, Persona, RemoteVector
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.pinecone_notes import PineconeNotes
from clone_studio.providers.search.pinecone_records import (
    batches,
    parsed_id,
    records,
    tag,
    vector_id,
)
from clone_studio.providers.search.pinecone_service import (
    DELETED,
    FETCHED,
    MOST_MATCHES,
    PineconeService,
    Place,
)
from clone_studio.providers.search.protocol import Hit
from clone_studio.providers.search.vector_rows import forget_model
from clone_studio.settings import Settings

# Windows asked for at first: several of a chunk, and some that rows turn out not to serve.
FIRST_MATCHES = 200
MORE_TIMES = 10
CONFIRM_SECONDS = 30.0
CONFIRM_PAUSES = (0.05, 1.0)

Services = Callable[[Place], PineconeService]


class PineconeVectors(PineconeNotes):
    """A store of vectors at Pinecone. Blocking: for threads only, which may share it.

    Args:
        database: Where the notes and the chunks are.
        settings: Returns the settings in force; another key or index holds from the next call on.
        sweep: Queues a job that will call `sweep` for a persona, in the transaction given.
        connect: Opens a place.
        confirm_seconds: How long to wait until what was written is found.
    """

    def __init__(
        self,
        database: Database,
        settings: Callable[[], Settings],
        *,
        sweep: Callable[[Session, str], None],
        connect: Services = PineconeService,
        confirm_seconds: float = CONFIRM_SECONDS,
    ) -> None:
        super().__init__(database, settings)
        self._sweep = sweep
        self._connect = connect
        self._confirm_seconds = confirm_seconds
        self._lock = threading.Lock()
        self._service: PineconeService | None = None
        self._retired: list[PineconeService] = []
        self._written: dict[tuple[str, str], int] = {}

    def send(
        self,
        persona_id: str,
        file_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Write vectors to the clone's namespace.

        Raises:
            ProviderError: Pinecone does not answer, refuses, or took only some.
        """
        if not windows:
            return
        service = self._place()
        service.require(vectors.shape[1])
        file_of = dict.fromkeys((chunk_id for chunk_id, _ in windows), file_id)
        for batch in batches(records(file_of, model, windows, vectors)):
            position = service.upsert(persona_id, batch)
            if position is not None:
                with self._lock:
                    key = persona_id, file_id
                    self._written[key] = max(position, self._written.get(key, 0))

    def confirm(self, persona_id: str, file_id: str, model: str) -> None:
        """Wait until a query finds what is noted of a file.

        Raises:
            ProviderTimeout: It was not found in time; it may be later.
            ProviderError: Pinecone does not answer, or refuses.
        """
        wanted = self._last_windows(file_id, model)
        with self._lock:
            position = self._written.get((persona_id, file_id))
        if not wanted:
            return
        service = self._place()
        probe = [1.0] + [0.0] * (service.describe().dimension - 1)
        only = {"chunk": {"$in": [chunk_id for chunk_id, _ in wanted]}, "model": model}
        ids = {vector_id(chunk_id, window, model) for chunk_id, window in wanted}
        top = sum(window + 1 for _, window in wanted)
        ends = time.monotonic() + self._confirm_seconds
        pause, longest = CONFIRM_PAUSES
        while True:
            found = service.query(persona_id, probe, min(top, MOST_MATCHES), only, seconds=10.0)
            caught_up = position is None or (found.reconciled or 0) >= position
            if ids <= found.scores.keys() and (caught_up or found.reconciled is None):
                break
            if time.monotonic() > ends:
                raise ProviderTimeout(
                    "Pinecone took the vectors of this file and does not show them yet. It is "
                    "asked again in a moment."
                )
            time.sleep(pause)
            pause = min(longest, pause * 2)
        with self._lock:
            self._written.pop((persona_id, file_id), None)

    def wants_tending(self, session: Session, persona_id: str, model: str | None = None) -> bool:
        """Say no: the service looks after its index."""
        return False

    def tend(self) -> None:
        """Do nothing."""

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget the vectors of a file: the notes now, the vectors by a job."""
        of_file = select(Chunk.id).where(Chunk.file_id == file_id)
        if session.exec(of_file.limit(1)).first() is None:
            return
        self._request_where_used(session, persona_id)
        session.execute(delete(RemoteVector).where(col(RemoteVector.chunk_id).in_(of_file)))

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget the vectors of a persona: the notes now, the namespace by a job."""
        self._request_where_used(session, persona_id)
        session.execute(delete(RemoteVector).where(col(RemoteVector.persona_id) == persona_id))

    def _request_where_used(self, session: Session, persona_id: str) -> None:
        """Queue a sweep, unless nothing of the persona can be at Pinecone."""
        any_note = select(RemoteVector.id).where(RemoteVector.persona_id == persona_id).limit(1)
        # Vectors that were sent and not noted yet are there, too.
        if self._settings().uses_pinecone or session.exec(any_note).first() is not None:
            self.request_sweep(session, persona_id)

    def request_sweep(self, session: Session, persona_id: str) -> None:
        """Queue a `sweep` of a persona in the caller's transaction."""
        self._sweep(session, persona_id)

    def search(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` chunks by the cosine of their best window, best first.

        Raises:
            ProviderError: Pinecone does not answer within two seconds, or refuses.
        """
        if limit < 1 or not query.any():
            return []
        service = self._place()
        vector, top = query.astype(float).tolist(), max(FIRST_MATCHES, 4 * limit)
        ends = time.monotonic() + service.question_seconds
        while True:
            seconds = max(0.1, ends - time.monotonic())
            only = {"model": model}
            found = service.query(persona_id, vector, top, only, seconds=seconds).scores
            hits = self._served(persona_id, model, found)
            if len(hits) >= limit or len(found) < top or top >= MOST_MATCHES:
                return hits[:limit]
            # Deleted or disabled chunks fill the answer: ask on, so that they starve nothing.
            top = min(MOST_MATCHES, top * MORE_TIMES)

    def sweep(self, persona_id: str) -> bool:
        """Delete at Pinecone what no row knows any more; True when there was nothing.

        A chunk never comes back under an id that was deleted, so that what is added later, be it
        the same document, is not touched by a deletion that comes late.

        Raises:
            ProviderError: Pinecone does not answer, or refuses.
        """
        service = self._place()
        with self._database.read() as session:
            is_there = session.get(Persona, persona_id) is not None
        clean = True
        waiting: list[str] = []
        for ids in service.pages(persona_id):
            if not is_there:
                service.drop(persona_id)
                return False
            waiting += self._unknown(persona_id, ids)
            clean = clean and not waiting
            if len(waiting) >= DELETED - len(ids):
                service.delete(persona_id, waiting)
                waiting = []
        if waiting:
            service.delete(persona_id, waiting)
        return clean

    def listed(self, persona_id: str, model: str) -> set[tuple[str, int]]:
        """Return the `(chunk_id, window)` pairs of this model that Pinecone shows now."""
        mark, found = tag(model), set()
        for ids in self._place().pages(persona_id):
            parsed = (parsed_id(key) for key in ids)
            found |= {(it[0], it[1]) for it in parsed if it is not None and it[2] == mark}
        return found

    def fetch(
        self, persona_id: str, model: str, windows: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], Vectors]:
        """Return the vectors of those `(chunk_id, window)` pairs that Pinecone has."""
        service, found = self._place(), {}
        for start in range(0, len(windows), FETCHED):
            pairs = {vector_id(*pair, model): pair for pair in windows[start : start + FETCHED]}
            for key, values in service.fetch(persona_id, list(pairs)).items():
                if key in pairs:
                    found[pairs[key]] = np.asarray(values, np.float32)
        return found

    def check(self, dimension: int) -> str:
        """Return one sentence saying that the index keeps vectors of this size.

        Raises:
            ProviderError: It does not; with what mends it.
        """
        return self._place().check(dimension)

    def dimension(self) -> int:
        """Return how many numbers the vectors of the index have."""
        return self._place().describe().dimension

    def forget_model(self, session: Session, persona_id: str, model: str, limit: int) -> bool:
        """Drop notes of a model, of at most `limit` chunks; the vectors go by a job."""
        remain = forget_model(session, RemoteVector, persona_id, self._noted(model), limit)
        if not remain:
            self.request_sweep(session, persona_id)
        return remain

    def only_dimension(self) -> int | None:
        """Return how many numbers the vectors of the index have: it takes no others."""
        return self.dimension()

    def close(self) -> None:
        """Let go of every connection; the next call makes new ones."""
        with self._lock:
            services = [*self._retired, *([self._service] if self._service else [])]
            self._retired, self._service = [], None
        for service in services:
            service.close()

    def _place(self) -> PineconeService:
        """Return the service that the settings in force name."""
        place = Place.of(self._settings())
        with self._lock:
            if self._service is None or self._service.place != place:
                if self._service is not None:
                    # Somebody may still be asking it.
                    self._retired.append(self._service)
                self._service = self._connect(place)
            return self._service
