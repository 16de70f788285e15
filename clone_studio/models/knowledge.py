"""Documents, their pages, chunks and vectors."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from clone_studio.models.base import json_column, key, moment
from clone_studio.vector_column import FloatVector


class StoredFile(SQLModel, table=True):
    """An uploaded document and how far its ingestion is.

    `state` is processing, ready, ready_with_warnings or failed; `stage` names the step in
    words while processing. `embedding` is pending, running, done or failed: keyword search
    serves a ready file before its vectors are there.
    """

    __tablename__ = "files"
    __table_args__ = (
        UniqueConstraint("persona_id", "sha256"),
        Index("ix_files_persona_id_state", "persona_id", "state"),
        Index("ix_files_persona_id_created_at", "persona_id", "created_at"),
    )

    id: str = key()
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE")
    name: str = Field(max_length=255)
    media_type: str = Field(default="", max_length=100)
    size: int
    sha256: str = Field(max_length=64)
    storage_key: str = Field(max_length=200)
    state: str = Field(default="processing", max_length=24)
    stage: str = Field(default="queued", max_length=40)
    stage_started_at: datetime = moment()
    error: str | None = Field(default=None, max_length=500)
    error_code: str | None = Field(default=None, max_length=40)
    warnings: list[str] = json_column(list)
    tags: list[str] = json_column(list)
    page_count: int = 0
    chunk_count: int = 0
    embedding: str = Field(default="pending", max_length=10)
    embedding_error: str | None = Field(default=None, max_length=500)
    attempts: int = 0
    created_at: datetime = moment()
    updated_at: datetime = moment()


class DocumentPage(SQLModel, table=True):
    """One page of a document: a PDF page, a section of Markdown or a part of plain text."""

    __tablename__ = "pages"
    __table_args__ = (UniqueConstraint("file_id", "number"),)

    id: str = key()
    file_id: str = Field(foreign_key="files.id", ondelete="CASCADE")
    number: int
    label: str = Field(default="", max_length=200)
    text: str = Field(sa_type=Text)


class Chunk(SQLModel, table=True):
    """A passage that can be retrieved and cited.

    `start` and `end` are character offsets within its page's text: `page.text[start:end]`
    is `text`. `heading` is the path of headings above it.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("file_id", "position"),
        Index("ix_chunks_persona_id_enabled", "persona_id", "enabled"),
    )

    id: str = key()
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE")
    file_id: str = Field(foreign_key="files.id", ondelete="CASCADE")
    position: int
    page: int
    start: int
    end: int
    heading: str = Field(default="", max_length=300)
    text: str = Field(sa_type=Text)
    enabled: bool = True


class ChunkVector(SQLModel, table=True):
    """The vector of one window of a chunk: float32, little-endian, of unit length."""

    __tablename__ = "chunk_vectors"
    __table_args__ = (
        UniqueConstraint("chunk_id", "model", "window"),
        Index("ix_chunk_vectors_persona_id_model", "persona_id", "model"),
        # An id is never given twice: the index in memory reads only ids it has not seen.
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE")
    chunk_id: str = Field(foreign_key="chunks.id", ondelete="CASCADE")
    model: str = Field(max_length=120)
    window: int
    vector: bytes = Field(sa_type=FloatVector)


class RemoteVector(SQLModel, table=True):
    """Notes that a service elsewhere keeps the vectors of a chunk, as many as `windows`."""

    __tablename__ = "remote_vectors"
    __table_args__ = (
        UniqueConstraint("chunk_id", "model"),
        Index("ix_remote_vectors_persona_id_model", "persona_id", "model"),
    )

    id: str = key()
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE", max_length=36)
    chunk_id: str = Field(foreign_key="chunks.id", ondelete="CASCADE", max_length=36)
    model: str = Field(max_length=120)
    windows: int


class EmbeddingUse(SQLModel, table=True):
    """By which embedding model a clone's questions are searched, and which is being built.

    A clone has no row until it has vectors. `building` is empty while nothing is built beside
    `model`; `origin` and `building_origin` say what each was made with. `error` is why the
    building stands still.
    """

    __tablename__ = "embedding_uses"

    persona_id: str = Field(
        foreign_key="personas.id", ondelete="CASCADE", primary_key=True, max_length=36
    )
    model: str = Field(max_length=120)
    origin: dict[str, Any] = json_column(dict)
    building: str = Field(default="", max_length=120)
    building_origin: dict[str, Any] = json_column(dict)
    started_at: datetime | None = moment(default_now=False)
    error: str | None = Field(default=None, max_length=500)
