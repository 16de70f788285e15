"""Clones: the one way to reach them, and what their maker may do with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import Conflict, NotFound
from clone_studio.models import Chunk, Conversation, Message, Persona, StoredFile, User
from clone_studio.providers.files.protocol import FileStore
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.services.audit import AuditService
from clone_studio.services.events import EventBus
from clone_studio.services.jobs import ALL, TEND, JobQueue
from clone_studio.services.persona_copy import copy_files, copy_persona, discard_bytes
from clone_studio.services.persona_fields import checked_changes
from clone_studio.services.prompts import PromptService
from clone_studio.services.slugs import free_slug, is_uuid
from clone_studio.services.templates import DEFAULT, TemplateCatalog

CLONES_LIMIT = 500
# "Last used" is shown to the minute: writing it at every question would only add writes.
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class PersonaInfo:
    """A clone as pages and the API show it; `files` and `chunks` are counts."""

    id: str
    slug: str
    name: str
    avatar: str
    purpose: str
    description: str
    greeting: str
    example_questions: tuple[str, ...]
    no_answer_text: str
    language: str
    model: str
    temperature: float
    max_tokens: int
    retrieval: Mapping[str, Any]
    template_name: str
    template_version: str
    knowledge_revision: int
    voice_id: str
    voice_name: str
    voice_settings: Mapping[str, Any]
    elevenlabs_agent_id: str
    consent_statement: str
    consent_at: datetime | None
    is_sample: bool
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime
    files: int = 0
    chunks: int = 0


@dataclass(frozen=True)
class Deleted:
    """What went with a deleted clone, as counts."""

    files: int
    chunks: int
    threads: int
    messages: int


class PersonaService:
    """Makes, reads, changes and deletes clones. Every call checks who asks."""

    def __init__(
        self,
        database: Database,
        *,
        prompts: PromptService,
        templates: TemplateCatalog,
        store: FileStore,
        index: SearchIndex,
        jobs: JobQueue,
        audit: AuditService,
        events: EventBus,
    ) -> None:
        self._database = database
        self._prompts = prompts
        self._templates = templates
        self._store = store
        self._index = index
        self._jobs = jobs
        self._audit = audit
        self._events = events

    def get_for(self, user_id: str, ref: str) -> PersonaInfo:
        """Return the clone of this user with the slug or UUID `ref`.

        Raises:
            NotFound: There is none, or it is somebody else's: both look the same.
        """
        with self._database.read() as session:
            return _infos(session, [persona_row(session, user_id, ref)])[0]

    def list_for(self, user_id: str) -> list[PersonaInfo]:
        """Return the user's clones, the one used last first."""
        last = func.coalesce(col(Persona.last_used_at), col(Persona.created_at))
        query = (
            select(Persona)
            .where(Persona.user_id == user_id)
            .order_by(last.desc(), col(Persona.id))
            .limit(CLONES_LIMIT)
        )
        with self._database.read() as session:
            return _infos(session, session.exec(query).all())

    def create(
        self, user_id: str, changes: Mapping[str, Any], *, is_sample: bool = False
    ) -> PersonaInfo:
        """Make a clone from `changes`, of which only `name` is needed.

        Its first prompt versions come from the template named by `template_name`, the
        studio's default where none is named.

        Raises:
            InvalidInput: A field out of its bounds.
            NotFound: No such template.
            Conflict: The slug asked for is taken.
        """
        values = checked_changes({"name": "", **changes})
        template = self._templates.get(str(changes.get("template_name") or DEFAULT))
        with self._database.write() as session:
            _choose_slug_alone(session, user_id)
            taken = _slugs(session, user_id)
            if len(taken) >= CLONES_LIMIT:
                raise Conflict(
                    f"There are {CLONES_LIMIT} clones already, which is the limit. "
                    "Delete one to make another."
                )
            _refuse_taken(values.get("slug"), taken)
            values.setdefault("slug", free_slug(values["name"], taken))
            persona = Persona(
                user_id=user_id,
                is_sample=is_sample,
                template_name=template.name,
                template_version=template.version,
                **_with_consent(values),
            )
            session.add(persona)
            session.flush()
            self._prompts.start_from(session, persona.id, template.name, user_id)
            self._record_consent(session, user_id, persona, values)
            self._audit.write(session, "persona.created", user_id=user_id, subject=persona.id)
            session.flush()
            return _infos(session, [persona])[0]

    def update(self, user_id: str, ref: str, changes: Mapping[str, Any]) -> PersonaInfo:
        """Change the fields given in `changes`; other keys are left out.

        Raises:
            NotFound: As `get_for`.
            InvalidInput: A field out of its bounds.
            Conflict: The slug asked for is taken.
        """
        values = checked_changes(changes)
        with self._database.write() as session:
            if "slug" in values:
                _choose_slug_alone(session, user_id)
            persona = persona_row(session, user_id, ref, lock=True)
            if values.get("slug") != persona.slug:
                _refuse_taken(values.get("slug"), _slugs(session, user_id))
            if values.get("consent_statement") == persona.consent_statement:
                # The date belongs to the statement: saving the form again does not renew it.
                del values["consent_statement"]
            if values.get("voice_id", persona.voice_id) != persona.voice_id:
                # The name of another voice would be wrong; the Voice page looks it up.
                values.setdefault("voice_name", "")
            for field, value in _with_consent(values).items():
                setattr(persona, field, value)
            persona.updated_at = utc_now()
            self._record_consent(session, user_id, persona, values)
            session.flush()
            return _infos(session, [persona])[0]

    def duplicate(self, user_id: str, ref: str) -> PersonaInfo:
        """Make a copy of a clone with its settings, prompt versions and documents.

        The documents' bytes are copied at once and read anew by the same durable jobs as an
        upload, so the copy answers as soon as they are done. Threads stay with the original.
        The consent statement is not copied: it is given for one clone.
        """
        with self._database.read() as session:
            source = persona_row(session, user_id, ref)
        # The bytes are copied before the write lock is taken: disks are slow.
        copies = copy_files(self._database, self._store, source.id)
        try:
            with self._database.write() as session:
                _choose_slug_alone(session, user_id)
                source = persona_row(session, user_id, source.id)
                taken = _slugs(session, user_id)
                name = f"{source.name[:73]} (copy)"
                twin = copy_persona(session, source, name, free_slug(name, taken))
                for stored in copies:
                    stored.persona_id = twin.id
                    session.add(stored)
                session.flush()
                for stored in copies:
                    self._jobs.enqueue(session, "ingest", stored.id, {})
                self._audit.write(
                    session,
                    "persona.duplicated",
                    user_id=user_id,
                    subject=twin.id,
                    detail=f"From {source.id}.",
                )
                session.flush()
                return _infos(session, [twin])[0]
        except BaseException:
            # Nothing refers to the copied bytes when the rows were not written.
            discard_bytes(self._store, [stored.storage_key for stored in copies])
            raise

    def delete(self, user_id: str, ref: str) -> Deleted:
        """Delete a clone with its documents, chunks, vectors, stored bytes and threads."""
        with self._database.write() as session:
            persona_id = persona_row(session, user_id, ref).id
            files = select(StoredFile.id).where(StoredFile.persona_id == persona_id)
            # Before the rows that the work on them changes.
            self._jobs.cancel(session, *session.exec(files).all())
            persona = persona_row(session, user_id, persona_id, lock=True)
            keys = session.exec(
                select(StoredFile.storage_key).where(StoredFile.persona_id == persona.id)
            ).all()
            deleted = _count_all(session, persona.id, len(keys))
            self._index.remove_persona(session, persona.id)
            if self._index.wants_tending(session, persona.id):
                self._jobs.enqueue(session, TEND, ALL, {})
            self._audit.write(
                session,
                "persona.deleted",
                user_id=user_id,
                subject=persona.id,
                detail=f"{persona.name}: {deleted.files} files, {deleted.chunks} chunks, "
                f"{deleted.threads} threads, {deleted.messages} messages.",
            )
            session.delete(persona)
        # Bytes go last: if the process ends here, unreferenced bytes remain, never a row
        # that points to nothing.
        discard_bytes(self._store, keys)
        self._events.publish(f"persona:{persona_id}", {"type": "persona_deleted"})
        return deleted

    def touch(self, persona_id: str) -> None:
        """Remember that the clone was used now."""
        now = utc_now()
        with self._database.read() as session:
            persona = session.get(Persona, persona_id)
            used = persona.last_used_at if persona else now
        if used is not None and now - used < TOUCH_EVERY:
            return
        with self._database.write() as session:
            persona = session.get(Persona, persona_id, with_for_update=True)
            if persona is not None:
                persona.last_used_at = now

    def _record_consent(
        self, session: Session, user_id: str, persona: Persona, values: Mapping[str, Any]
    ) -> None:
        if "consent_statement" in values:
            self._audit.write(
                session,
                "persona.consent" if values["consent_statement"] else "persona.consent_withdrawn",
                user_id=user_id,
                subject=persona.id,
                detail=values["consent_statement"],
            )


def persona_row(session: Session, user_id: str, ref: str, *, lock: bool = False) -> Persona:
    """Return the row of this user's clone with the slug or UUID `ref`: the one access rule.

    Args:
        session: Of the caller.
        user_id: Whose clone.
        ref: Slug or UUID.
        lock: Let no other transaction change or delete it until the end of this one.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    wanted = ref.strip().lower() if isinstance(ref, str) else ""
    same = Persona.id == wanted if is_uuid(wanted) else Persona.slug == wanted
    query = select(Persona).where(Persona.user_id == user_id, same)
    # What only refers to the clone, as a new passage does, need not wait.
    persona = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    if persona is None:
        raise NotFound("There is no such clone here. It may have been deleted or renamed.")
    return persona


def _infos(session: Session, personas: Sequence[Persona]) -> list[PersonaInfo]:
    """Return the dataclasses of `personas`, with two counting queries for all of them."""
    ids = [persona.id for persona in personas]
    files = _counts(session, StoredFile.persona_id, ids)
    chunks = _counts(session, Chunk.persona_id, ids)
    return [
        _info(persona, files.get(persona.id, 0), chunks.get(persona.id, 0)) for persona in personas
    ]


def _info(persona: Persona, files: int, chunks: int) -> PersonaInfo:
    values = persona.model_dump(exclude={"user_id", "example_questions"})
    return PersonaInfo(
        **values, example_questions=tuple(persona.example_questions), files=files, chunks=chunks
    )


def _counts(session: Session, column: Any, ids: Sequence[str]) -> dict[str, int]:
    query = select(column, func.count()).where(col(column).in_(ids)).group_by(column)
    return dict(session.exec(query).all())


def _count_all(session: Session, persona_id: str, files: int) -> Deleted:
    threads = select(Conversation.id).where(Conversation.persona_id == persona_id)
    messages = select(func.count()).select_from(Message).where(col(Message.thread_id).in_(threads))
    return Deleted(
        files=files,
        chunks=_counts(session, Chunk.persona_id, [persona_id]).get(persona_id, 0),
        threads=_counts(session, Conversation.persona_id, [persona_id]).get(persona_id, 0),
        messages=session.exec(messages).one(),
    )


def _choose_slug_alone(session: Session, user_id: str) -> None:
    """Let one transaction at a time look which addresses a user's clones have, and add one."""
    session.exec(select(User.id).where(User.id == user_id).with_for_update(key_share=True)).first()


def _slugs(session: Session, user_id: str) -> set[str]:
    return set(session.exec(select(Persona.slug).where(Persona.user_id == user_id)).all())


def _refuse_taken(slug: str | None, taken: set[str]) -> None:
    if slug in taken:
        raise Conflict(f'Another clone has the address "{slug}" already. Choose another one.')


def _with_consent(values: Mapping[str, Any]) -> dict[str, Any]:
    if "consent_statement" not in values:
        return dict(values)
    return {**values, "consent_at": utc_now() if values["consent_statement"] else None}
