"""What one check found. Standard library only: it is shown also when packages are missing."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """How one thing is, in one sentence, and what mends it (empty where nothing is wrong)."""

    name: str
    level: Level
    detail: str
    fix: str = ""


def worst(findings: list[Finding]) -> Level:
    """Return the worst level among `findings`."""
    levels = {one.level for one in findings}
    return "fault" if "fault" in levels else "warning" if "warning" in levels else "ok"
