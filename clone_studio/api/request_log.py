"""One log line a request, and the last net under it."""

import logging
import time
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clone_studio.api.problems import internal_error

logger = logging.getLogger("clone_studio.request")


class RequestLog:
    """Logs method, path, status and time of each request under an id that the answer carries.

    Query strings, headers and bodies are never logged: they hold secrets and private words.
    The path of a sign-in link holds one too and is cut.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex[:16]
        begin = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            # The edge of the program: whatever went wrong, the client gets an answer.
            logger.exception("Request failed", extra={"request_id": request_id})
            if status == 0:
                await internal_error()(scope, receive, sending)
        finally:
            fields = {
                "request_id": request_id,
                "method": scope["method"],
                "path": _safe_path(scope["path"]),
                "status": status,
                "ms": round((time.perf_counter() - begin) * 1000, 1),
            }
            logger.info("request", extra=fields)


def _safe_path(path: str) -> str:
    head, link, _secret = path.partition("/api/auth/link/")
    return f"{head}{link}…" if link else path[:300]
