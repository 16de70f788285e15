"""Documents of a clone: upload, state, text, and everything a maker does with them."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlmodel import Session, col, delete, or_, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import AlreadyThere, Conflict, DocumentError, NotFound, TooLarge
from clone_studio.models import Chunk, DocumentPage, Persona, StoredFile
from clone_studio.providers.files.protocol import FileStore, Upload
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.services.events import EventBus
from clone_studio.services.jobs import JobQueue
from clone_studio.services.knowledge.extract import check_kind
from clone_studio.services.knowledge.ingest import CANCELLED, bump_revision, missing_vectors

MAX_PAGE_SIZE = 200
NAME_LENGTH = 255
HEAD_BYTES = 1024
_UNSAFE = re.compile(r"[<>:\"|?*\x00-\x1f\x7f]")


class Owned(Protocol):
    """What reaching a clone gives: its id."""

    @property
    def id(self) -> str:
        """Id of the clone."""
        ...


@dataclass(frozen=True)
class FileInfo:
    """A document as pages and API may see it; `stage_seconds` counts since its stage began."""

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
    """Some files, the newest first."""

    files: list[FileInfo]
    has_more: bool


@dataclass(frozen=True)
class PageInfo:
    """One page of a document as it is searched and cited."""

    number: int
    label: str
    text: str


@dataclass(frozen=True)
class ChunkInfo:
    """One chunk; `start` and `end` are offsets within its page's text."""

    id: str
    page: int
    start: int
    end: int
    heading: str
    text: str
    enabled: bool


class FileService:
    """Documents, each reached only by the owner of its clone.

    Args:
        database: Where the rows are.
        store: Where the bytes are.
        index: Keyword and vector index.
        jobs: Takes the work that follows an upload.
        events: Told of each change on `persona:{id}`.
        owned: `personas.get_for`: the one way to reach a clone.
        max_bytes: Largest document, in bytes.
    """

    def __init__(
        self,
        database: Database,
        store: FileStore,
        index: SearchIndex,
        jobs: JobQueue,
        events: EventBus,
        *,
        owned: Callable[[str, str], Owned],
        max_bytes: int,
    ) -> None:
        self._db = database
        self._store = store
        self._index = index
        self._jobs = jobs
        self._events = events
        self._owned = owned
        self._max_bytes = max_bytes

    def begin(
        self, user_id: str, ref: str, name: str, declared_size: int | None = None
    ) -> "PendingUpload":
        """Open an upload into a clone; write its bytes, then finish or discard it.

        Raises:
            NotFound: The clone is absent or somebody else's.
            TooLarge: The size declared is over the limit.
        """
        persona_id = self._owned(user_id, ref).id
        if declared_size is not None and declared_size > self._max_bytes:
            raise _too_large(self._max_bytes)
        return PendingUpload(self, persona_id, display_name(name))

    def add_text(self, persona_id: str, name: str, text: str) -> FileInfo:
        """Add a document from text, for the studio itself: the caller has checked the clone."""
        pending = PendingUpload(self, persona_id, display_name(name))
        try:
            pending.write(text.encode())
            return pending.finish()
        finally:
            pending.discard()

    def list_for(
        self,
        user_id: str,
        ref: str,
        query: str = "",
        state: str = "",
        limit: int = 50,
        before: str | None = None,
    ) -> FilePage:
        """Return the files of a clone, the newest first.

        Args:
            user_id: Who asks.
            ref: Slug or id of the clone.
            query: Part of the name or a tag; empty for all.
            state: One state; empty for all.
            limit: At most 200.
            before: Id of the last file already seen.
        """
        persona_id = self._owned(user_id, ref).id
        limit = max(1, min(limit, MAX_PAGE_SIZE))
        wanted = select(StoredFile).where(StoredFile.persona_id == persona_id)
        if query.strip():
            wanted = wanted.where(
                col(StoredFile.name).icontains(query.strip()[:NAME_LENGTH], autoescape=True)
            )
        if state:
            wanted = wanted.where(StoredFile.state == state)
        with self._db.read() as session:
            last = session.get(StoredFile, before) if before else None
            if last is not None:
                made = col(StoredFile.created_at)
                wanted = wanted.where(
                    or_(
                        made < last.created_at,
                        (made == last.created_at) & (col(StoredFile.id) < last.id),
                    )
                )
            newest = (col(StoredFile.created_at).desc(), col(StoredFile.id).desc())
            rows = session.exec(wanted.order_by(*newest).limit(limit + 1)).all()
        return FilePage([_info(row) for row in rows[:limit]], len(rows) > limit)

    def get_for(self, user_id: str, file_id: str) -> FileInfo:
        """Return a file.

        Raises:
            NotFound: When there is none, or its clone is somebody else's.
        """
        with self._db.read() as session:
            return _info(_row_for(session, user_id, file_id))

    def pages(self, user_id: str, file_id: str, first: int = 1, count: int = 20) -> list[PageInfo]:
        """Return up to `count` (at most 100) pages of a file from page `first` on."""
        with self._db.read() as session:
            file = _row_for(session, user_id, file_id)
            rows = session.exec(
                select(DocumentPage)
                .where(DocumentPage.file_id == file.id, col(DocumentPage.number) >= first)
                .order_by(col(DocumentPage.number))
                .limit(max(1, min(count, 100)))
            )
            return [PageInfo(row.number, row.label, row.text) for row in rows]

    def chunks(
        self, user_id: str, file_id: str, limit: int = 100, offset: int = 0
    ) -> list[ChunkInfo]:
        """Return up to `limit` (at most 500) chunks of a file in reading order."""
        with self._db.read() as session:
            file = _row_for(session, user_id, file_id)
            rows = session.exec(
                select(Chunk)
                .where(Chunk.file_id == file.id)
                .order_by(col(Chunk.position))
                .offset(max(0, offset))
                .limit(max(1, min(limit, 500)))
            )
            return [
                ChunkInfo(r.id, r.page, r.start, r.end, r.heading, r.text, r.enabled) for r in rows
            ]

    def content_path(self, user_id: str, file_id: str) -> tuple[Path, str, str]:
        """Return path, media type and name of the document as it was uploaded.

        Raises:
            DocumentError: Code `missing`, when the bytes are gone from the disk.
        """
        with self._db.read() as session:
            file = _row_for(session, user_id, file_id)
        self._store.open(file.storage_key).close()
        return self._store.path(file.storage_key), file.media_type, file.name

    def retry(self, user_id: str, file_id: str) -> FileInfo:
        """Read a failed file again, or embed again what has no vectors yet.

        Raises:
            Conflict: When there is nothing to try again.
        """
        with self._db.write() as session:
            file = _row_for(session, user_id, file_id)
            if file.state == "failed":
                _queue(session, self._jobs, file)
            elif file.embedding == "failed":
                file.embedding, file.embedding_error = "pending", None
                session.add(file)
                self._jobs.enqueue(session, "embed", file.id, {})
            else:
                raise Conflict("This file has not failed: there is nothing to try again.")
        return self._told(file)

    def cancel(self, user_id: str, file_id: str) -> FileInfo:
        """Stop the reading of a file; it can be tried again.

        Raises:
            Conflict: When it is not being read.
        """
        with self._db.write() as session:
            file = _row_for(session, user_id, file_id)
            if file.state != "processing":
                raise Conflict("This file is not being read any more.")
            self._jobs.cancel(session, file.id)
            file.state, file.stage = "failed", "failed"
            file.error, file.error_code = CANCELLED, "cancelled"
            file.updated_at = utc_now()
            session.add(file)
        return self._told(file)

    def delete(self, user_id: str, file_id: str) -> None:
        """Delete a file with its pages, chunks, vectors and bytes."""
        with self._db.write() as session:
            file = _row_for(session, user_id, file_id)
            self._jobs.cancel(session, file.id)
            self._index.remove_file(session, file.persona_id, file.id)
            session.exec(delete(Chunk).where(col(Chunk.file_id) == file.id))
            session.delete(file)
            bump_revision(session, file.persona_id)
        self._store.delete(file.storage_key)
        self._events.publish(
            f"persona:{file.persona_id}",
            {"type": "file", "fileId": file.id, "state": "deleted", "stage": "deleted"},
        )

    def resume_embedding(self, model: str) -> int:
        """Queue the files that lack vectors of `model`, at the studio's start; return how many."""
        with self._db.write() as session:
            waiting = missing_vectors(session, model)
            for file_id in waiting:
                self._jobs.enqueue(session, "embed", file_id, {})
        return len(waiting)

    def _stored(self, persona_id: str, name: str, upload: Upload, head: bytes) -> FileInfo:
        """Make the row of an upload that is complete; see `PendingUpload.finish`."""
        size = upload.size
        storage_key, sha256 = upload.keep()
        replaced = None
        try:
            with self._db.write() as session:
                if session.get(Persona, persona_id) is None:
                    raise NotFound("This clone does not exist any more.")
                file = session.exec(
                    select(StoredFile).where(
                        StoredFile.persona_id == persona_id, StoredFile.sha256 == sha256
                    )
                ).first()
                if file is not None and file.state != "failed":
                    raise AlreadyThere(
                        f"The same content is in this clone already, as “{file.name}”.",
                        existing_id=file.id,
                    )
                if file is None:
                    file = StoredFile(
                        persona_id=persona_id, name=name, size=size, sha256=sha256,
                        storage_key=storage_key,
                    )  # fmt: skip
                else:
                    replaced, file.storage_key, file.name = file.storage_key, storage_key, name
                _take_in(session, self._jobs, file, head)
        except BaseException:
            self._store.delete(storage_key)
            raise
        if replaced is not None:
            self._store.delete(replaced)
        return self._told(file)

    def _told(self, file: StoredFile) -> FileInfo:
        self._events.publish(
            f"persona:{file.persona_id}",
            {"type": "file", "fileId": file.id, "state": file.state, "stage": file.stage},
        )
        return _info(file)


class PendingUpload:
    """An upload in progress: `write` pieces, then `finish` or `discard`."""

    def __init__(self, service: FileService, persona_id: str, name: str) -> None:
        self._service = service
        self._persona_id = persona_id
        self._name = name
        self._upload = service._store.begin()
        self._head = b""

    def write(self, piece: bytes) -> None:
        """Append `piece`.

        Raises:
            TooLarge: Over the limit; nothing is kept.
        """
        if self._upload.size + len(piece) > self._service._max_bytes:
            self.discard()
            raise _too_large(self._service._max_bytes)
        if len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - len(self._head)]
        self._upload.write(piece)

    def finish(self) -> FileInfo:
        """Keep the document and queue its reading.

        What can be seen at once (empty, unsupported, not what its name says) makes a failed
        file that says why.

        Raises:
            AlreadyThere: The clone has the same content; nothing is kept.
        """
        return self._service._stored(self._persona_id, self._name, self._upload, self._head)

    def discard(self) -> None:
        """Drop what was written; after `finish` this does nothing."""
        self._upload.discard()


def display_name(name: str) -> str:
    """Return an uploaded file's name, fit to be shown: no path, no control or bidi characters."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(c for c in last if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    shown = _UNSAFE.sub("_", shown).strip(" .") or "untitled"
    stem, dot, suffix = shown.rpartition(".")
    if len(shown) > NAME_LENGTH and dot and len(suffix) <= 10:
        return f"{stem[: NAME_LENGTH - len(suffix) - 1]}.{suffix}"
    return shown[:NAME_LENGTH]


def _take_in(session: Session, jobs: JobQueue, file: StoredFile, head: bytes) -> None:
    try:
        if not head:
            raise DocumentError(
                "The file is empty: it has no bytes. Upload it again from its original.",
                code="no_text",
            )
        file.media_type = check_kind(file.name, head)
    except DocumentError as error:
        file.state, file.stage = "failed", "failed"
        file.error, file.error_code = error.detail[:500], error.code
        session.add(file)
    else:
        _queue(session, jobs, file)


def _queue(session: Session, jobs: JobQueue, file: StoredFile) -> None:
    file.state, file.stage, file.stage_started_at = "processing", "queued", utc_now()
    file.error = file.error_code = None
    file.updated_at = utc_now()
    session.add(file)
    session.flush()
    jobs.enqueue(session, "ingest", file.id, {})


def _row_for(session: Session, user_id: str, file_id: str) -> StoredFile:
    found = session.exec(
        select(StoredFile)
        .join(Persona, col(Persona.id) == StoredFile.persona_id)
        .where(StoredFile.id == file_id[:36], Persona.user_id == user_id)
    ).first()
    if found is None:
        raise NotFound("This file does not exist, or it is not yours.")
    return found


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"This file is larger than {limit // (1024 * 1024):,} MB, the limit. "
        "Split it, or ask the studio's operator to raise STUDIO_MAX_FILE_MB."
    )


def _info(row: StoredFile) -> FileInfo:
    values = row.model_dump(exclude={"sha256", "storage_key", "attempts", "stage_started_at"})
    values["warnings"], values["tags"] = tuple(row.warnings), tuple(row.tags)
    seconds = max(0.0, (utc_now() - row.stage_started_at).total_seconds())
    return FileInfo(**values, stage_seconds=round(seconds, 1))
