"""A bound on request bodies: more than that is refused, whatever its headers say."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clone_studio.api.problems import of_studio_error
from clone_studio.errors import TooLarge

BODY_LIMIT = 1024 * 1024
TOO_LARGE = "This request is too large: its body may have at most 1 MB."
# Uploads are written to disk as they arrive and have a limit of their own (api/files.py).
STREAMED = re.compile(r"/api/personas/[^/]+/files/?")


class BodyLimit:
    """Reads a body up to `BODY_LIMIT` bytes before the route runs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "POST" and STREAMED.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            await of_studio_error(TooLarge(TOO_LARGE))(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, or None when it is larger than the limit."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give `body` once, then what the server says (that the client has gone)."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
