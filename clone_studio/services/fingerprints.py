"""One sum for each clone, equal on every machine and engine that holds the same clone.

It covers what people made: the clone's settings, its prompts with their history, its files with
their passages, and its threads. It leaves out what a studio makes for itself, such as the search
index, vectors, leases and how far a job is.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.engine import Connection
from sqlmodel import col

from clone_studio.models import (
    Activation,
    Chunk,
    Conversation,
    DocumentPage,
    Message,
    Persona,
    PromptVersion,
    StoredFile,
)

# Grows when the definition below changes: sums of two definitions are not comparable.
DEFINITION = 1
READ_ROWS = 500
SHORT = 16

_PERSONA = (
    "id user_id slug name avatar purpose description greeting example_questions no_answer_text "
    "language model temperature max_tokens retrieval template_name template_version voice_id "
    "voice_name voice_settings elevenlabs_agent_id consent_statement consent_at is_sample "
    "created_at"
)
_VERSION = (
    "id layer name version content is_active author_id commit_message parent_version_id created_at"
)
_ACTIVATION = "layer name version_id previous_version_id user_id reason created_at"
_FILE = "id name media_type size sha256 tags created_at"
_PAGE = "file_id number label text"
_CHUNK = "file_id position page start end heading text enabled"
_THREAD = "id user_id title created_at deleted_at"
_MESSAGE = (
    "id thread_id parent_id role content state error error_code model citations proof usage "
    "created_at"
)


@dataclass(frozen=True)
class Fingerprint:
    """The sum of one clone, as 64 hexadecimal digits."""

    persona_id: str
    name: str
    sha256: str

    @property
    def line(self) -> str:
        """The sum's beginning and the clone's name, for people to compare."""
        return f"{self.sha256[:SHORT]}  {self.name}"


def take(connection: Connection) -> tuple[Fingerprint, ...]:
    """Return the sum of every clone, in the order of their ids.

    Args:
        connection: Of a database at the newest revision. Consistent within one snapshot.
    """
    personas = connection.execute(select(col(Persona.id), col(Persona.name))).all()
    return tuple(
        Fingerprint(persona_id, name, _sum_of(connection, persona_id))
        for persona_id, name in sorted((str(one), str(name)) for one, name in personas)
    )


def _sum_of(connection: Connection, persona_id: str) -> str:
    digest = hashlib.sha256()
    for name, query in _parts(persona_id):
        # Sorted sums instead of sorted rows: engines order text differently.
        rows = connection.execute(query, execution_options={"yield_per": READ_ROWS})
        sums = sorted(hashlib.sha256(_canonical(list(row))).digest() for row in rows)
        digest.update(_canonical([name, len(sums)]))
        digest.update(b"".join(sums))
    return digest.hexdigest()


def _parts(persona_id: str) -> Iterator[tuple[str, Select[Any]]]:
    yield "persona", _rows(Persona, _PERSONA, col(Persona.id) == persona_id)
    of_persona: tuple[tuple[str, Any, str], ...] = (
        ("prompt versions", PromptVersion, _VERSION),
        ("activations", Activation, _ACTIVATION),
        ("files", StoredFile, _FILE),
        ("chunks", Chunk, _CHUNK),
        ("threads", Conversation, _THREAD),
    )
    for name, model, columns in of_persona:
        yield name, _rows(model, columns, col(model.persona_id) == persona_id)
    own_files = select(col(StoredFile.id)).where(col(StoredFile.persona_id) == persona_id)
    yield "pages", _rows(DocumentPage, _PAGE, col(DocumentPage.file_id).in_(own_files))
    own_threads = select(col(Conversation.id)).where(col(Conversation.persona_id) == persona_id)
    yield "messages", _rows(Message, _MESSAGE, col(Message.thread_id).in_(own_threads))


def _rows(model: Any, columns: str, where: ColumnElement[bool]) -> Select[Any]:
    return select(*(col(getattr(model, name)) for name in columns.split())).where(where)


def _canonical(values: list[Any]) -> bytes:
    return json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_time
    ).encode()


def _time(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value)} has no canonical form")
    return value.astimezone(UTC).isoformat()
