"""The rows of a document while it is taken in: pages, passages, state and what is published."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, col

from clone_studio.db import Database, utc_now
from clone_studio.models import Chunk, DocumentPage, Persona, StoredFile
from clone_studio.models.base import new_id
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.services.events import EventBus
from clone_studio.services.jobs import JobMoot, JobQueue, RunningJob
from clone_studio.services.knowledge.parsing import Part

HEADING_CHARS = 300
LABEL_CHARS = 200


class Shelf:
    """Writes a document's rows. Every write first makes sure that the job is still ours."""

    def __init__(
        self, database: Database, index: SearchIndex, jobs: JobQueue, events: EventBus
    ) -> None:
        self._database = database
        self._index = index
        self._jobs = jobs
        self._events = events

    @contextmanager
    def writing(self, job: RunningJob) -> Iterator[tuple[Session, StoredFile]]:
        """Open a transaction on the job's file.

        Raises:
            JobLost: The job is not ours any more.
            JobMoot: Its file was deleted.
        """
        with self._database.write() as session:
            self._jobs.hold(session, job)
            file = session.get(StoredFile, job.subject_id, with_for_update=True)
            if file is None:
                raise JobMoot("The file was deleted.")
            yield session, file
            file.updated_at = utc_now()
            session.add(file)

    def change(self, job: RunningJob, **values: Any) -> StoredFile:
        """Set columns of the job's file and tell who watches; a new stage starts its clock."""
        with self.writing(job) as (_, file):
            set_columns(file, values)
        self.publish(file)
        return file

    def clear(self, session: Session, file: StoredFile) -> None:
        """Forget all that an earlier reading of the file left."""
        self._index.remove_file(session, file.persona_id, file.id)
        session.execute(delete(Chunk).where(col(Chunk.file_id) == file.id))
        session.execute(delete(DocumentPage).where(col(DocumentPage.file_id) == file.id))
        file.page_count = file.chunk_count = 0

    def add_part(self, session: Session, file: StoredFile, part: Part, position: int) -> int:
        """Add pages and their passages; return the position after the last passage."""
        pages, chunks = [], []
        for page, pieces in part.pages:
            pages.append(
                {
                    "id": new_id(),
                    "file_id": file.id,
                    "number": page.number,
                    "label": page.label[:LABEL_CHARS],
                    "text": page.text,
                }
            )
            for piece in pieces:
                chunks.append(
                    {
                        "id": new_id(),
                        "persona_id": file.persona_id,
                        "file_id": file.id,
                        "position": position,
                        "page": page.number,
                        "start": piece.start,
                        "end": piece.end,
                        "heading": piece.heading[:HEADING_CHARS],
                        "text": page.text[piece.start : piece.end],
                        "enabled": True,
                    }
                )
                position += 1
        self._database.insert_rows(session, DocumentPage, pages)
        self._database.insert_rows(session, Chunk, chunks)
        return position

    def publish(self, file: StoredFile) -> None:
        """Tell who watches the clone how its file is."""
        self._events.publish(f"persona:{file.persona_id}", file_event(file))


def set_columns(file: StoredFile, values: dict[str, Any]) -> None:
    """Set columns of a file's row; a new stage starts its clock."""
    if "stage" in values and values["stage"] != file.stage:
        file.stage_started_at = utc_now()
    for name, value in values.items():
        setattr(file, name, value)


def file_event(file: StoredFile) -> dict[str, Any]:
    """Return what is published of a file: a hint to read it again."""
    return {
        "type": "file",
        "fileId": file.id,
        "state": file.state,
        "stage": file.stage,
        "embedding": file.embedding,
    }


def bump_revision(session: Session, persona_id: str) -> None:
    """Note that what may be retrieved for a clone has changed."""
    session.execute(
        update(Persona)
        .where(col(Persona.id) == persona_id)
        .values(knowledge_revision=Persona.knowledge_revision + 1)
    )
