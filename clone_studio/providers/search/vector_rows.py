"""Which chunks have no vectors yet, by the rows that note them."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from clone_studio.models import Chunk, ChunkVector, RemoteVector

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


def _has_vectors(noted: Any, model: str) -> ColumnElement[bool]:
    return select(noted.id).where(noted.chunk_id == Chunk.id, noted.model == model).exists()
