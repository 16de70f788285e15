"""`/api/conversations`: threads and their messages."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from clone_studio.api.access import CurrentUser
from clone_studio.api.chat_schema import ChatMessage, Messages, Thread, ThreadChanges, Threads
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.schema import Success
from clone_studio.bootstrap import services

router = APIRouter(prefix="/conversations", tags=["conversations"], responses=PROBLEM_RESPONSES)

Limit = Annotated[int, Query(ge=1, le=200)]
Reference = Annotated[str | None, Query(max_length=80)]


@router.get("")
async def list_conversations(
    user: CurrentUser, limit: Limit = 20, before: Reference = None, persona: Reference = None
) -> Threads:
    """Return threads, the last active first.

    `before` is the id of the last thread of the page before, or a moment in ISO 8601;
    `persona` keeps the threads with one clone.
    """
    page = await asyncio.to_thread(
        services().conversations.list_for, user.id, persona, limit, before
    )
    return Threads(conversations=[Thread.of(one) for one in page.threads], has_more=page.has_more)


@router.get("/{thread}")
async def get_conversation(thread: str, user: CurrentUser) -> Thread:
    """Return a thread."""
    found = await asyncio.to_thread(services().conversations.get_for, user.id, thread)
    return Thread.of(found)


@router.patch("/{thread}")
async def rename_conversation(thread: str, body: ThreadChanges, user: CurrentUser) -> Thread:
    """Give a thread another title."""
    changed = await asyncio.to_thread(services().conversations.rename, user.id, thread, body.title)
    return Thread.of(changed)


@router.delete("/{thread}")
async def delete_conversation(thread: str, user: CurrentUser) -> Success:
    """Delete a thread; it can be restored."""
    await asyncio.to_thread(services().conversations.delete, user.id, thread)
    return Success()


@router.post("/{thread}/restore")
async def restore_conversation(thread: str, user: CurrentUser) -> Thread:
    """Bring a deleted thread back."""
    found = await asyncio.to_thread(services().conversations.restore, user.id, thread)
    return Thread.of(found)


@router.get("/{thread}/messages")
async def list_messages(
    thread: str, user: CurrentUser, limit: Limit = 50, before: Reference = None
) -> Messages:
    """Return the newest messages of a thread, or those before the message `before`."""
    page = await asyncio.to_thread(
        services().conversations.messages, user.id, thread, limit, before
    )
    shown = [ChatMessage.of(message) for message in page.messages]
    return Messages(messages=shown, has_more=page.has_more)
