"""A small model hub on this machine: files under one address, byte ranges, and a few bad habits."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Event

from tests.servers.http_thread import serving


class ModelHub:
    """What the hub holds and what it was asked; `files` maps a path's last part to its bytes."""

    def __init__(self, files: dict[str, bytes], *, ranges: bool = True) -> None:
        self.files = files
        self.ranges = ranges
        self.break_after: int | None = None
        # Files are sent while this is set.
        self.open = Event()
        self.open.set()
        self.asked: list[tuple[str, str | None]] = []
        self.address = ""

    @contextmanager
    def running(self) -> Iterator["ModelHub"]:
        """Serve on a free port until the block ends."""
        with serving(self.answer) as self.address:
            yield self

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request, from the byte asked for where ranges are spoken."""
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        self.open.wait(60)
        body = self.files.get(request.path.rpartition("/")[2])
        if body is None:
            request.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        end = len(body) if self.break_after is None else start + self.break_after
        request.wfile.write(body[start:end])
