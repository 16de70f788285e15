"""The row that says by which embedding model a clone is searched, and the switch to another."""

from typing import Any

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from clone_studio.models import EmbeddingUse, Job, Persona, StoredFile
from clone_studio.providers.search.protocol import SearchIndex
from clone_studio.services.jobs import JobQueue
from clone_studio.services.knowledge.shelf import bump_revision

READY_STATES = ("ready", "ready_with_warnings")
# Questions that began before a switch still find the vectors they were made for.
GRACE_SECONDS = 60.0


def locked(session: Session, persona_id: str) -> EmbeddingUse | None:
    """Return a clone's row, which nobody else changes before this transaction ends.

    The clone itself is locked, because there may be no row yet. None where the clone has no
    vectors.
    """
    clone = select(Persona.id).where(Persona.id == persona_id)
    session.exec(clone.with_for_update(key_share=True)).first()
    return session.get(EmbeddingUse, persona_id, populate_existing=True)


def first(session: Session, persona_id: str, model: str, origin: dict[str, Any]) -> EmbeddingUse:
    """Note by which model a clone is searched that has its first vectors now."""
    use = EmbeddingUse(persona_id=persona_id, model=model, origin=origin)
    session.add(use)
    return use


def serves(use: EmbeddingUse | None, model: str) -> bool:
    """Say whether vectors of `model` are those that a clone's questions are compared with."""
    return use is None or use.model == model


def wanted_by(use: EmbeddingUse | None, model: str) -> bool:
    """Say whether vectors of `model` are still to be made for a clone."""
    return use is None or (use.building or use.model) == model


def passages(session: Session, persona_id: str) -> int:
    """Return how many passages the ready files of a clone have."""
    query = select(func.sum(StoredFile.chunk_count)).where(
        StoredFile.persona_id == persona_id, col(StoredFile.state).in_(READY_STATES)
    )
    return session.exec(query).one() or 0


def switch_if_complete(
    session: Session, index: SearchIndex, jobs: JobQueue, use: EmbeddingUse | None
) -> bool:
    """Let a clone be searched by the model that is built, if all vectors are there.

    Args:
        session: Of the caller, with the row locked.
        index: Counts the vectors.
        jobs: Takes the deletion of the old ones, which follows.
        use: The clone's row.
    """
    if use is None or not use.building or _works(session, use.persona_id):
        return False
    total = passages(session, use.persona_id)
    if index.embedded(session, use.persona_id, use.building) < total:
        return False
    use.model, use.origin = use.building, use.building_origin
    settle(use)
    session.add(use)
    session.execute(
        update(StoredFile)
        .where(
            col(StoredFile.persona_id) == use.persona_id, col(StoredFile.state).in_(READY_STATES)
        )
        .values(embedding="done", embedding_error=None, stage="")
    )
    bump_revision(session, use.persona_id)
    jobs.enqueue(session, "forget", use.persona_id, {}, after=GRACE_SECONDS)
    return True


def settle(use: EmbeddingUse) -> None:
    """Note that nothing is built beside the model in use."""
    use.building, use.building_origin, use.started_at, use.error = "", {}, None, None


def _works(session: Session, persona_id: str) -> bool:
    """Say whether some file of a clone is still to be embedded: counting can wait for it."""
    query = (
        select(Job.id)
        .join(StoredFile, col(StoredFile.id) == col(Job.subject_id))
        .where(
            Job.kind == "embed",
            col(Job.state).in_(("queued", "running")),
            StoredFile.persona_id == persona_id,
        )
        .limit(1)
    )
    return session.exec(query).first() is not None
