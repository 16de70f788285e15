"""The health of the studio, for its own page and for Settings."""

from dataclasses import dataclass

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import StudioError
from clone_studio.services.health import Part
from clone_studio.state.base import StudioState

TONES = {"ok": "success", "degraded": "warning"}
STATUS_WORDS = {"ok": "Works", "degraded": "Reduced"}


@dataclass(frozen=True)
class PartRow:
    """One part of the studio and how it is."""

    key: str = ""
    name: str = ""
    words: str = ""
    tone: str = "neutral"
    detail: str = ""
    fix: str = ""


class HealthState(StudioState):
    """How the parts of the studio are."""

    parts: list[PartRow] = []
    ready: bool = False
    checking: bool = False
    problem: str = ""
    words: str = ""
    tone: str = "neutral"
    tones: dict[str, str] = {}

    @rx.event(background=True)
    async def check(self) -> None:
        """Look after every part, for a page that opens."""
        await self._look(again=False)

    @rx.event(background=True)
    async def check_again(self) -> None:
        """Ask every part anew."""
        await self._look(again=True)

    async def _look(self, *, again: bool) -> None:
        async with self:
            if self.checking:
                return
            self.checking, self.problem = True, ""
        problem, rows = "", []
        try:
            report = await services().health.report(again=again)
            rows = [_row(part) for part in report.parts]
        except StudioError as error:
            problem = error.detail
        finally:
            async with self:
                self.checking, self.problem = False, problem
                if rows:
                    self._show(rows)

    def _show(self, rows: list[PartRow]) -> None:
        self.parts, self.ready = rows, True
        self.tones = {row.key: row.tone for row in rows}
        bad = [row for row in rows if row.tone != "success"]
        need = "needs" if len(bad) == 1 else "need"
        self.words = (
            f"{len(bad)} of {len(rows)} parts {need} attention" if bad else "All parts work"
        )
        worst = "danger" if any(row.tone == "danger" for row in bad) else "warning"
        self.tone = worst if bad else "success"


def _row(part: Part) -> PartRow:
    return PartRow(
        key=part.name,
        name=part.name.capitalize(),
        words=STATUS_WORDS.get(part.status, "Does not work"),
        tone=TONES.get(part.status, "danger"),
        detail=part.detail,
        fix=part.fix,
    )
