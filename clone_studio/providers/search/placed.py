"""Vectors in the studio's rows and at a service elsewhere, side by side.

A setting says where new vectors go. A search looks wherever vectors of the clone are, so that
nothing is embedded anew, and everything is found, while clones are moved from one to the other.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.models import Chunk, StoredFile
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.protocol import Hit, RemoteVectors, VectorStore

REMEMBERED = 64
AT_ONCE = 500

_Sent = tuple[str, str, tuple[str, int], int]


class PlacedVectors:
    """Two stores of vectors as one. Safe to share by threads.

    Args:
        database: Where the chunks are.
        rows: Keeps vectors in the studio's rows.
        remote: Keeps them elsewhere.
        goes_elsewhere: Says where new vectors go.
    """

    def __init__(
        self,
        database: Database,
        rows: VectorStore,
        remote: RemoteVectors,
        *,
        goes_elsewhere: Callable[[], bool],
    ) -> None:
        self._database = database
        self._rows = rows
        self._remote = remote
        self._goes_elsewhere = goes_elsewhere
        self._sent: OrderedDict[_Sent, None] = OrderedDict()
        self._lock = threading.Lock()

    def send(
        self,
        persona_id: str,
        file_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Hand vectors to the service elsewhere, where new ones go there.

        Raises:
            ProviderError: The service did not take them.
        """
        if not windows or not self._goes_elsewhere():
            return
        self._remote.send(persona_id, file_id, model, windows, vectors)
        with self._lock:
            self._sent[_key(persona_id, model, windows)] = None
            while len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)

    def add(
        self,
        session: Session,
        persona_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Note vectors that were sent; keep all others in rows.

        The setting is not asked again: it may have changed since they were sent.
        """
        if not windows:
            return
        with self._lock:
            was_sent = self._sent.pop(_key(persona_id, model, windows), False) is None
        store: VectorStore = self._remote if was_sent else self._rows
        store.add(session, persona_id, model, windows, vectors)

    def confirm(self, persona_id: str, file_id: str, model: str) -> None:
        """Wait until a search finds what is elsewhere of a file.

        Raises:
            ProviderError: The service does not show it in time, or does not answer.
        """
        if self._remote.is_set:
            self._remote.confirm(persona_id, file_id, model)

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget the vectors of a file in both places."""
        self._remote.remove_file(session, persona_id, file_id)
        self._rows.remove_file(session, persona_id, file_id)

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget the vectors of a persona in both places."""
        self._remote.remove_persona(session, persona_id)
        self._rows.remove_persona(session, persona_id)

    def wants_tending(self, session: Session, persona_id: str, model: str | None = None) -> bool:
        """Say whether the rows of a clone need `tend`; without a model, one that ends."""
        return self._rows.wants_tending(session, persona_id, model)

    def tend(self) -> None:
        """Make search in the rows quick where there is much.

        Raises:
            ProviderError: Not now; it is to be tried again.
        """
        self._rows.tend()

    def search(self, persona_id: str, model: str, query: Vectors, limit: int) -> list[Hit]:
        """Return the best `limit` chunks of both places by their best window, best first.

        Raises:
            ProviderError: Some of the clone's vectors are elsewhere, and the service does not
                answer.
        """
        hits = self._rows.search(persona_id, model, query, limit)
        if not self._remote.is_set or not self._remote.keeps(persona_id, model):
            return hits
        best = {hit.chunk_id: hit for hit in hits}
        for hit in self._remote.search(persona_id, model, query, limit):
            known = best.get(hit.chunk_id)
            if known is None or hit.score > known.score:
                best[hit.chunk_id] = hit
        return sorted(best.values(), key=lambda hit: (-hit.score, hit.chunk_id))[:limit]

    def lacking(
        self, session: Session, model: str, file_id: str, after: int, limit: int
    ) -> list[str]:
        """Return the ids of a file's chunks that have vectors in neither place."""
        found: list[str] = []
        while len(found) < limit:
            ids = self._rows.lacking(session, model, file_id, after, AT_ONCE)
            there = self._remote.noted(session, model, ids) if self._remote.is_set else {}
            found += [chunk_id for chunk_id in ids if chunk_id not in there]
            if len(ids) < AT_ONCE:
                break
            last = select(Chunk.position).where(col(Chunk.id) == ids[-1])
            after = session.exec(last).one()
        return found[:limit]

    def files_lacking(self, session: Session, model: str) -> set[str]:
        """Return the ids of the files of which some chunk has vectors in neither place."""
        files = self._rows.files_lacking(session, model)
        if not self._remote.is_set:
            return files
        files &= self._remote.files_lacking(session, model)
        return {one for one in files if self.lacking(session, model, one, -1, 1)}

    def only_dimension(self) -> int | None:
        """Return the only length that new vectors may have, None where any will do.

        Raises:
            ProviderError: They go elsewhere, and the service does not say.
        """
        return self._remote.only_dimension() if self._goes_elsewhere() else None

    def models(self, session: Session, persona_id: str) -> set[str]:
        """Return the names of the models of which a persona has vectors in either place."""
        models = self._rows.models(session, persona_id)
        return models | self._remote.models(session, persona_id) if self._remote.is_set else models

    def embedded(self, session: Session, persona_id: str, model: str) -> int:
        """Return how many chunks of a persona's ready files have vectors in some place."""
        in_rows = self._rows.embedded(session, persona_id, model)
        there = self._remote.embedded(session, persona_id, model) if self._remote.is_set else 0
        if not in_rows or not there:
            return in_rows + there
        # While a clone is moved a chunk may be in both: what is in neither counts it once.
        ready = select(Chunk.file_id).join(StoredFile, col(StoredFile.id) == col(Chunk.file_id))
        ready = ready.where(
            StoredFile.persona_id == persona_id,
            col(StoredFile.state).in_(("ready", "ready_with_warnings")),
        )
        files = session.exec(ready).all()
        lacking = sum(len(self.lacking(session, model, one, -1, len(files))) for one in set(files))
        return len(files) - lacking

    def forget_model(self, session: Session, persona_id: str, model: str, limit: int) -> bool:
        """Forget vectors of `model` in both places, one after the other."""
        if self._rows.forget_model(session, persona_id, model, limit):
            return True
        if not self._remote.is_set or model not in self._remote.models(session, persona_id):
            return False
        self._remote.forget_model(session, persona_id, model, limit)
        return model in self._remote.models(session, persona_id)


def _key(persona_id: str, model: str, windows: Sequence[tuple[str, int]]) -> _Sent:
    return persona_id, model, windows[0], len(windows)
