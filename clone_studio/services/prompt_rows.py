"""Prompt versions, activations and drafts as the pages and the API see them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from clone_studio.models import PromptDraft, PromptVersion, User
from clone_studio.services.templates import Template

_TEMPLATE = re.compile(r"From the template (.{1,200}), version (.{1,20})\.")
_RESTORED = re.compile(r"Restored from v(\d{1,9})\.")


@dataclass(frozen=True)
class VersionInfo:
    """One immutable text of one layer.

    `author` is the name of who saved it, empty when the account is gone. `template` and
    `restored_from` say where the text comes from: a template's title and version, or the number
    of an earlier version; empty and None for a text that somebody wrote.
    """

    id: str
    persona_id: str
    layer: str
    name: str
    version: int
    content: str
    is_active: bool
    author_id: str | None
    author: str
    commit_message: str
    parent_version_id: str | None
    created_at: datetime
    template: str = ""
    restored_from: int | None = None


@dataclass(frozen=True)
class VersionPage:
    """Versions, newest first; `active` is the number of the one in force, None without one."""

    versions: tuple[VersionInfo, ...]
    has_more: bool
    active: int | None
    newest: int


@dataclass(frozen=True)
class Saved:
    """A new version, what it changes against the one before, and which it took the place of."""

    version: VersionInfo
    diff: str
    previous: VersionInfo | None = None


@dataclass(frozen=True)
class Activated:
    """A version that is in force now, and the one that was before it."""

    version: VersionInfo
    previous: VersionInfo | None


@dataclass(frozen=True)
class InForce:
    """The text of a layer that answers now. `source` is version, template or default."""

    layer: str
    name: str
    content: str
    source: str
    version: VersionInfo | None
    newest: int
    since: datetime | None = None
    template: str = ""


@dataclass(frozen=True)
class Good:
    """A version that was in force before, and when it was put in force, None if unknown."""

    id: str
    version: int
    commit_message: str
    since: datetime | None


@dataclass(frozen=True)
class DraftInfo:
    """What a user has typed and not saved.

    `overtaken_by` is the newest version when it was saved after the draft began: saving the
    draft would set aside what it changed.
    """

    content: str
    base_version_id: str | None
    updated_at: datetime
    overtaken_by: VersionInfo | None = None


@dataclass(frozen=True)
class PromptsOverview:
    """The three layers of a clone, by layer; a layer's prompts begin with `main`."""

    persona_id: str
    template_name: str
    template_version: str
    layers: Mapping[str, tuple[InForce, ...]] = field(default_factory=dict)


def template_message(template: Template) -> str:
    """Return the commit message of a version whose text is a template's."""
    return f"From the template {template.title}, version {template.version}."


def restored_message(version: int) -> str:
    """Return the commit message of a version that brings an earlier one back."""
    return f"Restored from v{version}."


def version_infos(session: Session, rows: Iterable[PromptVersion]) -> tuple[VersionInfo, ...]:
    """Return the records of `rows`, with one query for their authors."""
    found = list(rows)
    authors = _names(session, {row.author_id for row in found if row.author_id})
    return tuple(_version_info(session, row, authors) for row in found)


def version_info(session: Session, row: PromptVersion) -> VersionInfo:
    """Return the record of one version."""
    return version_infos(session, [row])[0]


def draft_info(row: PromptDraft, newest: VersionInfo | None) -> DraftInfo:
    """Return the record of a draft.

    Args:
        row: The draft.
        newest: The newest version of its chain, None without any.
    """
    overtaken = newest is not None and newest.id != row.base_version_id
    return DraftInfo(
        row.content, row.base_version_id, row.updated_at, newest if overtaken else None
    )


def _names(session: Session, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    users = session.exec(select(User).where(col(User.id).in_(ids))).all()
    return {user.id: user.name or user.email for user in users}


def _version_info(session: Session, row: PromptVersion, authors: Mapping[str, str]) -> VersionInfo:
    template = _TEMPLATE.fullmatch(row.commit_message)
    return VersionInfo(
        **row.model_dump(),
        author=authors.get(row.author_id or "", ""),
        template=f"{template[1]}, version {template[2]}" if template else "",
        restored_from=_restored_from(session, row),
    )


def _restored_from(session: Session, row: PromptVersion) -> int | None:
    """Return the version whose text this one is, when its message says so and it is true.

    A maker may type the same words, so the texts are compared.
    """
    said = _RESTORED.fullmatch(row.commit_message)
    if said is None:
        return None
    number = int(said[1])
    same = select(PromptVersion.id).where(
        PromptVersion.persona_id == row.persona_id,
        PromptVersion.layer == row.layer,
        PromptVersion.name == row.name,
        PromptVersion.version == number,
        PromptVersion.content == row.content,
        number < row.version,
    )
    return number if session.exec(same).first() else None
