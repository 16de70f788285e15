"""Pushes what services publish to the browser tabs that look at it.

One task per tab and running answer follows the answer and shows it about ten times a
second, the first piece at once; a file that moves makes the Files pages of its clone read
their rows again. Every push checks first that the session is still valid: the page of
somebody who has signed out gets nothing more, also on a socket that is still open.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field

import reflex as rx

from clone_studio.bootstrap import Services, services
from clone_studio.errors import StudioError
from clone_studio.services.events import GAP
from clone_studio.services.watchers import WATCHERS, Watch
from clone_studio.state.answer import AnswerState
from clone_studio.state.base import StudioState
from clone_studio.state.chat import ChatState
from clone_studio.state.files import FilesState

logger = logging.getLogger(__name__)

PUSH_SECONDS = 0.1
FILES_SECONDS = 0.3
# With many answers at once each tab is shown a little less often, so that together they leave
# the event loop free for first tokens and clicks.
SECONDS_PER_STREAM = 0.002
# A paragraph without an end (one long table or code block) is re-sent whole: the longer it
# is, the less often, so that the bytes grow with the answer and not with its square.
TAIL_CHARS_PER_SECOND = 20_000
SESSION_SECONDS = 1.0


@dataclass
class Feed:
    """The text of one answer as it arrives."""

    text: str = ""
    restarted: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, events: AsyncIterator[dict[str, object]]) -> None:
        """Collect the answer's events until its stream ends, however it ends."""
        try:
            async for event in events:
                if event.get("event") == "token":
                    self.text += str(event.get("text", ""))
                    self.changed.set()
                elif event.get("event") == "restart":
                    self.text, self.restarted = "", True
                    self.changed.set()
        except StudioError as error:
            logger.info("An answer's stream ended early: %s", error.code)
        finally:
            self.ended.set()
            self.changed.set()


class Live:
    """The pusher of one process.

    Args:
        app: The Reflex app whose tabs are shown the news.
        studio: Gives the services; called late, because the app is made first.
        every: Seconds between two pushes of a growing answer.
    """

    def __init__(
        self,
        app: rx.App,
        studio: Callable[[], Services] = services,
        *,
        every: float = PUSH_SECONDS,
    ) -> None:
        self._app = app
        self._studio = studio
        self._every = every
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams = 0
        self._refreshing: set[str] = set()
        self._checked: dict[str, tuple[float, bool]] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Push for as long as this context is open."""
        WATCHERS.listen(self._begun)
        self._spawn(self._listen())
        try:
            yield
        finally:
            WATCHERS.listen(None)
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A push to a tab failed", exc_info=error)

    def _begun(self, watch: Watch) -> None:
        if watch.kind == "message":
            self._spawn(self._follow(watch))

    async def _listen(self) -> None:
        """Hear of files that moved and of sessions that ended."""
        async with self._studio().events.subscribe("persona:", "session:", GAP) as events:
            async for topic, _event in events:
                kind, _, subject = topic.partition(":")
                if kind == "session":
                    self._checked.clear()
                    WATCHERS.end_session(subject)
                elif topic == GAP:
                    # Anything may have been missed: what is watched is read again.
                    self._checked.clear()
                    for watched in WATCHERS.topics("persona"):
                        self._moved(watched)
                else:
                    self._moved(topic)

    def _moved(self, topic: str) -> None:
        if topic not in self._refreshing and WATCHERS.of(topic):
            self._refreshing.add(topic)
            self._spawn(self._refresh_files(topic))

    async def _follow(self, watch: Watch) -> None:
        """Show one answer to one tab until it has ended or the tab no longer wants it."""
        feed = Feed()
        stream = self._studio().chat.attach(watch.user_id, watch.subject_id)
        reading = asyncio.ensure_future(feed.read(stream))
        self._streams += 1
        try:
            while not feed.ended.is_set():
                await feed.changed.wait()
                feed.changed.clear()
                tail = await self._show(watch, feed)
                if tail is None:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(feed.ended.wait(), self._pause(tail))
            await self._settle(watch)
        finally:
            self._streams -= 1
            WATCHERS.end(watch)
            reading.cancel()

    def _pause(self, tail: int) -> float:
        """Return the seconds until the next push, for an unfinished paragraph of `tail` chars."""
        return max(
            self._every,
            self._streams * SECONDS_PER_STREAM,
            min(2.0, tail / TAIL_CHARS_PER_SECOND),
        )

    async def _show(self, watch: Watch, feed: Feed) -> int | None:
        """Show the text so far; returns the length of its unfinished part, None for no tab."""
        async with self._tab(watch) as root:
            if root is None:
                return None
            answer = await root.get_state(AnswerState)
            if answer.message_id != watch.subject_id:
                return None
            if feed.restarted:
                feed.restarted = False
                answer._begin_anew()
            if feed.text:
                answer._show(feed.text)
            return len(answer.tail)

    async def _settle(self, watch: Watch) -> None:
        """Replace the running answer by the stored message."""
        studio = self._studio()
        message = await asyncio.to_thread(
            studio.conversations.message_for, watch.user_id, watch.subject_id
        )
        thread = await asyncio.to_thread(
            studio.conversations.get_for, watch.user_id, message.thread_id
        )
        async with self._tab(watch) as root:
            if root is not None:
                await (await root.get_state(ChatState))._settle(message, thread)

    async def _refresh_files(self, topic: str) -> None:
        """Let every Files page of one clone read its rows again, once for all recent changes."""
        await asyncio.sleep(FILES_SECONDS)
        self._refreshing.discard(topic)
        for watch in WATCHERS.of(topic):
            async with self._tab(watch) as root:
                query = (await root.get_state(FilesState))._query() if root else None
            if query is None:
                WATCHERS.end(watch)
                continue
            page = await asyncio.to_thread(query, self._studio().files)
            async with self._tab(watch) as root:
                if root is not None:
                    (await root.get_state(FilesState))._fill(page)

    @contextlib.asynccontextmanager
    async def _tab(self, watch: Watch) -> AsyncIterator[rx.State | None]:
        """Open a tab's state to change it; None when nothing may or can be shown there."""
        namespace = self._app.event_namespace
        connected = namespace is not None and watch.tab in namespace.token_to_sid
        if not connected or not WATCHERS.holds(watch) or not await self._valid(watch):
            yield None
            return
        token = rx.BaseStateToken(ident=watch.tab, cls=rx.State)
        async with self._app.modify_state(token) as root:
            mine = (await root.get_state(StudioState))._session_id == watch.session_id
            yield root if mine else None

    async def _valid(self, watch: Watch) -> bool:
        """Whether the tab's session holds now: asked of the database once a second at most."""
        now = time.monotonic()
        moment, valid = self._checked.get(watch.session_id, (0.0, False))
        if now - moment > SESSION_SECONDS:
            valid = await asyncio.to_thread(self._studio().auth.is_valid, watch.session_id)
            self._checked[watch.session_id] = (now, valid)
        return valid
