"""An answer while it is being written, and the events that tell of it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from clone_studio.errors import ProviderError, StudioError
from clone_studio.services.answers.transcript import Opened
from clone_studio.services.conversations import MessageInfo
from clone_studio.services.events import EventBus
from clone_studio.services.knowledge.cite import Citation
from clone_studio.services.spans import SpanRecorder

# Several tokens travel as one event: a reader sees no difference at 25 a second, nor at 10 a
# second when a hundred answers are written at once, and those then cost a tenth.
PUBLISH_SECONDS = 0.04
SECONDS_PER_ANSWER = 0.0005


def topic_of(message_id: str) -> str:
    """Return the topic on which the events of an answer are published."""
    return f"message:{message_id}"


class Running:
    """One answer in progress. Belongs to the event loop.

    Args:
        opened: Where it is stored, and who answers.
        user_id: Who asked.
        question: What was asked.
        events: Where its text is published.
        crowd: Says how many answers are being written.
        spans: Began when the question arrived.
        attempt: Which writing of this answer it is, from 1.
        earlier: What an earlier one had written, kept in case that this one writes nothing.
    """

    def __init__(
        self,
        opened: Opened,
        user_id: str,
        question: str,
        events: EventBus,
        crowd: Callable[[], int],
        spans: SpanRecorder,
        attempt: int = 1,
        earlier: str = "",
    ) -> None:
        self.attempt = attempt
        self.earlier = earlier
        self.opened = opened
        self.user_id = user_id
        self.question = question
        self.spans = spans
        self.text = ""
        self.stop_asked = False
        # Set when the answer is left to another process, unsettled.
        self.leaving = False
        self.settling = False
        self.ended = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._events = events
        self._crowd = crowd
        self._published = 0
        self._flushed = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Append to the answer: the first piece is published at once, others soon."""
        if not text:
            return
        self.text += text
        if self._timer is None:
            self._publish()

    def cancel(self) -> None:
        """End the writing, unless it has ended by itself and its end is being stored."""
        if self.task is not None and not self.settling:
            self.settling = True
            self.task.cancel()

    def close(self) -> None:
        """Publish what is left; nothing is published by itself after this."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._publish_rest()

    def leave(self) -> None:
        """End the writing without an end to the answer: another process writes it, or will."""
        self.leaving = True
        self.cancel()

    def take_unflushed(self) -> tuple[int, str] | None:
        """Return attempt and whole text when it has grown since the last call, else None."""
        if len(self.text) == self._flushed:
            return None
        self._flushed = len(self.text)
        return self.attempt, self.text

    def _publish(self) -> None:
        self._timer = None
        if self._publish_rest():
            pause = PUBLISH_SECONDS + SECONDS_PER_ANSWER * self._crowd()
            self._timer = asyncio.get_running_loop().call_later(pause, self._publish)

    def _publish_rest(self) -> bool:
        if len(self.text) == self._published:
            return False
        event = {
            "type": "token",
            "attempt": self.attempt,
            "offset": self._published,
            "text": self.text[self._published :],
        }
        self._published = len(self.text)
        self._events.publish(topic_of(self.opened.message_id), event)
        return True


def closing_events(message: MessageInfo) -> Iterator[dict[str, Any]]:
    """Yield what follows the text of an answer that has ended, as it is stored."""
    if message.citations:
        yield {
            "type": "citations",
            "attempt": message.attempts,
            "citations": list(message.citations),
        }
    ids = {
        "messageId": message.id,
        "status": message.state,
        "length": len(message.content),
        "cited": len(message.citations),
        "attempt": message.attempts,
    }
    if message.state in {"interrupted", "failed"}:
        kind = _error_class(message.error_code)
        detail = message.error or "This answer could not be written. Ask again."
        yield {
            "type": "error",
            "title": kind.title,
            "detail": detail,
            "retryable": kind.retryable,
            **ids,
        }
    else:
        yield {"type": "done", "spans": list(message.spans), "usage": dict(message.usage), **ids}


def unstored_events(running: Running) -> Iterator[dict[str, Any]]:
    """Yield what follows the text of an answer whose end could not be stored."""
    yield {
        "type": "error",
        "title": ProviderError.title,
        "detail": "The end of this answer could not be stored. Its clone or thread may be gone.",
        "retryable": False,
        "messageId": running.opened.message_id,
        "status": "interrupted",
        "length": len(running.text),
        "cited": 0,
        "attempt": running.attempt,
    }


def citation_rows(citations: Sequence[Citation]) -> list[Mapping[str, Any]]:
    """Return citations as they are stored and sent."""
    return [
        {
            "number": one.number,
            "chunkId": one.chunk_id,
            "fileId": one.file_id,
            "file": one.file,
            "page": one.page,
            "pageLabel": one.page_label,
            "start": one.start,
            "end": one.end,
            "quote": one.quote,
            "score": one.score,
        }
        for one in citations
    ]


def _error_class(code: str | None) -> type[StudioError]:
    """Return the error class that a stored code belongs to."""
    waiting: list[type[StudioError]] = [StudioError]
    while waiting:
        kind = waiting.pop()
        if kind.code == code:
            return kind
        waiting += kind.__subclasses__()
    return ProviderError
