"""A studio with something of everything in it, and a real PostgreSQL to move it to."""

import hashlib
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from alembic import command
from sqlalchemy import text
from sqlmodel import SQLModel

from clone_studio.bootstrap import Services, build
from clone_studio.db import alembic_config
from clone_studio.models import (
    Activation,
    Chunk,
    ChunkVector,
    Conversation,
    DocumentPage,
    IndexPosting,
    IndexSegment,
    Job,
    Message,
    Persona,
    PromptVersion,
    SignInLink,
    SpeechUsage,
    StoredFile,
    StoredSetting,
    User,
    UserSession,
)
from clone_studio.services import fingerprints
from clone_studio.services.fingerprints import Fingerprint
from clone_studio.services.sealing import seal
from clone_studio.settings import Settings
from clone_studio.upkeep import migrator

Open = Callable[..., Services]
MOMENT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
API_KEY = "sk-stored-and-sealed-0123456789"
ADDRESS = "http://127.0.0.1:11434"
DOCUMENTS = {"diary.txt": b"Rose at five. \x00\xff not text at all", "letters.md": b"# To Jane\n"}
VECTOR = struct.pack("<384f", *(1 / (number + 1) for number in range(384)))


def studio_in(data_dir: Path, url: str | None = None, **values: object) -> Services:
    """Return the services of a studio in `data_dir`, with its rows at `url`; nothing is made."""
    return build(Settings(_env_file=None, data_dir=data_dir, database_address=url, **values))


def migrated(studio: Services) -> Services:
    """Make the schema."""
    migrator(studio).run()
    return studio


def go_down(studio: Services, revision: str) -> None:
    """Leave the database as an older version of the program had it."""
    config = alembic_config(studio.database.url)
    with studio.database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def fill(studio: Services) -> None:
    """Put a user with two clones into an empty studio, and rows into nearly every table."""
    stored = {}
    for name, content in DOCUMENTS.items():
        upload = studio.store.begin()
        upload.write(content)
        stored[name] = upload.keep()
    ada = User(id="ada", email="ada@example.org", is_owner=True, created_at=MOMENT)
    with studio.database.write() as session:
        for row in chain([ada], _clones(), _files(stored), _threads(), _others(studio)):
            session.add(row)
            session.flush()


def _clones() -> Iterator[SQLModel]:
    for slug, name in (("ben", "Benjamin Franklin"), ("jane", "Jane “Mecom” ✓")):
        yield Persona(
            id=f"clone-{slug}",
            user_id="ada",
            slug=slug,
            name=name,
            temperature=0.7,
            example_questions=["Who are you?", "¿Quién?"],
            retrieval={"passages": 6, "weights": {"words": 0.5}},
            created_at=MOMENT,
        )
    for number, content in enumerate(("You are Ben.", "You are Ben, a printer."), 1):
        yield PromptVersion(
            id=f"version-{number}",
            persona_id="clone-ben",
            layer="system",
            version=number,
            content=content,
            is_active=number == 2,
            created_at=MOMENT,
        )
    yield Activation(
        persona_id="clone-ben", layer="system", version_id="version-2", created_at=MOMENT
    )


def _files(stored: dict[str, tuple[str, str]]) -> Iterator[SQLModel]:
    for name, (key, digest) in stored.items():
        file_id = f"file-{name}"
        yield StoredFile(
            id=file_id,
            persona_id="clone-ben",
            name=name,
            size=len(DOCUMENTS[name]),
            sha256=digest,
            storage_key=key,
            state="ready",
            tags=["kept", "1757"],
            created_at=MOMENT,
        )
        yield DocumentPage(file_id=file_id, number=1, label="i", text="Rose at five.\nRead.")
        chunk = Chunk(
            id=f"chunk-{name}",
            persona_id="clone-ben",
            file_id=file_id,
            position=0,
            page=1,
            start=0,
            end=13,
            text="Rose at five.",
        )
        yield chunk
        yield ChunkVector(
            persona_id="clone-ben", chunk_id=chunk.id, model="m", window=0, vector=VECTOR
        )
        segment = IndexSegment(
            persona_id="clone-ben", file_id=file_id, first=0, lengths=b"\x03\x00"
        )
        yield segment
        yield IndexPosting(segment_id=segment.id, term="rose", chunks=b"\x00\x01")
    yield Job(kind="embed", subject_id="file-diary.txt", payload={"force": True})


def _threads() -> Iterator[SQLModel]:
    yield Conversation(
        id="thread", persona_id="clone-ben", user_id="ada", title="Mornings", created_at=MOMENT
    )
    yield Message(
        id="question", thread_id="thread", role="user", content="When?", created_at=MOMENT
    )
    yield Message(
        id="answer",
        thread_id="thread",
        parent_id="question",
        role="assistant",
        content="At five [1].",
        citations=[{"n": 1, "file": "diary.txt", "score": 0.25}],
        usage={"input": 100},
        spans=[{"name": "llm", "seconds": 0.125}],
        created_at=MOMENT,
    )


def _others(studio: Services) -> Iterator[SQLModel]:
    yield SpeechUsage(persona_id="clone-ben", engine="local", voice_id="v", characters=12)
    sealed = seal(API_KEY, studio.settings)
    yield StoredSetting(name="OPENAI_API_KEY", value=sealed, is_secret=True, updated_by="ada")
    yield StoredSetting(name="OPENAI_BASE_URL", value=ADDRESS, updated_by="ada")
    yield UserSession(user_id="ada", token_hash="0" * 64)
    yield SignInLink(token_hash="1" * 64)


def documents_of(studio: Services) -> dict[str, bytes]:
    """Return every document that a row leads to, by its name."""
    with studio.database.read() as session:
        rows = session.connection().execute(text("SELECT name, storage_key FROM files")).all()
    found = {}
    for name, key in rows:
        with studio.store.open(key) as stream:
            found[name] = stream.read()
    return found


def clones(studio: Services) -> tuple[Fingerprint, ...]:
    """Return the sum of every clone, as it is now."""
    with studio.database.read() as session:
        return fingerprints.take(session.connection())


def execute(studio: Services, statement: str) -> list[tuple[object, ...]]:
    """Do something that no service would, and return the rows there are."""
    with studio.database.write() as session:
        result = session.connection().execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


def sums_of(folder: Path) -> dict[str, str]:
    """Return the sum of every file below `folder`, to tell whether anything changed."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
