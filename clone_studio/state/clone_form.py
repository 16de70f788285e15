"""Creating and editing a clone: one form, its checks, and its draft in the browser."""

import asyncio
from dataclasses import dataclass, replace

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import Conflict, InvalidInput, NotFound, StudioError
from clone_studio.services.personas import PersonaInfo
from clone_studio.state.base import Reaction, StudioState
from clone_studio.state.clone_drafts import NEW, drop_draft, keep_draft, read_draft
from clone_studio.state.clone_fields import FIELDS, CloneFields, changes_of, faults_of, fields_of
from clone_studio.state.clone_rows import avatar_parts
from clone_studio.state.places import place_of
from clone_studio.state.shell import ShellState
from clone_studio.state.template_rows import TemplateRow, template_rows

MISSING = "There is no clone at this address. It may have been deleted or renamed."


@dataclass(frozen=True)
class Preview:
    """The clone's picture and name as the form has them now."""

    letters: str = "?"
    hue: str = "7"
    warmth: str = ""


class CloneFormState(StudioState):
    """What the form shows. Fields are read by the browser from `fields` when `form_key` changes."""

    fields: CloneFields = CloneFields()
    form_key: str = ""
    editing: bool = False
    ready: bool = False
    problem: str = ""
    missing: bool = False
    name: str = ""
    is_sample: bool = False
    consent_date: str = ""
    errors: dict[str, str] = {}
    dirty: bool = False
    restored: bool = False
    saving: bool = False
    preview: Preview = Preview()
    templates: list[TemplateRow] = []
    drafts: str = rx.LocalStorage("{}", name="studio_clone_drafts")

    _ref: str = ""
    _draft_key: str = ""
    _generation: int = 0
    _stored: CloneFields = CloneFields()

    @rx.event
    async def open(self) -> None:
        """Show the form of the address: a new clone, or the one that is named."""
        self._ref = place_of(str(self.router.url.path)).ref
        self.editing = bool(self._ref)
        self.problem, self.missing, self.errors = "", False, {}
        self.ready = False
        try:
            if self.editing:
                self._show(
                    await asyncio.to_thread(services().personas.get_for, self._user_id, self._ref)
                )
            else:
                self._begin()
        except NotFound:
            self.missing = True
        except StudioError as error:
            self.problem = error.detail
            return
        self.ready = True

    def _begin(self) -> None:
        """Show an empty form, or the draft that was left."""
        self._stored = CloneFields()
        self.templates = template_rows(services().templates.list())
        self.name, self.is_sample, self.consent_date = "", False, ""
        self._fill(NEW)

    def _show(self, persona: PersonaInfo) -> None:
        """Show a clone, with the changes that were typed and not saved."""
        self._stored = fields_of(persona)
        self.name, self.is_sample = persona.name, persona.is_sample
        stated = persona.consent_at
        self.consent_date = stated.strftime("%-d %B %Y") if stated else ""
        self._ref = persona.slug
        self._fill(persona.id)

    def _fill(self, draft_key: str) -> None:
        self._draft_key = draft_key
        draft = read_draft(str(self.drafts), draft_key)
        self.fields = replace(self._stored, **draft)
        self.dirty = self.restored = self.fields != self._stored
        self._generation += 1
        self.form_key = f"{draft_key}-{self._generation}"
        self._look()

    def _look(self) -> None:
        """Bring the preview up to the fields."""
        letters, hue = avatar_parts(
            f"{self.fields.letters}#{self.fields.hue}", self.fields.name, self._draft_key
        )
        self.preview = Preview(letters, hue, warmth(self.fields.temperature))

    @rx.event
    def keep(self, field: str, value: str, form_key: str) -> None:
        """Remember what is in a field, so that leaving the page loses nothing.

        Typing arrives a moment later; what was typed into a form that is gone belongs to
        another clone, or was saved or thrown away.
        """
        if field not in FIELDS or not self._draft_key or form_key != self.form_key:
            return
        self.fields = replace(self.fields, **{field: str(value)[: FIELDS[field]]})
        self.dirty = self.fields != self._stored
        changed = {
            name: getattr(self.fields, name)
            for name in FIELDS
            if getattr(self.fields, name) != getattr(self._stored, name)
        }
        self.drafts = keep_draft(str(self.drafts), self._draft_key, changed)
        if field in self.errors:
            # What was being typed arrives after a save that found it wrong, too.
            still = faults_of(self.fields, editing=self.editing)
            others = {name: text for name, text in self.errors.items() if name != field}
            self.errors = others | ({field: still[field]} if field in still else {})
        self._look()

    @rx.event
    def discard(self) -> None:
        """Throw away what was typed and not saved."""
        self.drafts = drop_draft(str(self.drafts), self._draft_key)
        self.errors = {}
        self._fill(self._draft_key)

    @rx.event
    async def save(self, form: dict[str, str]) -> Reaction:
        """Create the clone, or store its changes; every fault is said beside its field."""
        if not self._draft_key:
            # The second click of a double one: the clone is there, and the page is leaving.
            return None
        typed = {name: str(form[name])[: FIELDS[name]] for name in FIELDS if name in form}
        self.fields = replace(self.fields, **typed)
        self.errors = faults_of(self.fields, editing=self.editing)
        if self.errors:
            return rx.set_focus(f"field-{next(iter(self.errors))}")
        changes = changes_of(self.fields, editing=self.editing)
        studio = services()
        try:
            if self.editing:
                saved = await asyncio.to_thread(
                    studio.personas.update, self._user_id, self._ref, changes
                )
            else:
                saved = await asyncio.to_thread(studio.personas.create, self._user_id, changes)
        except InvalidInput as error:
            self.errors = {
                (error.field or "name").replace("retrieval.limit", "passages"): error.detail
            }
            return None
        except Conflict as error:
            self.errors = {"slug" if self.editing else "name": error.detail}
            return None
        except StudioError as error:
            self._report(error)
            return None
        self.drafts = drop_draft(str(self.drafts), self._draft_key)
        return await self._saved(saved)

    async def _saved(self, saved: PersonaInfo) -> Reaction:
        """Say that it is saved and go where work goes on."""
        shell = await self.get_state(ShellState)
        if not self.editing:
            # What is still on its way from a field must not become a draft of the next clone.
            self._draft_key = ""
            shell.selected_persona_id = saved.id
            self._notify(f"{saved.name} is there. Give it documents to answer from.")
            return rx.redirect(f"/files/{saved.slug}")
        moved = saved.slug != self._ref
        self._show(saved)
        await shell._refresh()
        self._notify(f"{saved.name} was saved.")
        return rx.redirect(f"/clones/{saved.slug}", replace=True) if moved else None


def warmth(temperature: str) -> str:
    """Return a temperature in words, empty for something that is no number."""
    try:
        value = float(temperature)
    except ValueError:
        return ""
    for limit, words in ((0.15, "Exact"), (0.5, "Careful"), (0.9, "Lively"), (1.3, "Free")):
        if value <= limit:
            return words
    return "Wild"
