"""What the studio's rows say of vectors at a service elsewhere: the notes in `remote_vectors`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, text
from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.models import Chunk, ChunkVector, EmbeddingUse, RemoteVector
from clone_studio.models.base import new_id
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.search.pinecone_records import parsed_id, tag
from clone_studio.providers.search.protocol import Hit
from clone_studio.providers.search.vector_rows import embedded, files_lacking, lacking
from clone_studio.settings import Settings

ROWS_AT_ONCE = 1000
CONFIRMED_CHUNKS = 20
_NAME_CHARS = 120

_SERVED = text(
    "SELECT c.id, r.windows FROM chunks c JOIN files f ON f.id = c.file_id"
    " JOIN remote_vectors r ON r.chunk_id = c.id AND r.model = :model"
    " WHERE c.id IN :chunks AND c.persona_id = :persona"
    " AND c.enabled = true AND f.state IN ('ready', 'ready_with_warnings')"
).bindparams(bindparam("chunks", expanding=True))


class PineconeNotes:
    """Reads and writes the notes. A note names the index too: another one has its own.

    Args:
        database: Where they are, beside the chunks.
        settings: Returns the settings in force.
    """

    def __init__(self, database: Database, settings: Callable[[], Settings]) -> None:
        self._database = database
        self._settings = settings

    @property
    def is_set(self) -> bool:
        """Whether the settings name an index and a key to it."""
        now = self._settings()
        return now.pinecone_api_key is not None and bool(now.pinecone_index)

    def add(
        self,
        session: Session,
        persona_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Note that the vectors of `(chunk_id, window)` pairs are there; once for each chunk."""
        counts: dict[str, int] = {}
        for (chunk_id, window), vector in zip(windows, vectors, strict=True):
            counts[chunk_id] = max(counts.get(chunk_id, 0), window + 1 if vector.any() else 0)
        if not counts:
            return
        self.forget(session, model, list(counts))
        noted = self._noted(model)
        rows = [
            {
                "id": new_id(),
                "persona_id": persona_id,
                "chunk_id": chunk_id,
                "model": noted,
                "windows": count,
            }
            for chunk_id, count in counts.items()
        ]
        session.execute(insert(RemoteVector), rows)

    def lacking(
        self, session: Session, model: str, file_id: str, after: int, limit: int
    ) -> list[str]:
        """Return the ids of a file's chunks without vectors, from position `after` + 1 on."""
        return lacking(session, RemoteVector, self._noted(model), file_id, after, limit)

    def files_lacking(self, session: Session, model: str) -> set[str]:
        """Return the ids of the files of which some chunk has no vectors."""
        return files_lacking(session, RemoteVector, self._noted(model))

    def keeps(self, persona_id: str, model: str) -> bool:
        """Say whether vectors of this model are noted for a persona."""
        query = select(RemoteVector.id).where(
            RemoteVector.persona_id == persona_id, RemoteVector.model == self._noted(model)
        )
        with self._database.read() as session:
            return session.exec(query.limit(1)).first() is not None

    def noted(self, session: Session, model: str, chunk_ids: Sequence[str]) -> dict[str, int]:
        """Return how many windows are noted for those of the chunks that have any."""
        query = select(RemoteVector.chunk_id, RemoteVector.windows).where(
            col(RemoteVector.chunk_id).in_(chunk_ids), RemoteVector.model == self._noted(model)
        )
        return dict(session.exec(query).all())

    def noted_models(self, session: Session, persona_id: str) -> list[str]:
        """Return the models of which vectors are noted in this index for a persona."""
        query = select(RemoteVector.model).where(RemoteVector.persona_id == persona_id).distinct()
        models = [name.partition("/")[2] for name in session.exec(query).all()]
        return sorted({one for one in models if self.noted_chunks(session, persona_id, one, "", 1)})

    def models(self, session: Session, persona_id: str) -> set[str]:
        """Return the names of the models of which a persona has vectors."""
        return set(self.noted_models(session, persona_id))

    def embedded(self, session: Session, persona_id: str, model: str) -> int:
        """Return how many chunks of a persona's ready files have vectors of `model`."""
        return embedded(session, RemoteVector, persona_id, self._noted(model))

    def noted_chunks(
        self, session: Session, persona_id: str, model: str, after: str, limit: int
    ) -> list[str]:
        """Return ids of chunks that are noted for a persona, in their order after `after`."""
        query = (
            select(RemoteVector.chunk_id)
            .where(
                RemoteVector.persona_id == persona_id,
                RemoteVector.model == self._noted(model),
                RemoteVector.chunk_id > after,
            )
            .order_by(RemoteVector.chunk_id)
            .limit(limit)
        )
        return list(session.exec(query).all())

    def forget(self, session: Session, model: str, chunk_ids: Sequence[str]) -> None:
        """Drop the notes of chunks; the vectors themselves go with the next `sweep`."""
        session.execute(
            delete(RemoteVector).where(
                col(RemoteVector.chunk_id).in_(chunk_ids),
                col(RemoteVector.model) == self._noted(model),
            )
        )

    def _served(self, persona_id: str, model: str, found: Mapping[str, float]) -> list[Hit]:
        """Return the chunks that the rows know and serve, by their best window, best first."""
        windows = {key: parsed for key in found if (parsed := parsed_id(key)) is not None}
        chunks = list({chunk_id for chunk_id, _, _ in windows.values()})
        known: dict[str, int] = {}
        with self._database.read() as session:
            for start in range(0, len(chunks), ROWS_AT_ONCE):
                keys = {
                    "persona": persona_id,
                    "model": self._noted(model),
                    "chunks": chunks[start : start + ROWS_AT_ONCE],
                }
                rows = session.connection().execute(_SERVED, keys)
                known |= {chunk_id: int(count) for chunk_id, count in rows}
        best: dict[str, float] = {}
        for key, (chunk_id, window, _) in windows.items():
            if window < known.get(chunk_id, 0):
                best[chunk_id] = max(best.get(chunk_id, -2.0), found[key])
        ordered = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return [Hit(chunk_id, score) for chunk_id, score in ordered]

    def _unknown(self, persona_id: str, ids: Sequence[str]) -> list[str]:
        """Return those ids whose chunk is gone, or whose vectors were moved or forgotten."""
        parsed = {key: parsed_id(key) for key in ids}
        chunks = {it[0] for it in parsed.values() if it is not None}
        with self._database.read() as session:
            there = set(session.exec(select(Chunk.id).where(col(Chunk.id).in_(chunks))))
            in_rows = _pairs(session, ChunkVector, chunks)
            noted = _pairs(session, RemoteVector, chunks)
            use = session.get(EmbeddingUse, persona_id)
        moved = {
            (chunk_id, tag(model))
            for chunk_id, model in in_rows
            if (chunk_id, self._noted(model)) not in noted
        }
        # What is being sent and has no note yet is of one of these models.
        used = {tag(use.model), tag(use.building)} if use else set()
        kept = {(chunk_id, tag(name.partition("/")[2])) for chunk_id, name in noted}
        return [
            key
            for key, it in parsed.items()
            if it is None
            or it[0] not in there
            or (it[0], it[2]) in moved
            or (used and it[2] not in used and (it[0], it[2]) not in kept)
        ]

    def _noted(self, model: str) -> str:
        """Return the name of a model in notes: another index does not have what this one has."""
        index = self._settings().pinecone_index or ""
        name = f"{index}/{model}"
        return name if len(name) <= _NAME_CHARS else f"{tag(index)}/{model}"

    def _last_windows(self, file_id: str, model: str) -> list[tuple[str, int]]:
        """Return the last window of some of a file's noted chunks, spread over the file."""
        query = (
            select(RemoteVector.chunk_id, RemoteVector.windows)
            .join(Chunk, col(Chunk.id) == RemoteVector.chunk_id)
            .where(
                Chunk.file_id == file_id,
                RemoteVector.model == self._noted(model),
                RemoteVector.windows > 0,
            )
            .order_by(col(Chunk.position))
        )
        with self._database.read() as session:
            noted = session.exec(query).all()
        step = max(1, len(noted) // CONFIRMED_CHUNKS)
        some = [*noted[::step], *noted[-1:]]
        return list(dict.fromkeys((chunk_id, windows - 1) for chunk_id, windows in some))


def _pairs(session: Session, table: Any, chunk_ids: Collection[str]) -> set[tuple[str, str]]:
    """Return `(chunk_id, model)` of the rows of these chunks."""
    query = select(table.chunk_id, table.model).where(col(table.chunk_id).in_(chunk_ids))
    return set(session.exec(query.distinct()).all())
