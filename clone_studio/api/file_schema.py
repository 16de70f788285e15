"""The JSON shapes of files, their pages and their chunks."""

from datetime import datetime
from typing import Any

from pydantic import Field

from clone_studio.api.schema import Shape
from clone_studio.services.files import FileInfo


class Uploaded(Shape):
    """A file that has arrived; its status is `processing` at first."""

    id: str
    status: str


class FileStatus(Shape):
    """Where a file's processing stands."""

    status: str
    stage: str
    error: str | None


class FileQuery(Shape):
    """Which files to list; `before` is the id of the last one seen."""

    query: str = Field("", max_length=200)
    status: str = Field("", max_length=24)
    limit: int = Field(50, ge=1, le=200)
    before: str | None = Field(None, max_length=64)


class File(Shape):
    """A file of a clone; `pages` and `chunks` are counts, `size` is in bytes."""

    id: str
    name: str
    media_type: str
    size: int
    pages: int
    chunks: int
    status: str
    stage: str
    stage_seconds: float
    error: str | None
    error_code: str | None
    warnings: list[str]
    tags: list[str]
    embedding: str
    embedding_error: str | None
    created_at: datetime

    @classmethod
    def of(cls, info: FileInfo) -> "File":
        """Return the shape of `info`."""
        own: dict[str, Any] = {
            name: getattr(info, name) for name in cls.model_fields if hasattr(info, name)
        }
        return cls(**own, pages=info.page_count, chunks=info.chunk_count, status=info.state)


class Files(Shape):
    """One part of a clone's files, the newest first."""

    files: list[File]
    has_more: bool


class Chunk(Shape):
    """A passage; `start` and `end` count characters of its page's text."""

    id: str
    page: int
    start: int
    end: int
    heading: str
    text: str
    enabled: bool


class Chunks(Shape):
    """One part of a file's chunks, in the order of the text."""

    chunks: list[Chunk]
    has_more: bool


class Page(Shape):
    """The text of one page."""

    number: int
    label: str
    text: str


class Pages(Shape):
    """Some pages of a file."""

    pages: list[Page]
