"""The versions of one prompt of one clone: what is read and written within a transaction.

Who may is asked before, by `personas.persona_row`; these functions take what it returned.
"""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from clone_studio.errors import Conflict, NotFound
from clone_studio.models import Activation, Persona, PromptDraft, PromptVersion
from clone_studio.services.prompt_rows import Good
from clone_studio.services.slugs import is_uuid

VERSIONS_LIMIT = 10_000
GOOD_SHOWN = 3
# Activations that are looked through for the last three different ones.
GOOD_AMONG = 200
GONE = "There is no such version in this clone."

Place = tuple[str, str]


def versions(persona_id: str, place: Place) -> SelectOfScalar[PromptVersion]:
    """Return the query of all versions of the prompt at `place`, which is layer and name."""
    return select(PromptVersion).where(
        PromptVersion.persona_id == persona_id,
        PromptVersion.layer == place[0],
        PromptVersion.name == place[1],
    )


def names(session: Session, persona_id: str, layer: str) -> set[str]:
    """Return the names of a layer's prompts that have versions."""
    query = select(PromptVersion.name).where(
        PromptVersion.persona_id == persona_id, PromptVersion.layer == layer
    )
    return set(session.exec(query.distinct()).all())


def row(session: Session, persona: Persona, version_id: str) -> PromptVersion:
    """Return a version of this clone by its id.

    Raises:
        NotFound: There is none, or it belongs to another clone.
    """
    found = session.get(PromptVersion, version_id) if is_uuid(version_id) else None
    if found is None or found.persona_id != persona.id:
        raise NotFound(GONE)
    return found


def row_at(session: Session, persona: Persona, place: Place, version_id: str) -> PromptVersion:
    """Return a version of this very prompt by its id.

    Raises:
        NotFound: There is none, or it belongs to another prompt.
    """
    found = row(session, persona, version_id)
    if (found.layer, found.name) != place:
        raise NotFound(GONE)
    return found


def number_of(session: Session, persona_id: str, place: Place, ref: str) -> int:
    """Return the number of the version with the id or the number `ref`.

    Raises:
        NotFound: There is none at this place.
    """
    if ref.isdecimal() and len(ref) < 10:
        return int(ref)
    query = versions(persona_id, place).where(PromptVersion.id == ref)
    found = session.exec(query).first()
    if found is None:
        raise NotFound(GONE)
    return found.version


def newest(session: Session, persona_id: str, place: Place) -> PromptVersion | None:
    """Return the version saved last."""
    query = versions(persona_id, place).order_by(col(PromptVersion.version).desc())
    return session.exec(query.limit(1)).first()


def newest_number(session: Session, persona_id: str, place: Place) -> int:
    """Return the number of the version saved last, 0 without any."""
    found = newest(session, persona_id, place)
    return found.version if found else 0


def active(session: Session, persona_id: str, place: Place) -> PromptVersion | None:
    """Return the version in force."""
    return session.exec(versions(persona_id, place).where(col(PromptVersion.is_active))).first()


def add(
    session: Session,
    persona: Persona,
    place: Place,
    content: str,
    message: str,
    author_id: str,
    parent: PromptVersion | None,
) -> PromptVersion:
    """Add the version after `parent`, the newest one; the caller holds the clone's row.

    Raises:
        Conflict: The prompt has as many versions as it may.
    """
    number = parent.version + 1 if parent else 1
    if number > VERSIONS_LIMIT:
        raise Conflict(
            f"This prompt has {VERSIONS_LIMIT:,} versions, which is the limit. Duplicate the "
            "clone to go on."
        )
    made = PromptVersion(
        persona_id=persona.id,
        layer=place[0],
        name=place[1],
        version=number,
        content=content,
        author_id=author_id,
        commit_message=message,
        parent_version_id=parent.id if parent else None,
    )
    session.add(made)
    session.flush()
    return made


def refuse_overtaken(found: PromptVersion | None, base_version_id: str) -> None:
    """Refuse to save over what somebody else saved since.

    Args:
        found: The newest version.
        base_version_id: The version that was edited, empty when there was none.

    Raises:
        Conflict: They differ.
    """
    if (found.id if found else "") == base_version_id:
        return
    there = f"Version {found.version}" if found else "Another text"
    raise Conflict(
        f"{there} was saved after you began to write. Look at it before you save yours.",
        code="overtaken",
    )


def draft(session: Session, user_id: str, persona_id: str, place: Place) -> PromptDraft | None:
    """Return what the user has typed and not saved."""
    query = select(PromptDraft).where(
        PromptDraft.user_id == user_id,
        PromptDraft.persona_id == persona_id,
        PromptDraft.layer == place[0],
        PromptDraft.name == place[1],
    )
    return session.exec(query).first()


def drop_draft(session: Session, user_id: str, persona_id: str, place: Place) -> None:
    """Forget what the user has typed and not saved."""
    session.exec(
        delete(PromptDraft).where(
            col(PromptDraft.user_id) == user_id,
            col(PromptDraft.persona_id) == persona_id,
            col(PromptDraft.layer) == place[0],
            col(PromptDraft.name) == place[1],
        )
    )


def active_since(session: Session, version: PromptVersion) -> datetime:
    """Return when a version was put in force last; where that is not recorded, when it was made."""
    query = (
        select(Activation.created_at)
        .where(Activation.version_id == version.id)
        .order_by(col(Activation.created_at).desc())
    )
    return session.exec(query.limit(1)).first() or version.created_at


def good(session: Session, persona_id: str, place: Place, active_id: str) -> tuple[Good, ...]:
    """Return the last three versions that were in force before `active_id`, the latest first."""
    query = (
        select(Activation)
        .where(
            Activation.persona_id == persona_id,
            Activation.layer == place[0],
            Activation.name == place[1],
        )
        .order_by(col(Activation.created_at).desc(), col(Activation.id))
        .limit(GOOD_AMONG)
    )
    # The one that the oldest activation replaced was put in force before these were recorded.
    since: dict[str, datetime | None] = {}
    for one in session.exec(query):
        since[one.version_id] = since.get(one.version_id) or one.created_at
        if one.previous_version_id:
            since.setdefault(one.previous_version_id, None)
    since.pop(active_id, None)
    return tuple(
        Good(found.id, found.version, found.commit_message, moment)
        for version_id, moment in list(since.items())[:GOOD_SHOWN]
        if (found := session.get(PromptVersion, version_id)) is not None
    )
