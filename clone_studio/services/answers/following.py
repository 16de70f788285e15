"""Following an answer: first its text so far, then what comes, without a gap or a doubling."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from clone_studio.services.answers.running import Running, closing_events, topic_of
from clone_studio.services.answers.transcript import STREAMING
from clone_studio.services.conversations import ConversationService, MessageInfo
from clone_studio.services.events import Event, EventBus, Subscription

# Without an event for this long the stored message is looked at again, and the reader gets a
# sign of life.
IDLE_SECONDS = 15.0
# The same for an answer that another process writes: its news may be lost on the way, and the
# text is stored three times a second.
ELSEWHERE_SECONDS = 1.0
_LAST = frozenset({"done", "error"})
# What an event carries for followers only.
_INSIDE = frozenset({"type", "length", "cited", "attempt"})


class Follower:
    """Follows one answer for one reader.

    Args:
        conversations: Reads the stored message, only as its owner.
        events: Where the answer's text is published.
        running: Looks up an answer that this process is writing.
    """

    def __init__(
        self,
        conversations: ConversationService,
        events: EventBus,
        running: Callable[[str], Running | None],
    ) -> None:
        self._conversations = conversations
        self._events = events
        self._running = running

    async def follow(self, user_id: str, message_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of an answer as `{"event": name, ...}` until it has ended.

        `restart` tells that the text so far is void: the process that wrote it has ended, and
        another one writes the answer anew.

        Raises:
            NotFound: There is no such message of this user, before anything is yielded.
        """
        answer = await self._look(user_id, message_id)
        yield {
            "event": "thread_info",
            "threadId": answer.thread_id,
            "messageId": message_id,
            "userMessageId": answer.question_id,
        }
        async with self._events.subscribe(topic_of(message_id)) as subscription:
            text, incoming = _Text(), _Incoming(subscription)
            if answer.ended is None:
                # It may have ended before the subscription began.
                answer = await self._look(user_id, message_id)
            while answer.ended is None:
                for piece in text.catch_up(answer):
                    yield piece
                event = await incoming.next(self._patience(message_id))
                if event is not None and not text.misses(event):
                    for piece in text.take(event):
                        yield piece
                    if event["type"] in _LAST and event["attempt"] == text.attempt:
                        return
                    answer = self._so_far(message_id, answer)
                    continue
                if event is None and incoming.is_quiet():
                    yield {"event": "keep_alive"}
                # Nothing came, or something was missed: what is stored knows.
                answer = await self._look(user_id, message_id)
            for piece in text.catch_up(answer):
                yield piece
            for event in closing_events(answer.ended):
                yield _named(event)

    def _patience(self, message_id: str) -> float:
        """Return how long to wait for an event before the stored message is looked at."""
        return IDLE_SECONDS if self._running(message_id) else ELSEWHERE_SECONDS

    async def _look(self, user_id: str, message_id: str) -> "_Answer":
        """Return the answer as it is now; only one that is written elsewhere needs the database."""
        running = self._running(message_id)
        if running is not None and running.user_id == user_id:
            opened = running.opened
            return _Answer(
                opened.thread_id, opened.user_message_id, running.text, running.attempt, None
            )
        message = await asyncio.to_thread(self._conversations.message_for, user_id, message_id)
        ended = None if message.state == STREAMING else message
        return _Answer(
            message.thread_id, message.parent_id, message.content, message.attempts, ended
        )

    def _so_far(self, message_id: str, answer: "_Answer") -> "_Answer":
        """Return the answer with what this process has written of it by now."""
        running = self._running(message_id)
        if running is None:
            return answer
        return replace(answer, text=running.text, attempt=running.attempt)


@dataclass(frozen=True)
class _Answer:
    """An answer at one moment; `ended` is the stored message once it has ended."""

    thread_id: str
    question_id: str | None
    text: str
    attempt: int
    ended: MessageInfo | None


class _Text:
    """How much of an answer one reader has, and of which attempt to write it."""

    def __init__(self) -> None:
        self.length = 0
        self.cited = 0
        self.attempt = 0

    def catch_up(self, answer: _Answer) -> Iterator[dict[str, Any]]:
        """Yield what the reader lacks of the whole text, as events."""
        yield from self._begin(answer.attempt)
        if answer.attempt == self.attempt and (rest := answer.text[self.length :]):
            self.length = len(answer.text)
            yield {"event": "token", "text": rest}

    def misses(self, event: Event) -> bool:
        """Whether something is missing between what the reader has and `event`."""
        if event["attempt"] < self.attempt:
            return False
        had = self.length if event["attempt"] == self.attempt else 0
        if event["type"] == "token":
            return int(event["offset"]) > had
        whole = event.get("length") == had and event.get("cited") == self.cited
        return event["type"] in _LAST and not whole

    def take(self, event: Event) -> Iterator[dict[str, Any]]:
        """Yield what of `event` is new to the reader; nothing of an attempt that was given up."""
        if event["attempt"] < self.attempt:
            return
        yield from self._begin(event["attempt"])
        if event["type"] != "token":
            self.cited = len(event.get("citations", ())) or self.cited
            yield _named(event)
        elif text := str(event["text"])[self.length - int(event["offset"]) :]:
            self.length += len(text)
            yield {"event": "token", "text": text}

    def _begin(self, attempt: int) -> Iterator[dict[str, Any]]:
        """Begin anew where the writing was begun anew."""
        if attempt <= self.attempt:
            return
        if self.length:
            yield {"event": "restart"}
        self.attempt, self.length, self.cited = attempt, 0, 0


class _Incoming:
    """The events of a subscription, one by one."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._events = aiter(subscription)
        self._heard = monotonic()

    async def next(self, seconds: float) -> Event | None:
        """Return the next event, or None when there has been none for so long."""
        try:
            async with asyncio.timeout(seconds):
                _, event = await anext(self._events)
                self._heard = monotonic()
                return event
        except TimeoutError:
            # The time-out has ended the iterator, not the subscription.
            self._events = aiter(self._subscription)
            return None

    def is_quiet(self) -> bool:
        """Whether nothing came for so long that a reader wants a sign of life; told once."""
        if monotonic() - self._heard < IDLE_SECONDS:
            return False
        self._heard = monotonic()
        return True


def _named(event: Event) -> dict[str, Any]:
    rest = {key: value for key, value in event.items() if key not in _INSIDE}
    return {"event": event["type"], **rest}
