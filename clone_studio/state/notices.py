"""What happened, said to the user: the rows of the notice list and how errors become one."""

import time
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from clone_studio.errors import StudioError

NoticeKind = Literal["info", "success", "warning", "danger"]
NOTICES_SHOWN = 4
# A notice made just before a page change belongs to the page that comes.
SURVIVES_SECONDS = 3.0


@dataclass(frozen=True)
class Notice:
    """One line of the notice list; `at` is in seconds since the epoch."""

    key: str = ""
    kind: str = "info"
    title: str = ""
    text: str = ""
    at: float = 0.0


def notice(text: str, kind: NoticeKind = "info", title: str = "") -> Notice:
    """Return a new notice that says `text`."""
    return Notice(key=uuid4().hex[:12], kind=kind, title=title, text=text, at=time.time())


def notice_of(error: StudioError) -> Notice:
    """Return the notice for an error: its title and its sentence."""
    kind: NoticeKind = "warning" if error.status < 500 else "danger"
    return notice(error.detail, kind, error.title)


def still_wanted(notices: list[Notice]) -> list[Notice]:
    """Return the notices that a newly opened page goes on showing."""
    horizon = time.time() - SURVIVES_SECONDS
    return [one for one in notices if one.at > horizon]
