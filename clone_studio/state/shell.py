"""The frame around every page: the clones, the active one, search, the drawer, the account."""

import asyncio
import time
from dataclasses import dataclass

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import StudioError
from clone_studio.services.personas import PersonaInfo
from clone_studio.state.base import Reaction, StudioState
from clone_studio.state.clone_rows import CloneRow, clone_row, initials
from clone_studio.state.places import HOME, Place, is_page, path_for, place_of

HEALTH_SECONDS = 60.0


@dataclass(frozen=True)
class SwitchRow:
    """A clone in the switcher, with the address that choosing it leads to."""

    key: str = ""
    name: str = ""
    letters: str = ""
    hue: str = "7"
    href: str = ""
    is_active: bool = False
    is_sample: bool = False


class ShellState(StudioState):
    """What the frame shows. `enter` is the first event of every page."""

    clones: list[SwitchRow] = []
    clone: CloneRow = CloneRow()
    chat_href: str = HOME
    files_href: str = HOME
    prompts_href: str = HOME
    voice_href: str = HOME
    person: str = ""
    person_letters: str = ""
    model: str = ""
    model_note: str = ""
    health: str = ""
    health_tone: str = "neutral"
    drawer_open: bool = False
    shortcuts_open: bool = False

    selected_persona_id: str = rx.LocalStorage("", name="selected_persona_id")
    last_page: str = rx.LocalStorage("", name="studio_last_page")
    rail: str = rx.LocalStorage("", name="studio_rail")

    _health_checked: float = 0.0

    @rx.event
    async def enter(self) -> Reaction:
        """Prepare the frame for the page that opens."""
        if not self._user_id:
            return rx.redirect("/login")
        self.drawer_open = self.shortcuts_open = False
        self._drop_old_notices()
        path = str(self.router.url.path)
        async with self._reporting():
            await self._read_person()
            await self._read_clones(place_of(path))
        if is_page(path):
            self.last_page = path
        return ShellState.check_health

    async def _read_person(self) -> None:
        """Read who is signed in."""
        user = await asyncio.to_thread(services().account.user_for, self._user_id)
        self.person = user.name or user.email
        self.person_letters = initials(self.person)

    async def _read_clones(self, place: Place) -> None:
        """Read the clones again and settle which one is active here."""
        personas = await asyncio.to_thread(services().personas.list_for, self._user_id)
        active = _active(personas, place.ref, str(self.selected_persona_id))
        self.selected_persona_id = active.id if active else ""
        self.clone = clone_row(active) if active else CloneRow()
        self.clones = [_switch_row(one, active, place.kind) for one in personas]
        self.chat_href = f"/chat/{active.slug}" if active else HOME
        self.files_href = f"/files/{active.slug}" if active else HOME
        self.prompts_href = f"/prompts/{active.slug}" if active else HOME
        self.voice_href = f"/voice/{active.slug}" if active else HOME
        self._name_model(active)

    def _name_model(self, active: PersonaInfo | None) -> None:
        """Say which model answers, or that answers are quotes."""
        llm = services().llm
        if llm.kind == "quotes":
            self.model = "Quotes only"
            self.model_note = "No model is set, so answers are quotes from your files"
        else:
            self.model = (active.model if active else "") or llm.default_model
            self.model_note = "The model that writes the answers"

    async def _refresh(self) -> None:
        """Read the clones again after one of them changed on this page."""
        await self._read_clones(place_of(str(self.router.url.path)))

    @rx.event(background=True)
    async def check_health(self) -> None:
        """Look after the parts of the studio, at most once a minute and tab."""
        async with self:
            if time.monotonic() - self._health_checked < HEALTH_SECONDS:
                return
            self._health_checked = time.monotonic()
        try:
            report = await services().health.report()
        except StudioError as error:
            words, tone = error.detail, "danger"
        else:
            words, tone = _health_words([part.status for part in report.parts])
        async with self:
            self.health, self.health_tone = words, tone

    @rx.event
    async def go_on(self) -> Reaction:
        """Leave `/` for the page that was open last, or for the clones."""
        if not self._user_id:
            return rx.redirect("/login")
        last = str(self.last_page)
        return rx.redirect(last if is_page(last) else HOME, replace=True)

    @rx.event
    def toggle_rail(self) -> None:
        """Fold the rail to its icons, or unfold it."""
        self.rail = "" if self.rail == "folded" else "folded"

    @rx.event
    def set_drawer(self, is_open: bool) -> None:
        """Open or close the rail where it is a drawer."""
        self.drawer_open = bool(is_open)

    @rx.event
    def set_shortcuts(self, is_open: bool) -> None:
        """Open or close the list of shortcuts."""
        self.shortcuts_open = bool(is_open)

    @rx.event
    def show_shortcuts(self) -> None:
        """Open the list of shortcuts."""
        self.shortcuts_open = True


def _active(personas: list[PersonaInfo], ref: str, selected: str) -> PersonaInfo | None:
    """Return the clone of the address, else the remembered one, else the first one."""
    by_ref = next((one for one in personas if ref and ref in (one.slug, one.id)), None)
    remembered = next((one for one in personas if one.id == selected), None)
    return by_ref or remembered or (personas[0] if personas else None)


def _switch_row(persona: PersonaInfo, active: PersonaInfo | None, kind: str) -> SwitchRow:
    row = clone_row(persona)
    return SwitchRow(
        key=row.key,
        name=row.name,
        letters=row.letters,
        hue=row.hue,
        href=path_for(kind, row.slug),
        is_active=active is not None and active.id == row.key,
        is_sample=row.is_sample,
    )


def _health_words(statuses: list[str]) -> tuple[str, str]:
    """Return one sentence and a tone for the states of all parts."""
    failed = sum(status not in {"ok", "degraded"} for status in statuses)
    degraded = sum(status == "degraded" for status in statuses)
    if failed:
        return f"{failed} of {len(statuses)} parts do not work. Open Health to see why.", "danger"
    if degraded:
        return f"{degraded} of {len(statuses)} parts work in a reduced way.", "warning"
    return "All parts work", "success"
