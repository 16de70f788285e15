"""Settings, the part about another embedding model that is being built, for the owner."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import NotFound, StudioError
from clone_studio.services.knowledge.rebuild import CloneRebuild
from clone_studio.services.rebuilding import Cost, RebuildStatus
from clone_studio.state.base import Reaction, StudioState
from clone_studio.state.clone_rows import counted
from clone_studio.state.health import HealthState

LOOK_SECONDS = 1.0
# A tab that was closed does not say so: what it follows ends at some time.
LOOKS = 1800
PAGE = "/settings"


@dataclass(frozen=True)
class RebuildRow:
    """One clone that waits for another embedding model."""

    key: str = ""
    name: str = ""
    words: str = ""
    percent: int = 0
    error: str = ""


class RebuildState(StudioState):
    """How far another embedding model is built."""

    active: bool = False
    new: str = ""
    old: str = ""
    words: str = ""
    percent: int = 0
    elapsed: int = 0
    error: str = ""
    problem: str = ""
    rows: list[RebuildRow] = []

    _following: bool = False

    @rx.event(background=True)
    async def follow(self) -> Reaction:
        """Show how far it is, until it is done or stands still or the page is left."""
        async with self:
            if self._following or not self._user_id:
                return None
            self._following = True
            user_id, session_id = self._user_id, self._session_id
        try:
            for _ in range(LOOKS):
                status = await _read(user_id, session_id)
                async with self:
                    if self._session_id != session_id:
                        return None
                    was = (self.active, self.error)
                    self._show(status)
                    left = str(self.router.url.path).rstrip("/") != PAGE
                    changed = was != (self.active, self.error)
                if left or not status.clones or status.error:
                    return HealthState.check_again if changed else None
                await asyncio.sleep(LOOK_SECONDS)
            return None
        finally:
            async with self:
                self._following = False

    @rx.event
    async def try_again(self) -> Reaction:
        """Go on with what stands still."""
        try:
            await asyncio.to_thread(services().rebuilding.try_again, self._user_id)
        except StudioError as error:
            self._report(error)
            return None
        self.error = ""
        return RebuildState.follow

    def _show(self, status: RebuildStatus) -> None:
        done = self.active and not status.clones
        self.active = bool(status.clones)
        self.error, self.problem = status.error, status.problem
        self.rows = [_row(one) for one in status.clones]
        self.percent, self.words = _percent(status.done, status.total), _words(status)
        if status.clones:
            self.new, self.old = status.clones[0].new, status.back_to
            began = min(one.started_at for one in status.clones)
            self.elapsed = int((datetime.now(UTC) - began).total_seconds())
        elif done:
            self._notify("Search by meaning uses one model again, in every clone.")


async def _read(user_id: str, session_id: str) -> RebuildStatus:
    """Return what is to be shown; nothing to who is not the owner or has signed out."""
    if not await asyncio.to_thread(services().auth.is_valid, session_id):
        return RebuildStatus()
    try:
        return await asyncio.to_thread(services().rebuilding.status_for, user_id)
    except NotFound:
        return RebuildStatus()


def cost_words(cost: Cost) -> str:
    """Return what another embedding model would cost, empty where there is nothing to embed."""
    if not cost.passages:
        return ""
    return (
        f"Another embedding model costs work: {counted(cost.passages, 'passage', 'passages')} of "
        f"all clones are embedded again in the background. That takes {_duration(cost)} with the "
        f"model on this machine, or is about {cost.tokens:,} tokens for a service, which may bill "
        "them. The old model answers until all is done."
    )


def note_words(rebuild: CloneRebuild | None) -> str:
    """Return what the Files page says of one clone that waits, empty for none."""
    if rebuild is None:
        return ""
    words = f"Embedded again by {rebuild.new}: {_words(rebuild)}."
    if rebuild.error:
        return f"{words} It stands still: {rebuild.error} {rebuild.old} answers until then."
    if rebuild.problem:
        return f"{words} Until then words alone are searched: {rebuild.problem}"
    return f"{words} Until then {rebuild.old} answers; a new file is found by its words."


def _duration(cost: Cost) -> str:
    minutes = round(cost.local_seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"about {counted(minutes, 'minute', 'minutes')}"
    return f"about {round(minutes / 60):,} hours"


def _percent(done: int, total: int) -> int:
    return int(100 * done / total) if total else 0


def _words(status: RebuildStatus | CloneRebuild) -> str:
    return f"{status.done:,} of {counted(status.total, 'passage', 'passages')}"


def _row(one: CloneRebuild) -> RebuildRow:
    return RebuildRow(
        key=one.persona_id or "others",
        name=one.name,
        words=_words(one),
        percent=_percent(one.done, one.total),
        error=one.error,
    )
