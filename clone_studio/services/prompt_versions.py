"""Versions of a clone's prompts: saving, activating, restoring, and what is in force.

A version never changes. Saving makes the next one; which of them answers is a step of its own,
recorded with who took it and what it replaced.
"""

from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session, col

from clone_studio.db import Database, utc_now
from clone_studio.models import Activation, Persona, PromptVersion
from clone_studio.services import prompt_chain as chain
from clone_studio.services.audit import AuditService
from clone_studio.services.events import EventBus
from clone_studio.services.personas import persona_row
from clone_studio.services.prompt_rows import (
    Activated,
    Good,
    InForce,
    PromptsOverview,
    Saved,
    VersionInfo,
    VersionPage,
    restored_message,
    template_message,
    version_info,
    version_infos,
)
from clone_studio.services.prompt_texts import (
    checked_message,
    checked_place,
    checked_text,
    line_diff,
)
from clone_studio.services.prompts import MAIN
from clone_studio.services.templates import LAYERS, TemplateCatalog

MOST_LISTED = 100
Result = TypeVar("Result")


class PromptVersionService:
    """Reads and writes versions. Every call checks who asks.

    Args:
        database: Where versions are.
        templates: What a layer without versions falls back to, and what can be applied.
        audit: Remembers who put what in force.
        events: Tells other tabs on `prompts:{persona_id}`.
    """

    def __init__(
        self,
        database: Database,
        *,
        templates: TemplateCatalog,
        audit: AuditService,
        events: EventBus,
    ) -> None:
        self._database = database
        self._templates = templates
        self._audit = audit
        self._events = events

    def overview(self, user_id: str, ref: str) -> PromptsOverview:
        """Return what is in force in each layer of a clone.

        Raises:
            NotFound: No such clone here.
        """
        with self._database.read() as session:
            persona = persona_row(session, user_id, ref)
            return PromptsOverview(
                persona.id,
                persona.template_name,
                persona.template_version,
                {layer: self._in_force(session, persona, layer) for layer in LAYERS},
            )

    def list_for(
        self,
        user_id: str,
        ref: str,
        layer: str,
        name: str = MAIN,
        limit: int = 20,
        before: str | int | None = None,
    ) -> VersionPage:
        """Return the versions of one prompt, newest first.

        Args:
            user_id: Who asks.
            ref: Slug or UUID of the clone.
            layer: system, rag or user.
            name: The prompt's name in its layer.
            limit: How many, at most `MOST_LISTED`.
            before: Id or number of the last version of the part before this one.

        Raises:
            NotFound: No such clone, layer or version to go on from.
        """
        place = checked_place(layer, name)
        with self._database.read() as session:
            persona = persona_row(session, user_id, ref)
            wanted = chain.versions(persona.id, place).order_by(col(PromptVersion.version).desc())
            if before not in {None, ""}:
                wanted = wanted.where(
                    PromptVersion.version < chain.number_of(session, persona.id, place, str(before))
                )
            limit = max(1, min(limit, MOST_LISTED))
            rows = session.exec(wanted.limit(limit + 1)).all()
            active = chain.active(session, persona.id, place)
            return VersionPage(
                version_infos(session, rows[:limit]),
                len(rows) > limit,
                active.version if active else None,
                chain.newest_number(session, persona.id, place),
            )

    def get_for(self, user_id: str, ref: str, version_id: str) -> VersionInfo:
        """Return one version of a clone by its id.

        Raises:
            NotFound: There is none in this clone, or the clone is somebody else's.
        """
        with self._database.read() as session:
            persona = persona_row(session, user_id, ref)
            return version_info(session, chain.row(session, persona, version_id))

    def good_for(self, user_id: str, ref: str, layer: str, name: str = MAIN) -> tuple[Good, ...]:
        """Return the last three versions that were in force before the present one."""
        place = checked_place(layer, name)
        with self._database.read() as session:
            persona = persona_row(session, user_id, ref)
            active = chain.active(session, persona.id, place)
            return chain.good(session, persona.id, place, active.id if active else "")

    def save(
        self,
        user_id: str,
        ref: str,
        layer: str,
        name: str,
        content: str,
        message: str = "",
        *,
        activate: bool = False,
        base_version_id: str | None = None,
    ) -> Saved:
        """Save a text as the next version; the user's draft of this prompt ends with it.

        Args:
            user_id: Who saves.
            ref: Slug or UUID of the clone.
            layer: system, rag or user.
            name: The prompt's name in its layer.
            content: The text.
            message: What changed and why, at most 500 characters.
            activate: Put it in force in the same step.
            base_version_id: The version that was edited; refuses when a newer one is there.

        Raises:
            NotFound: No such clone or layer.
            InvalidInput: The text or the message is not right.
            Conflict: Somebody saved since `base_version_id`.
        """
        place = checked_place(layer, name)
        text, note = checked_text(content), checked_message(message)

        def act(session: Session, persona: Persona) -> Saved:
            newest = chain.newest(session, persona.id, place)
            if base_version_id is not None:
                chain.refuse_overtaken(newest, base_version_id)
            row = chain.add(session, persona, place, text, note, user_id, newest)
            chain.drop_draft(session, user_id, persona.id, place)
            return self._saved(session, persona, row, newest, user_id, activate=activate)

        return self._write(user_id, ref, act)

    def activate(self, user_id: str, ref: str, version_id: str, reason: str = "") -> Activated:
        """Put a version in force; the next question is answered with it.

        Args:
            user_id: Who does it.
            ref: Slug or UUID of the clone.
            version_id: Id of the version.
            reason: Why, at most 500 characters, kept with the activation.

        Raises:
            NotFound: There is no such version in this clone.
        """

        def act(session: Session, persona: Persona) -> Activated:
            row = chain.row(session, persona, version_id)
            previous = self._put_in_force(session, persona, row, user_id, reason)
            return Activated(
                version_info(session, row), version_info(session, previous) if previous else None
            )

        return self._write(user_id, ref, act)

    def restore(self, user_id: str, ref: str, version_id: str, *, activate: bool = False) -> Saved:
        """Save the text of an earlier version anew; the new version says whose text it is.

        Raises:
            NotFound: There is no such version in this clone.
        """

        def act(session: Session, persona: Persona) -> Saved:
            old = chain.row(session, persona, version_id)
            place = (old.layer, old.name)
            newest = chain.newest(session, persona.id, place)
            note = restored_message(old.version)
            row = chain.add(session, persona, place, old.content, note, user_id, newest)
            return self._saved(session, persona, row, newest, user_id, activate=activate)

        return self._write(user_id, ref, act)

    def apply_template(self, user_id: str, ref: str, template_name: str) -> PromptsOverview:
        """Save a template's texts as new versions of all three layers and put them in force.

        Raises:
            NotFound: No such clone or template.
        """
        template = self._templates.get(template_name)

        def act(session: Session, persona: Persona) -> None:
            for layer in LAYERS:
                place = (layer, MAIN)
                newest = chain.newest(session, persona.id, place)
                text, note = template.layers[layer], template_message(template)
                row = chain.add(session, persona, place, text, note, user_id, newest)
                self._put_in_force(session, persona, row, user_id, note)
            persona.template_name, persona.template_version = template.name, template.version
            persona.updated_at = utc_now()

        self._write(user_id, ref, act)
        return self.overview(user_id, ref)

    def _write(self, user_id: str, ref: str, act: Callable[[Session, Persona], Result]) -> Result:
        """Do something with a clone's versions, one writer of a clone at a time, and tell of it.

        The clone's row is locked, so numbers follow each other without a gap and never is more
        than one version in force; the unique constraint of the table stands behind it.
        """
        with self._database.write() as session:
            persona = persona_row(session, user_id, ref, lock=True)
            done = act(session, persona)
            persona_id = persona.id
        self._events.publish(f"prompts:{persona_id}", {"type": "prompts_changed"})
        return done

    def _in_force(self, session: Session, persona: Persona, layer: str) -> tuple[InForce, ...]:
        """Return the texts of one layer, `main` first; only main answers."""
        names = sorted(
            chain.names(session, persona.id, layer) | {MAIN}, key=lambda n: (n != MAIN, n)
        )
        return tuple(self._one_in_force(session, persona, (layer, name)) for name in names)

    def _one_in_force(self, session: Session, persona: Persona, place: chain.Place) -> InForce:
        newest = chain.newest_number(session, persona.id, place)
        row = chain.active(session, persona.id, place)
        if row is not None:
            return InForce(
                *place,
                content=row.content,
                source="version",
                version=version_info(session, row),
                newest=newest,
                since=chain.active_since(session, row),
            )
        template = self._templates.get_or_default(persona.template_name)
        known = template.name == persona.template_name
        return InForce(
            *place,
            content=template.layers[place[0]] if place[1] == MAIN else "",
            source="template" if known else "default",
            version=None,
            newest=newest,
            template=template.title,
        )

    def _saved(
        self,
        session: Session,
        persona: Persona,
        row: PromptVersion,
        parent: PromptVersion | None,
        user_id: str,
        *,
        activate: bool,
    ) -> Saved:
        previous = None
        if activate:
            previous = self._put_in_force(session, persona, row, user_id, "")
        return Saved(
            version_info(session, row),
            line_diff(
                parent.content if parent else "",
                row.content,
                f"v{parent.version}" if parent else "nothing",
                f"v{row.version}",
            ),
            version_info(session, previous) if previous else None,
        )

    def _put_in_force(
        self, session: Session, persona: Persona, row: PromptVersion, user_id: str, reason: str
    ) -> PromptVersion | None:
        """Make a version the active one and record it; returns the one it replaced."""
        previous = chain.active(session, persona.id, (row.layer, row.name))
        if previous is not None and previous.id == row.id:
            return previous
        if previous is not None:
            previous.is_active = False
            session.flush()
        row.is_active = True
        session.add(
            Activation(
                persona_id=persona.id,
                layer=row.layer,
                name=row.name,
                version_id=row.id,
                previous_version_id=previous.id if previous else None,
                user_id=user_id,
                reason=checked_message(reason),
            )
        )
        before = f"version {previous.version}" if previous else "no version"
        self._audit.write(
            session,
            "prompt.activated",
            user_id=user_id,
            subject=persona.id,
            detail=f"{row.layer}/{row.name}: version {row.version} instead of {before}.",
        )
        session.flush()
        return previous
