"""Which chunks have vectors and of which model, by the rows that note them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func
from sqlmodel import Session, col, select

from clone_studio.models import Chunk, ChunkVector, RemoteVector, StoredFile
from clone_studio.providers.embeddings.protocol import Vectors

Noted = type[ChunkVector] | type[RemoteVector]


def lacking(
    session: Session, noted: Noted, model: str, file_id: str, after: int, limit: int
) -> list[str]:
    """Return the ids of a file's chunks that `noted` does not name, in the order of the file.

    Args:
        session: Of the caller.
        noted: The table that notes which chunks have vectors.
        model: Of which embedding model.
        file_id: Whose chunks.
        after: Position after which to look; -1 for the whole file.
        limit: How many at most.
    """
    query = (
        select(Chunk.id)
        .where(Chunk.file_id == file_id, Chunk.position > after, ~_has_vectors(noted, model))
        .order_by(col(Chunk.position))
        .limit(limit)
    )
    return list(session.exec(query).all())


def files_lacking(session: Session, noted: Noted, model: str) -> set[str]:
    """Return the ids of the files of which `noted` does not name some chunk."""
    return set(session.exec(select(Chunk.file_id).where(~_has_vectors(noted, model)).distinct()))


def models(session: Session, noted: Noted, persona_id: str) -> set[str]:
    """Return the names of the models of which `noted` has rows of a persona."""
    query = select(noted.model).where(noted.persona_id == persona_id).distinct()
    return set(session.exec(query))


def embedded(session: Session, noted: Noted, persona_id: str, model: str) -> int:
    """Return how many chunks of a persona's ready files `noted` names."""
    query = (
        select(func.count())
        .select_from(Chunk)
        .join(StoredFile, col(StoredFile.id) == col(Chunk.file_id))
        .where(
            StoredFile.persona_id == persona_id,
            col(StoredFile.state).in_(("ready", "ready_with_warnings")),
            _has_vectors(noted, model),
        )
    )
    return session.exec(query).one()


def forget_model(session: Session, noted: Noted, persona_id: str, model: str, limit: int) -> bool:
    """Delete the rows of at most `limit` chunks of a persona; True when some remain."""
    of_model: Any = (noted.persona_id == persona_id, noted.model == model)
    some = select(noted.chunk_id).where(*of_model).limit(limit)
    session.execute(
        delete(noted)
        .where(*of_model, col(noted.chunk_id).in_(some))
        .execution_options(synchronize_session=False)
    )
    return session.exec(select(noted.id).where(*of_model).limit(1)).first() is not None


def _has_vectors(noted: Any, model: str) -> ColumnElement[bool]:
    return select(noted.id).where(noted.chunk_id == Chunk.id, noted.model == model).exists()


class RowVectors:
    """What every store has in common that keeps vectors in rows of `chunk_vectors`."""

    def send(
        self,
        persona_id: str,
        file_id: str,
        model: str,
        windows: Sequence[tuple[str, int]],
        vectors: Vectors,
    ) -> None:
        """Do nothing: the rows that `add` writes keep the vectors."""

    def confirm(self, persona_id: str, file_id: str, model: str) -> None:
        """Do nothing: rows are found as soon as they are written."""

    def remove_file(self, session: Session, persona_id: str, file_id: str) -> None:
        """Forget the vectors of a file."""
        of_file = select(Chunk.id).where(Chunk.persona_id == persona_id, Chunk.file_id == file_id)
        session.execute(delete(ChunkVector).where(col(ChunkVector.chunk_id).in_(of_file)))

    def remove_persona(self, session: Session, persona_id: str) -> None:
        """Forget the vectors of a persona."""
        session.execute(delete(ChunkVector).where(col(ChunkVector.persona_id) == persona_id))

    def lacking(
        self, session: Session, model: str, file_id: str, after: int, limit: int
    ) -> list[str]:
        """Return the ids of a file's chunks without vectors, from position `after` + 1 on."""
        return lacking(session, ChunkVector, model, file_id, after, limit)

    def files_lacking(self, session: Session, model: str) -> set[str]:
        """Return the ids of the files of which some chunk has no vectors."""
        return files_lacking(session, ChunkVector, model)

    def only_dimension(self) -> int | None:
        """Return None: rows keep vectors of any length."""
        return None

    def models(self, session: Session, persona_id: str) -> set[str]:
        """Return the names of the models of which a persona has vectors."""
        return models(session, ChunkVector, persona_id)

    def embedded(self, session: Session, persona_id: str, model: str) -> int:
        """Return how many chunks of a persona's ready files have vectors of `model`."""
        return embedded(session, ChunkVector, persona_id, model)

    def forget_model(self, session: Session, persona_id: str, model: str, limit: int) -> bool:
        """Forget a persona's vectors of `model`, of at most `limit` chunks; True if some remain."""
        return forget_model(session, ChunkVector, persona_id, model, limit)
