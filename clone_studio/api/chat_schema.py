"""The JSON shapes of questions, threads and messages."""

from datetime import datetime
from typing import Any

from pydantic import Field

from clone_studio.api.schema import Shape
from clone_studio.services.conversations import MessageInfo, ThreadInfo


class Question(Shape):
    """A question; `parentId` is the answer it stands below, the thread's newest by default.

    With `parentId` set to `root` it begins the thread anew, beside its first question.
    """

    message: str
    thread_id: str | None = Field(None, max_length=64)
    parent_id: str | None = Field(None, max_length=64)


class Stopped(Shape):
    """What became of an answer that was to be stopped."""

    success: bool = True
    message_id: str
    status: str


class NewThread(Shape):
    """A thread that was begun."""

    thread_id: str
    created_at: datetime


class Thread(Shape):
    """A thread as lists show it."""

    id: str
    title: str
    persona_id: str
    persona_name: str
    created_at: datetime
    last_message_at: datetime
    message_count: int

    @classmethod
    def of(cls, info: ThreadInfo) -> "Thread":
        """Return the shape of a thread."""
        return cls.model_validate(info)


class Threads(Shape):
    """A page of threads, the last active first."""

    conversations: list[Thread]
    has_more: bool


class ThreadChanges(Shape):
    """What can be changed of a thread."""

    title: str = Field(max_length=1000)


class ChatMessage(Shape):
    """One turn; `status` is streaming, complete, stopped, interrupted or failed."""

    id: str
    parent_id: str | None
    role: str
    content: str
    citations: list[dict[str, Any]]
    proof: dict[str, Any] | None
    status: str
    error: str | None
    model: str
    usage: dict[str, Any]
    spans: list[dict[str, Any]]
    created_at: datetime

    @classmethod
    def of(cls, info: MessageInfo) -> "ChatMessage":
        """Return the shape of a message."""
        fields = {name: getattr(info, name) for name in cls.model_fields if name != "status"}
        return cls(**fields, status=info.state)


class Messages(Shape):
    """A page of messages, oldest first; `hasMore` tells of earlier ones."""

    messages: list[ChatMessage]
    has_more: bool
