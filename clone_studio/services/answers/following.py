"""Following an answer: first its text so far, then what comes, without a gap or a doubling."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from clone_studio.services.answers.running import Running, closing_events, topic_of
from clone_studio.services.answers.transcript import STREAMING
from clone_studio.services.conversations import ConversationService, MessageInfo
from clone_studio.services.events import Event, EventBus, Subscription

# Without an event for this long the stored message is looked at again, and the reader gets a
# sign of life.
IDLE_SECONDS = 15.0
_LAST = frozenset({"done", "error"})


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
                if piece := text.catch_up(self._so_far(message_id, answer)):
                    yield piece
                event = await incoming.next()
                if event is None:
                    yield {"event": "keep_alive"}
                elif event["type"] == "token" and not text.misses(event):
                    if piece := text.take(event):
                        yield piece
                    continue
                elif not text.misses(event):
                    yield _named(event)
                    if event["type"] in _LAST:
                        return
                    continue
                # Nothing came, or something was missed: what is stored knows.
                answer = await self._look(user_id, message_id)
            if piece := text.catch_up(answer.text):
                yield piece
            for event in closing_events(answer.ended):
                yield _named(event)

    async def _look(self, user_id: str, message_id: str) -> "_Answer":
        """Return the answer as it is now; only one that is written elsewhere needs the database."""
        running = self._running(message_id)
        if running is not None and running.user_id == user_id:
            opened = running.opened
            return _Answer(opened.thread_id, opened.user_message_id, running.text, None)
        message = await asyncio.to_thread(self._conversations.message_for, user_id, message_id)
        ended = None if message.state == STREAMING else message
        return _Answer(message.thread_id, message.parent_id, message.content, ended)

    def _so_far(self, message_id: str, answer: "_Answer") -> str:
        running = self._running(message_id)
        return running.text if running else answer.text


@dataclass(frozen=True)
class _Answer:
    """An answer at one moment; `ended` is the stored message once it has ended."""

    thread_id: str
    question_id: str | None
    text: str
    ended: MessageInfo | None


class _Text:
    """How much of the text one reader has."""

    def __init__(self) -> None:
        self.length = 0

    def catch_up(self, whole: str) -> dict[str, Any] | None:
        """Return what the reader lacks of `whole`, as an event."""
        rest = whole[self.length :]
        self.length = max(self.length, len(whole))
        return {"event": "token", "text": rest} if rest else None

    def misses(self, event: Event) -> bool:
        """Whether text is missing between what the reader has and `event`."""
        if event["type"] == "token":
            return int(event["offset"]) > self.length
        return event["type"] in _LAST and event["length"] != self.length

    def take(self, event: Event) -> dict[str, Any] | None:
        """Return the part of `event` that is new to the reader."""
        text = str(event["text"])[self.length - int(event["offset"]) :]
        self.length += len(text)
        return {"event": "token", "text": text} if text else None


class _Incoming:
    """The events of a subscription, one by one."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._events = aiter(subscription)

    async def next(self) -> Event | None:
        """Return the next event, or None when there has been none for a while."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                _, event = await anext(self._events)
                return event
        except TimeoutError:
            # The time-out has ended the iterator, not the subscription.
            self._events = aiter(self._subscription)
            return None


def _named(event: Event) -> dict[str, Any]:
    rest = {key: value for key, value in event.items() if key not in {"type", "length"}}
    return {"event": event["type"], **rest}
