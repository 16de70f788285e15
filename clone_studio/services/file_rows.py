"""What the file service hands out: frozen copies of rows."""

from dataclasses import dataclass
from datetime import datetime

from clone_studio.db import utc_now
from clone_studio.models import Chunk, DocumentPage, StoredFile


@dataclass(frozen=True)
class FileInfo:
    """A document and how far it is. `stage_seconds` is how long the present stage has taken."""

    id: str
    persona_id: str
    name: str
    media_type: str
    size: int
    page_count: int
    chunk_count: int
    state: str
    stage: str
    stage_seconds: float
    error: str | None
    error_code: str | None
    warnings: tuple[str, ...]
    tags: tuple[str, ...]
    embedding: str
    embedding_error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class FilePage:
    """A part of a list of files, newest first."""

    files: tuple[FileInfo, ...]
    has_more: bool


@dataclass(frozen=True)
class PageInfo:
    """A page of a document; numbers count from 1, the label is what is printed on it."""

    number: int
    label: str
    text: str


@dataclass(frozen=True)
class ChunkInfo:
    """A passage; `start` and `end` are character offsets within the text of its page."""

    id: str
    page: int
    start: int
    end: int
    heading: str
    text: str
    enabled: bool


def file_info(row: StoredFile) -> FileInfo:
    """Return the frozen copy of a file's row."""
    elapsed = (utc_now() - row.stage_started_at).total_seconds()
    return FileInfo(
        id=row.id,
        persona_id=row.persona_id,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        page_count=row.page_count,
        chunk_count=row.chunk_count,
        state=row.state,
        stage=row.stage,
        stage_seconds=max(0.0, elapsed) if row.stage else 0.0,
        error=row.error,
        error_code=row.error_code,
        warnings=tuple(row.warnings),
        tags=tuple(row.tags),
        embedding=row.embedding,
        embedding_error=row.embedding_error,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def page_info(row: DocumentPage) -> PageInfo:
    """Return the frozen copy of a page's row."""
    return PageInfo(row.number, row.label, row.text)


def chunk_info(row: Chunk) -> ChunkInfo:
    """Return the frozen copy of a passage's row."""
    return ChunkInfo(row.id, row.page, row.start, row.end, row.heading, row.text, row.enabled)
