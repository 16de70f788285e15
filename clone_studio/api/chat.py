"""`/api/chat`: asking a clone, following an answer, stopping it."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from clone_studio.api.access import CurrentUser
from clone_studio.api.chat_schema import NewThread, Question, Stopped
from clone_studio.api.event_stream import DESCRIPTION, event_stream
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.bootstrap import services

router = APIRouter(prefix="/chat", tags=["chat"], responses=PROBLEM_RESPONSES)


@router.post("/{persona}/conversations", status_code=201)
async def create_conversation(persona: str, user: CurrentUser) -> NewThread:
    """Begin an empty thread with a clone."""
    made = await asyncio.to_thread(services().conversations.create, user.id, persona)
    return NewThread(thread_id=made.id, created_at=made.created_at)


@router.post("/{persona}", response_class=StreamingResponse, responses=DESCRIPTION)
async def ask(persona: str, body: Question, user: CurrentUser) -> StreamingResponse:
    """Ask a clone and follow its answer as server-sent events.

    The answer is written by the server: leaving does not end it, and
    `GET /api/chat/{persona}/stream/{messageId}` follows it again.
    """
    chat = services().chat
    started = await chat.start(
        user.id, persona, body.message, body.thread_id or None, body.parent_id or None
    )
    return await event_stream(chat.attach(user.id, started.message_id))


@router.get(
    "/{persona}/stream/{message_id}", response_class=StreamingResponse, responses=DESCRIPTION
)
async def follow(persona: str, message_id: str, user: CurrentUser) -> StreamingResponse:
    """Follow an answer: its text so far, then what comes. One that has ended is sent whole."""
    studio = services()
    await asyncio.to_thread(studio.conversations.message_for, user.id, message_id, persona)
    chat = studio.chat
    return await event_stream(chat.attach(user.id, message_id))


@router.post("/{persona}/stop/{message_id}")
async def stop(persona: str, message_id: str, user: CurrentUser) -> Stopped:
    """End an answer; what was said stays. One that has ended already stays as it is."""
    studio = services()
    await asyncio.to_thread(studio.conversations.message_for, user.id, message_id, persona)
    message = await studio.chat.stop(user.id, message_id)
    return Stopped(message_id=message.id, status=message.state)
