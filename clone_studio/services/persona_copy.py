"""Copying a clone: its row, its prompt versions and the bytes of its documents."""

from collections.abc import Iterable

from sqlmodel import Session, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import DocumentError
from clone_studio.models import Persona, PromptVersion, StoredFile
from clone_studio.models.base import new_id
from clone_studio.providers.files.protocol import FileStore

PIECE = 1024 * 1024


def copy_persona(session: Session, source: Persona, name: str, slug: str) -> Persona:
    """Add a copy of `source` and of all its prompt versions to `session`, and return it."""
    not_copied = {
        "id",
        "name",
        "slug",
        "knowledge_revision",
        "consent_statement",
        "consent_at",
        "is_sample",
        "last_used_at",
        "created_at",
        "updated_at",
    }
    twin = Persona(name=name, slug=slug, **source.model_dump(exclude=not_copied))
    session.add(twin)
    session.flush()
    versions = session.exec(
        select(PromptVersion).where(PromptVersion.persona_id == source.id)
    ).all()
    new_ids = {version.id: new_id() for version in versions}
    for version in versions:
        values = version.model_dump(exclude={"id", "persona_id", "parent_version_id"})
        parent = new_ids.get(version.parent_version_id or "")
        session.add(
            PromptVersion(
                id=new_ids[version.id], persona_id=twin.id, parent_version_id=parent, **values
            )
        )
    return twin


def copy_files(database: Database, store: FileStore, persona_id: str) -> list[StoredFile]:
    """Copy the stored bytes of a clone's documents; return rows for them, not yet saved.

    A document whose bytes are gone is left out: its copy could never become ready.
    """
    with database.read() as session:
        rows = session.exec(select(StoredFile).where(StoredFile.persona_id == persona_id)).all()
    copies: list[StoredFile] = []
    try:
        for row in rows:
            try:
                key = _copy_bytes(store, row.storage_key)
            except DocumentError:
                continue
            copies.append(
                StoredFile(
                    persona_id="",
                    name=row.name,
                    media_type=row.media_type,
                    size=row.size,
                    sha256=row.sha256,
                    storage_key=key,
                    tags=list(row.tags),
                    stage_started_at=utc_now(),
                )
            )
    except BaseException:
        discard_bytes(store, [copy.storage_key for copy in copies])
        raise
    return copies


def discard_bytes(store: FileStore, keys: Iterable[str]) -> None:
    """Remove stored documents; those gone already are no error."""
    for key in keys:
        store.delete(key)


def _copy_bytes(store: FileStore, storage_key: str) -> str:
    upload = store.begin()
    try:
        with store.open(storage_key) as source:
            while piece := source.read(PIECE):
                upload.write(piece)
        key, _ = upload.keep()
    except BaseException:
        upload.discard()
        raise
    return key
