"""The prompts of a clone: three layers, what is typed, versions, and which of them answers."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import Conflict, NotFound, StudioError
from clone_studio.services.personas import PersonaInfo
from clone_studio.services.prompt_check import checked
from clone_studio.services.prompt_language import SOURCE_CHARS
from clone_studio.services.prompt_rows import VersionInfo
from clone_studio.services.prompt_texts import MESSAGE_CHARS, line_diff
from clone_studio.services.prompts import MAIN
from clone_studio.services.templates import LAYERS
from clone_studio.state.base import StudioState
from clone_studio.state.prompt_rows import (
    LAYER_NOTES,
    VARIABLES,
    CheckRow,
    LineRow,
    PreviewRow,
    TabRow,
    VersionRow,
    check_row,
    line_rows,
    preview_row,
    tab_row,
    version_row,
)
from clone_studio.state.template_rows import TemplateRow, template_rows

PAGE = 20
T = TypeVar("T")


class PromptsState(StudioState):
    """What the Prompts page shows.

    The editor keeps its own text; `form_key`, its clone, layer and number, makes it anew.
    """

    ready: bool = False
    problem: str = ""
    missing: bool = False
    clone: str = ""
    clone_name: str = ""
    provenance: str = ""
    tabs: list[TabRow] = []
    layer: str = "system"
    note: str = ""
    variables: str = ""
    text: str = ""
    form_key: str = ""
    check: CheckRow = CheckRow()
    draft_words: str = ""
    has_draft: bool = False
    behind: str = ""
    overtaken: str = ""
    save_problem: str = ""
    conflict: bool = False
    versions: list[VersionRow] = []
    has_more: bool = False
    good: list[VersionRow] = []
    shown: VersionRow = VersionRow()
    shown_lines: list[LineRow] = []
    shown_against: str = ""
    shown_place: int = 0
    preview: list[PreviewRow] = []
    preview_words: str = ""
    preview_place: int = 0
    templates: list[TemplateRow] = []
    asking: TemplateRow = TemplateRow()

    _base_id: str = ""
    _began: str = ""
    _in_force: str = ""
    _generation: int = 0

    @rx.event
    async def open(self) -> None:
        """Show the prompts of the clone in the address."""
        if not self._user_id:
            return
        self.problem = ""
        try:
            persona = await asyncio.to_thread(
                services().personas.get_for, self._user_id, str(self.slug)
            )
            await self._show(persona)
        except NotFound:
            self.missing, self.ready = True, True
        except StudioError as error:
            self.problem = error.detail

    async def _show(self, persona: PersonaInfo) -> None:
        if persona.slug != self.clone:
            self.layer = "system"
        self.clone, self.clone_name, self.missing = persona.slug, persona.name, False
        self.preview, self.asking = [], TemplateRow()
        found = await asyncio.to_thread(services().templates.list)
        self.templates = template_rows(found)
        await self._read()
        self.ready = True

    async def _read(self) -> None:
        """Read what is in force, and the present layer's draft and history."""
        prompts, drafts = services().prompt_versions, services().prompt_drafts
        overview = await self._call(prompts.overview)
        unsaved = {layer: await self._call(drafts.get_for, layer) for layer in LAYERS}
        self.tabs = [
            tab_row(overview.layers[layer][0], has_draft=unsaved[layer] is not None)
            for layer in LAYERS
        ]
        template = overview.template_name.replace("_", " ")
        version = overview.template_version
        self.provenance = f"Begun from “{template}”, version {version}" if template else ""
        now, draft = overview.layers[self.layer][0], unsaved[self.layer]
        self._in_force = now.content
        newest = await self._read_history()
        began = newest or now.version
        # What was saved last is what is worked on, whichever version answers.
        self._began = began.content if began else now.content
        self._base_id = began.id if began else ""
        self.behind = (
            f"v{began.version} was saved last; {self._answering()} answers."
            if began and not began.is_active
            else ""
        )
        self.note, self.variables = LAYER_NOTES[self.layer], VARIABLES[self.layer]
        self.has_draft = draft is not None
        self.text = draft.content if draft else self._began
        if draft:
            self._base_id = draft.base_version_id or ""
        self.draft_words = "Not saved. What you typed is kept." if draft else ""
        self._say_overtaken(draft.overtaken_by.version if draft and draft.overtaken_by else 0)
        self.check = check_row(checked(self.layer, self.text))
        self.save_problem, self.conflict = "", False
        self.shown, self.shown_lines = VersionRow(), []
        self._generation += 1
        self.form_key = f"{self.clone}/{self.layer}/{self._generation}"

    def _answering(self) -> str:
        return next(tab.in_force for tab in self.tabs if tab.key == self.layer)

    def _say_overtaken(self, version: int) -> None:
        self.overtaken = (
            f"Version {version} was saved after you began to type. Compare it in the history; "
            "saving yours makes another version and loses nothing."
            if version
            else ""
        )

    async def _read_history(self, before: str = "") -> VersionInfo | None:
        """Read versions of the present layer; returns the first of them."""
        prompts = services().prompt_versions
        page = await self._call(prompts.list_for, self.layer, MAIN, PAGE, before or None)
        rows = [version_row(one) for one in page.versions]
        self.versions = [*self.versions, *rows] if before else rows
        self.has_more = page.has_more
        good = await self._call(prompts.good_for, self.layer)
        self.good = [
            VersionRow(key=one.id, title=f"v{one.version}", message=one.commit_message)
            for one in good
        ]
        return page.versions[0] if page.versions else None

    async def _call(self, act: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call a service for this user and clone, in a thread."""
        return await asyncio.to_thread(act, self._user_id, self.clone, *arguments, **named)

    @rx.event
    async def choose(self, layer: str, text: str) -> None:
        """Show another layer; what was typed in this one is kept first."""
        if layer not in LAYERS or layer == self.layer:
            return
        async with self._reporting():
            await self._keep(text)
            self.layer, self.preview = layer, []
            await self._read()

    @rx.event
    async def typed(self, text: str, form_key: str) -> None:
        """Keep what is in the editor and check it.

        Typing arrives a moment later, when the page may show another layer or another clone.
        `form_key` tells in which editor it was typed. One of this clone that is gone was kept
        or thrown away by whatever took it away.
        """
        async with self._reporting():
            clone, layer = (*str(form_key).split("/"), "")[:2]
            if form_key == self.form_key:
                await self._keep(text)
            elif clone != self.clone:
                keep, kept = services().prompt_drafts.keep, str(text)[: SOURCE_CHARS + 1]
                await asyncio.to_thread(keep, self._user_id, clone, layer, MAIN, kept)

    async def _keep(self, text: str) -> None:
        text = str(text)[: SOURCE_CHARS + 1]
        self.check = check_row(checked(self.layer, text))
        drafts = services().prompt_drafts
        if text == self._began and not self.has_draft:
            return
        draft = await self._call(drafts.keep, self.layer, MAIN, text, self._base_id or None)
        self.has_draft = draft is not None
        self.draft_words = "Not saved. What you typed is kept." if draft else ""
        self._say_overtaken(draft.overtaken_by.version if draft and draft.overtaken_by else 0)
        self.tabs = [
            TabRow(tab.key, tab.title, tab.in_force, self.has_draft)
            if tab.key == self.layer
            else tab
            for tab in self.tabs
        ]

    @rx.event
    async def save(self, text: str, message: str, activate: bool) -> None:
        """Save what is in the editor as the next version, and put it in force if asked."""
        await self._save(text, message, activate=bool(activate), base=self._base_id or None)

    @rx.event
    async def save_anyway(self, text: str, message: str) -> None:
        """Save although somebody saved since; their version stays in the history."""
        await self._save(text, message, activate=False, base=None)

    async def _save(self, text: str, message: str, *, activate: bool, base: str | None) -> None:
        text, message = str(text)[: SOURCE_CHARS + 1], str(message)[: MESSAGE_CHARS + 1]
        newest = self.versions[0] if self.versions else VersionRow()
        if base and base == newest.key and text == self._began:
            # The second click of a double one, or a wish to have in force what was saved last.
            if activate and not newest.is_active:
                await self._activate(newest.key)
            else:
                self._notify(f"Nothing has changed since {newest.title}.", "info")
            return
        try:
            saved = await self._call(
                services().prompt_versions.save,
                self.layer,
                MAIN,
                text,
                message,
                activate=activate,
                base_version_id=base,
            )
        except Conflict as error:
            self.save_problem, self.conflict = error.detail, True
            await self._keep(text)
            return
        except StudioError as error:
            self.save_problem, self.conflict = error.detail, False
            return
        words = "answers from now on" if activate else "is saved; activate it to answer with it"
        self._notify(f"Version {saved.version.version} {words}.")
        await self._read()

    @rx.event
    async def activate(self, version_id: str) -> None:
        """Put a version in force; the next question is answered with it."""
        await self._activate(str(version_id))

    async def _activate(self, version_id: str) -> None:
        async with self._reporting():
            done = await self._call(services().prompt_versions.activate, version_id)
            self._notify(f"Version {done.version.version} answers from now on.")
            await self._read()

    @rx.event
    async def restore(self, version_id: str) -> None:
        """Save the text of an earlier version anew and put it in force."""
        async with self._reporting():
            done = await self._call(
                services().prompt_versions.restore, str(version_id), activate=True
            )
            old = done.version.restored_from
            self._notify(f"Version {old} is back as version {done.version.version}, and answers.")
            await self._read()

    @rx.event
    async def discard(self) -> None:
        """Throw away what was typed and not saved."""
        async with self._reporting():
            await self._call(services().prompt_drafts.discard, self.layer)
            await self._read()

    @rx.event
    async def more(self) -> None:
        """Show older versions."""
        if self.versions:
            async with self._reporting():
                await self._read_history(before=self.versions[-1].key)

    @rx.event
    async def show(self, version_id: str) -> None:
        """Open a version beside what is in force."""
        async with self._reporting():
            found = await self._call(services().prompt_versions.get_for, str(version_id))
            self.shown = version_row(found)
            self.shown_place += 1
            rows = line_rows(line_diff(self._in_force, found.content, "now", self.shown.title))
            self.shown_against = f"Against {self._answering()}, which answers now" if rows else ""
            self.shown_lines = rows or [_same(line) for line in found.content.splitlines()]

    @rx.event
    def hide(self) -> None:
        """Close the version."""
        self.shown, self.shown_lines = VersionRow(), []

    @rx.event
    async def render(self, text: str) -> None:
        """Show the whole prompt as a model would get it, with what is typed."""
        async with self._reporting():
            await self._keep(text)
            found = await self._call(services().prompt_preview.preview)
            self.preview = [preview_row(one) for one in found.layers]
            self.preview_place += 1
            passages = f"{found.passages} of its passages" if found.passages else "no passages"
            self.preview_words = f"For “{found.question}” with {passages}."

    @rx.event
    def ask_template(self, name: str) -> None:
        """Ask before a template takes the place of all three layers."""
        rows = [row for row in self.templates if row.key == str(name)]
        self.asking = rows[0] if rows else TemplateRow()

    @rx.event
    def keep_prompts(self, is_open: bool) -> None:
        """Apply nothing: the question was closed."""
        if not is_open:
            self.asking = TemplateRow()

    @rx.event
    async def apply_template(self) -> None:
        """Save the template's texts as new versions and put them in force."""
        chosen, self.asking = self.asking, TemplateRow()
        if not chosen.key:
            return
        async with self._reporting():
            await self._call(services().prompt_versions.apply_template, chosen.key)
            self._notify(f"“{chosen.title}” answers from now on. The old versions are kept.")
            await self._read()


def _same(line: str) -> LineRow:
    return LineRow("same", line)
