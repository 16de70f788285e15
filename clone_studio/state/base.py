"""What every page's state has: who is signed in, and the list of notices.

The session middleware fills `_user_id` and `_session_id` before any handler runs, from the
cookie of the socket; nothing a browser sends can set them. Page states derive from
`StudioState` and see both through inheritance.
"""

import contextlib
import logging
from collections.abc import AsyncIterator

import reflex as rx
from reflex.event import EventHandler, EventSpec

from clone_studio.errors import StudioError
from clone_studio.state.notices import (
    NOTICES_SHOWN,
    Notice,
    NoticeKind,
    notice,
    notice_of,
    still_wanted,
)

# What an event handler may answer with: nothing, or what is to happen next.
Reaction = EventSpec | EventHandler | None

logger = logging.getLogger(__name__)


class StudioState(rx.State):
    """The base of all page states."""

    notices: list[Notice] = []

    _user_id: str = ""
    _session_id: str = ""

    @rx.event
    def dismiss_notice(self, key: str) -> None:
        """Take one notice off the list."""
        self.notices = [one for one in self.notices if one.key != str(key)]

    def _notify(self, text: str, kind: NoticeKind = "success", title: str = "") -> None:
        """Say `text` in the notice list."""
        self._add_notice(notice(text, kind, title))

    def _report(self, error: StudioError) -> None:
        """Say what went wrong, once, in the words the error brings."""
        logger.info("A handler reported %s", error.code)
        self._add_notice(notice_of(error))

    def _add_notice(self, added: Notice) -> None:
        """Append `added`; the same words are not said twice, and the oldest make room."""
        others = [one for one in self.notices if one.text != added.text]
        self.notices = [*others, added][-NOTICES_SHOWN:]

    def _drop_old_notices(self) -> None:
        """Forget what was said before this page was opened."""
        if self.notices:
            self.notices = still_wanted(self.notices)

    @contextlib.asynccontextmanager
    async def _reporting(self) -> AsyncIterator[None]:
        """Turn the studio's own errors inside the block into a notice."""
        try:
            yield
        except StudioError as error:
            self._report(error)
