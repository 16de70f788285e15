"""The smallest HTTP/1.1 server that can misbehave on purpose: own thread, own event loop."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 502: "Bad Gateway"}


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = field(default=None)


class Reply:
    """What a handler writes its answer with.

    Args:
        writer: The connection.
        gone: Set as soon as the client has closed its side.
    """

    def __init__(self, writer: asyncio.StreamWriter, gone: asyncio.Event) -> None:
        self._writer = writer
        self.gone = gone
        self.chunked = False

    async def whole(self, status: int, body: bytes, media_type: str, **headers: str) -> None:
        """Send a complete answer."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        self._head(status, media_type, {"content-length": str(len(body)), **extra})
        self._writer.write(body)
        await self._writer.drain()

    async def json(self, status: int, content: Any, **headers: str) -> None:
        """Send a complete JSON answer."""
        await self.whole(status, json.dumps(content).encode(), "application/json", **headers)

    def start_events(self) -> None:
        """Begin a stream of server-sent events."""
        self.start("text/event-stream")

    def start(self, media_type: str, **headers: str) -> None:
        """Begin an answer that is sent piece by piece."""
        self.chunked = True
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        self._head(200, media_type, {"transfer-encoding": "chunked", **extra})

    async def event(self, data: str) -> None:
        """Send one event.

        Raises:
            ConnectionError: The client has gone.
        """
        await self.piece(f"data: {data}\n\n".encode())

    async def piece(self, piece: bytes) -> None:
        """Send the next piece of an answer that was begun.

        Raises:
            ConnectionError: The client has gone.
        """
        if self.gone.is_set():
            raise ConnectionResetError
        self._writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await self._writer.drain()

    async def end_events(self) -> None:
        """End the stream properly."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def cut(self) -> None:
        """Drop the connection in the middle of whatever was being sent."""
        self._writer.transport.abort()

    def _head(self, status: int, media_type: str, headers: dict[str, str]) -> None:
        lines = [
            f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}",
            f"content-type: {media_type}",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


class _Watched(asyncio.StreamReaderProtocol):
    """A connection that tells when the client has closed it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.gone = asyncio.Event()

    def eof_received(self) -> bool | None:
        self.gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        super().connection_lost(exc)


Handler = Callable[[Request, Reply], Awaitable[None]]


class HttpLoop:
    """Serves `handler` on a free port of the loopback address."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @contextmanager
    def running(self, port: int = 0) -> Iterator[None]:
        """Serve until the block ends."""
        thread = Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        server = self._call(self._loop.create_server(self._protocol, "127.0.0.1", port))
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            self._call(self._shut(server))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _shut(self, server: asyncio.Server) -> None:
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _protocol(self) -> asyncio.Protocol:
        reader = asyncio.StreamReader(limit=4 * 1024 * 1024, loop=self._loop)
        return _Watched(reader, self._connected, loop=self._loop)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            gone = writer.transport.get_protocol().gone
            while (request := await _read(reader)) is not None:
                await self._handler(request, Reply(writer, gone))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(raw) if raw else None)
