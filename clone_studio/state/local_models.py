"""Settings, the models on this machine, installing one, and a model server that was found."""

import asyncio
from dataclasses import dataclass

import reflex as rx
from reflex.event import EventHandler

from clone_studio.bootstrap import services
from clone_studio.errors import NotFound, StudioError
from clone_studio.providers.local_models import Listed
from clone_studio.services.installing import Installation
from clone_studio.state.base import Reaction, StudioState
from clone_studio.state.connections import ADDRESS, ANSWERS, CHAT_MODEL, ConnectionsState
from clone_studio.state.file_rows import size_words
from clone_studio.state.health import HealthState
from clone_studio.state.shell import ShellState

LOOK_SECONDS = 0.4
ROLES = {"embedding": "Search by meaning", "speech": "Speech", "llm": "Language model"}
NAMES_SHOWN = 6


@dataclass(frozen=True)
class LocalModelRow:
    """A model that runs on this machine, with its licence."""

    key: str = ""
    role: str = ""
    licence: str = ""
    size: str = ""
    is_here: bool = False
    is_optional: bool = False


class LocalModelsState(StudioState):
    """The models on this machine, for the owner alone."""

    ready: bool = False
    allowed: bool = False
    problem: str = ""
    rows: list[LocalModelRow] = []
    words: str = ""
    installing: str = ""
    percent: int = 0
    progress: str = ""
    stopping: bool = False
    failed: str = ""
    failure: str = ""
    offered_models: list[str] = []
    offered: str = ""

    _address: str = ""
    _following: bool = False
    # Set from the beginning of an installation on, until it is followed: one that fails at once
    # may have ended before anybody could follow it.
    _begun: bool = False

    @rx.event
    async def open(self) -> list[EventHandler] | None:
        """Read what there is, for the page or to try again."""
        self.problem = self._address = self.offered = ""
        self.offered_models = []
        try:
            await asyncio.to_thread(services().stored.list_for, self._user_id)
            await self._read()
        except NotFound:
            self.allowed, self.ready = False, True
            return None
        except StudioError as error:
            self.problem = error.detail
            return None
        self.allowed = self.ready = True
        return [LocalModelsState.follow, LocalModelsState.look_nearby]

    async def _read(self) -> None:
        listed = await asyncio.to_thread(services().local_models.listing)
        self.rows = [_row(one) for one in listed]
        here = sum(row.is_here for row in self.rows)
        self.words = f"{here} of {len(self.rows)} here"

    @rx.event
    async def install(self, name: str) -> Reaction:
        """Begin to install a model."""
        self.failed = self.failure = ""
        if name not in {row.key for row in self.rows if row.is_optional}:
            return None
        try:
            await services().installer.begin(self._user_id, name)
            self._begun = True
        except StudioError as error:
            self._report(error)
        return LocalModelsState.follow

    @rx.event
    async def stop(self) -> None:
        """Stop the installation; what has arrived is kept."""
        self.stopping = True
        try:
            await services().installer.stop(self._user_id)
        except StudioError as error:
            self._report(error)

    @rx.event(background=True)
    async def follow(self) -> Reaction:
        """Show how the installation goes, until it ends."""
        async with self:
            last = services().installer.last
            begun, self._begun = self._begun, False
            if self._following or not self.allowed or last is None:
                return None
            if last.state != "running":
                return LocalModelsState.settle if begun else None
            self._following = True
        try:
            while (last := services().installer.last) and last.state == "running":
                async with self:
                    self._show(last)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            async with self:
                self._following = self.stopping = False
                self.installing = self.progress = ""
        return LocalModelsState.settle

    @rx.event
    async def settle(self) -> Reaction:
        """Show how the installation ended, and who answers now."""
        last = services().installer.last
        if not self.allowed or last is None:
            return None
        if last.state == "failed":
            self.failed, self.failure = last.name, last.problem
        await self._read()
        if last.state == "installed":
            self._notify(f"{last.name} is installed.")
        await (await self.get_state(ConnectionsState))._read()
        await (await self.get_state(ShellState))._refresh()
        return HealthState.check_again

    def _show(self, last: Installation) -> None:
        self.installing = last.name
        self.percent = int(100 * last.done / last.total) if last.total else 0
        if last.done:
            rate = f", {size_words(int(last.rate))} a second" if last.rate else ""
            self.progress = f"{size_words(last.done)} of {size_words(last.total)}{rate}"
        else:
            self.progress = "Getting what runs it"

    @rx.event(background=True)
    async def look_nearby(self) -> None:
        """Look whether a model server answers on this machine; the page does not wait for it."""
        async with self:
            user_id = self._user_id
        try:
            found = await services().connections.nearby(user_id)
        except StudioError:
            return
        async with self:
            self._address = found.address if found else ""
            self.offered = found.models[0] if found else ""
            self.offered_models = list(found.models[:NAMES_SHOWN]) if found else []

    @rx.event
    async def use_offered(self) -> Reaction:
        """Have the server that was found write the answers."""
        if not self._address:
            return None
        changes = {ADDRESS: self._address, CHAT_MODEL: self.offered, ANSWERS: None}
        connections = await self.get_state(ConnectionsState)
        words = f"Answers are written by {self.offered} from the next one on."
        reaction = await connections._change(changes, words)
        self._address = self.offered = ""
        self.offered_models = []
        return reaction


def _row(listed: Listed) -> LocalModelRow:
    return LocalModelRow(
        key=listed.name,
        role=ROLES.get(listed.role, listed.role.capitalize()),
        licence=listed.licence,
        size=size_words(listed.size),
        is_here=listed.is_here,
        is_optional=listed.is_optional,
    )
