"""Server-sent events: a service's events as a response that no proxy holds back."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

HEADERS = {
    # `no-transform` keeps proxies from compressing, which would collect the pieces.
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
KEEP_ALIVE = ": keep-alive\n\n"
DESCRIPTION: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `thread_info {threadId,messageId,userMessageId}`, "
        "`token {text}`, `restart {}` (the text so far is void), `citations {citations}`, "
        "`done {messageId,spans,usage,status}` or `error {title,detail,retryable}`; the data of "
        "each is JSON.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


async def event_stream(events: AsyncIterator[dict[str, Any]]) -> StreamingResponse:
    """Return a response that sends `events`, each a dictionary with its name under `event`.

    The first event is awaited before the response begins, so that an error raised there
    still becomes a status of its own.
    """
    first = await anext(events)
    return StreamingResponse(
        _encoded(first, events), media_type="text/event-stream", headers=HEADERS
    )


async def _encoded(
    first: dict[str, Any], events: AsyncIterator[dict[str, Any]]
) -> AsyncGenerator[str, None]:
    yield _one(first)
    async for event in events:
        yield _one(event)


def _one(event: dict[str, Any]) -> str:
    name = event["event"]
    if name == "keep_alive":
        return KEEP_ALIVE
    data = {key: value for key, value in event.items() if key != "event"}
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
