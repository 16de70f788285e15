"""A clone's documents: uploading, listing, reading, trying again and deleting them."""

from pathlib import Path
from typing import Protocol

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import AlreadyThere, Collision, Conflict, NotFound, TooLarge
from clone_studio.models import Chunk, DocumentPage, StoredFile
from clone_studio.providers.files.protocol import FileStore, Upload
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.services.events import EventBus
from clone_studio.services.file_names import shown_name
from clone_studio.services.file_rows import (
    ChunkInfo,
    FileInfo,
    FilePage,
    PageInfo,
    chunk_info,
    file_info,
    page_info,
)
from clone_studio.services.jobs import JobQueue
from clone_studio.services.knowledge import uses
from clone_studio.services.knowledge.extract.kinds import named_kind
from clone_studio.services.knowledge.shelf import bump_revision, file_event, set_columns
from clone_studio.services.personas import persona_row

__all__ = ["ChunkInfo", "FileInfo", "FilePage", "FileService", "PageInfo", "PendingUpload"]

MOST_LISTED = 500
MOST_PAGES = 50
MOST_CHUNKS = 200
MISSING = "There is no such file here. It may have been deleted."
CANCELLED = "You cancelled this file before it was ready. Try it again, or delete it."


class OwnedPersona(Protocol):
    """What the file service needs of a clone."""

    @property
    def id(self) -> str:
        """Id of the clone."""
        ...


class PersonaAccess(Protocol):
    """The one access rule of clones."""

    def get_for(self, user_id: str, ref: str) -> OwnedPersona:
        """Return the user's clone, or raise `NotFound`."""
        ...


class FileService:
    """Documents of clones. Every call with a `user_id` reaches only what that user owns."""

    def __init__(
        self,
        database: Database,
        *,
        personas: PersonaAccess,
        store: FileStore,
        index: SearchIndex,
        jobs: JobQueue,
        events: EventBus,
        max_bytes: int,
    ) -> None:
        self._database = database
        self._personas = personas
        self._store = store
        self._index = index
        self._jobs = jobs
        self._events = events
        self._max_bytes = max_bytes

    def begin(
        self, user_id: str, ref: str, name: str, declared_size: int | None = None
    ) -> "PendingUpload":
        """Open an upload into a clone.

        Args:
            user_id: Who uploads.
            ref: Slug or UUID of the clone.
            name: The document's name; only its last part is kept, for showing.
            declared_size: Bytes the client says will come; checked before anything is stored.

        Raises:
            NotFound: No such clone.
            TooLarge: `declared_size` is over the limit.
        """
        persona = self._personas.get_for(user_id, ref)
        if declared_size is not None and declared_size > self._max_bytes:
            raise self._too_large()
        return PendingUpload(self, persona.id, shown_name(name), self._store.begin())

    def add_text(self, persona_id: str, name: str, text: str) -> FileInfo:
        """Store a text of the studio's own as a document; the same text twice is one document."""
        upload = PendingUpload(self, persona_id, shown_name(name), self._store.begin())
        try:
            upload.write(text.encode())
            return upload.finish()
        except AlreadyThere as error:
            with self._database.read() as session:
                return file_info(session.get_one(StoredFile, error.existing_id))

    def list_for(
        self,
        user_id: str,
        ref: str,
        query: str = "",
        state: str = "",
        limit: int = 50,
        before: str | None = None,
    ) -> FilePage:
        """Return a clone's files, newest first.

        Args:
            user_id: Who asks.
            ref: Slug or UUID of the clone.
            query: Words that the name or a tag must contain, in any case.
            state: Only files in this state; empty for all.
            limit: How many, at most 500.
            before: Id of the last file of the part before this one.
        """
        persona = self._personas.get_for(user_id, ref)
        limit = max(1, min(limit, MOST_LISTED))
        wanted = select(StoredFile).where(StoredFile.persona_id == persona.id)
        if state:
            wanted = wanted.where(StoredFile.state == state)
        for word in query[:200].split():
            wanted = wanted.where(col(StoredFile.name).icontains(word, autoescape=True))
        wanted = wanted.order_by(
            col(StoredFile.created_at).desc(), col(StoredFile.id).desc()
        ).limit(limit + 1)
        with self._database.read() as session:
            mark = session.get(StoredFile, before) if before else None
            if mark is not None:
                older = col(StoredFile.created_at) < mark.created_at
                same = col(StoredFile.created_at) == mark.created_at
                wanted = wanted.where(or_(older, and_(same, col(StoredFile.id) < mark.id)))
            rows = session.exec(wanted).all()
        return FilePage(tuple(file_info(row) for row in rows[:limit]), len(rows) > limit)

    def get_for(self, user_id: str, file_id: str) -> FileInfo:
        """Return one file.

        Raises:
            NotFound: There is none, or it is in somebody else's clone.
        """
        with self._database.read() as session:
            return file_info(self._row(session, user_id, file_id))

    def pages(self, user_id: str, file_id: str, first: int = 1, count: int = 20) -> list[PageInfo]:
        """Return up to `count` pages from page `first` on, at most 50."""
        with self._database.read() as session:
            row = self._row(session, user_id, file_id)
            query = (
                select(DocumentPage)
                .where(DocumentPage.file_id == row.id, DocumentPage.number >= first)
                .order_by(col(DocumentPage.number))
                .limit(max(1, min(count, MOST_PAGES)))
            )
            return [page_info(page) for page in session.exec(query)]

    def chunks(
        self, user_id: str, file_id: str, limit: int = 50, offset: int = 0
    ) -> list[ChunkInfo]:
        """Return up to `limit` passages in reading order, at most 200, `offset` left out."""
        with self._database.read() as session:
            row = self._row(session, user_id, file_id)
            query = (
                select(Chunk)
                .where(Chunk.file_id == row.id, Chunk.position >= max(0, offset))
                .order_by(col(Chunk.position))
                .limit(max(1, min(limit, MOST_CHUNKS)))
            )
            return [chunk_info(chunk) for chunk in session.exec(query)]

    def retry(self, user_id: str, file_id: str) -> FileInfo:
        """Try a failed file once more, or the failed embedding of a ready one.

        Raises:
            Conflict: There is nothing to try again.
        """
        with self._database.write() as session:
            row = self._locked(session, user_id, file_id)
            if row.state == "failed":
                self._start(session, row)
            elif row.embedding == "failed":
                row.embedding, row.embedding_error = "pending", None
                self._jobs.enqueue(session, "embed", row.id, {})
            else:
                raise Conflict("This file did not fail, so there is nothing to try again.")
            session.add(row)
        self._publish(row)
        return file_info(row)

    def cancel(self, user_id: str, file_id: str) -> FileInfo:
        """Stop taking a file in; it stays in the list and can be tried again.

        Raises:
            Conflict: The file is not being taken in.
        """
        with self._database.write() as session:
            row = self._locked(session, user_id, file_id)
            if row.state != "processing":
                raise Conflict("This file is not being processed any more.")
            self._jobs.cancel(session, row.id)
            values = {"state": "failed", "stage": "", "error": CANCELLED}
            set_columns(row, values | {"error_code": "cancelled"})
            session.add(row)
        self._publish(row)
        return file_info(row)

    def delete(self, user_id: str, file_id: str) -> None:
        """Delete a file with its pages, passages, vectors and stored bytes."""
        with self._database.write() as session:
            row = self._locked(session, user_id, file_id)
            self._jobs.cancel(session, row.id)
            self._index.remove_file(session, row.persona_id, row.id)
            if row.state in uses.READY_STATES:
                bump_revision(session, row.persona_id)
            session.delete(row)
            session.flush()
            # It may have been the last one that another embedding model waited for.
            use = uses.locked(session, row.persona_id)
            uses.switch_if_complete(session, self._index, self._jobs, use)
        # Bytes go last: a process that ends here leaves bytes without a row, not the reverse.
        self._store.delete(row.storage_key)
        event = {"type": "file", "fileId": row.id, "state": "deleted", "stage": ""}
        self._events.publish(f"persona:{row.persona_id}", event)

    def content_path(self, user_id: str, file_id: str) -> tuple[Path, str, str]:
        """Return path, media type and name of the document as it was uploaded.

        Raises:
            DocumentError: Code `missing`.
        """
        info = self.get_for(user_id, file_id)
        with self._database.read() as session:
            key = self._row(session, user_id, file_id).storage_key
        return self._store.path(key), info.media_type, info.name

    def keep(self, persona_id: str, name: str, upload: Upload) -> FileInfo:
        """Turn a finished upload into a file and queue it; `PendingUpload.finish` calls this."""
        size = upload.size
        key, digest = upload.keep()
        try:
            with self._database.write() as session:
                row = self._same_content(session, persona_id, digest, lock=True)
                replaced = row.storage_key if row else None
                if row is None:
                    row = StoredFile(
                        persona_id=persona_id, size=size, sha256=digest, name=name, storage_key=key
                    )
                row.name, row.storage_key, row.media_type = name, key, named_kind(name)
                session.add(row)
                session.flush()
                self._start(session, row)
        except Collision:
            # The same content came twice at the same moment, and the other was first.
            self._store.delete(key)
            with self._database.read() as session:
                self._same_content(session, persona_id, digest)
            raise
        except BaseException:
            self._store.delete(key)
            raise
        if replaced:
            self._store.delete(replaced)
        self._publish(row)
        return file_info(row)

    def _same_content(
        self, session: Session, persona_id: str, digest: str, *, lock: bool = False
    ) -> StoredFile | None:
        """Return the failed file with this content, to be tried again; refuse any other."""
        query = select(StoredFile).where(
            StoredFile.persona_id == persona_id, StoredFile.sha256 == digest
        )
        row = session.exec(query.with_for_update() if lock else query).first()
        if row is not None and row.state != "failed":
            raise AlreadyThere(_already(row.name), existing_id=row.id)
        return row

    def _start(self, session: Session, row: StoredFile) -> None:
        values = {"state": "processing", "stage": "queued", "error": None, "error_code": None}
        set_columns(row, values | {"stage_started_at": utc_now(), "updated_at": utc_now()})
        row.attempts += 1
        session.add(row)
        self._jobs.enqueue(session, "ingest", row.id, {})

    def _row(self, session: Session, user_id: str, file_id: str) -> StoredFile:
        """Return the row of a file in a clone of this user: the only way to one."""
        missing = NotFound(MISSING)
        row = session.get(StoredFile, file_id)
        if row is None:
            raise missing
        try:
            persona_row(session, user_id, row.persona_id)
        except NotFound as error:
            raise missing from error
        return row

    def _locked(self, session: Session, user_id: str, file_id: str) -> StoredFile:
        """Return the row of a file, which nobody else changes until the transaction ends."""
        found = self._row(session, user_id, file_id)
        self._jobs.lock(session, found.id)
        row = session.get(StoredFile, found.id, populate_existing=True, with_for_update=True)
        if row is None:
            raise NotFound(MISSING)
        return row

    def _publish(self, row: StoredFile) -> None:
        self._events.publish(f"persona:{row.persona_id}", file_event(row))

    def _too_large(self) -> TooLarge:
        limit = self._max_bytes // (1024 * 1024)
        return TooLarge(
            f"The file is larger than {limit} MB, the limit of this studio. "
            "Split it into parts and upload those."
        )


class PendingUpload:
    """An upload that is written piece by piece. Nothing is stored until `finish`."""

    def __init__(self, files: FileService, persona_id: str, name: str, upload: Upload) -> None:
        self._files = files
        self._persona_id = persona_id
        self._name = name
        self._upload = upload

    def write(self, piece: bytes) -> None:
        """Append `piece`.

        Raises:
            TooLarge: More than the limit has come; what came is dropped.
        """
        if self._upload.size + len(piece) > self._files._max_bytes:
            self.discard()
            raise self._files._too_large()
        self._upload.write(piece)

    def finish(self) -> FileInfo:
        """Store the document and queue its reading.

        Raises:
            AlreadyThere: The clone has this content; the new bytes are dropped.
        """
        return self._files.keep(self._persona_id, self._name, self._upload)

    def discard(self) -> None:
        """Drop what was written; safe to call at any time."""
        self._upload.discard()


def _already(name: str) -> str:
    return f"This clone has the same document already, as “{name}”."
