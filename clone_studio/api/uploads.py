"""Receiving a document: multipart straight to disk, never whole in memory."""

import asyncio
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from clone_studio.bootstrap import services
from clone_studio.errors import InvalidInput, TooLarge, Unsupported
from clone_studio.services.files import FileInfo, PendingUpload

FIELD = "file"
# What the parts' headers and boundaries may add to the document itself.
ENVELOPE = 64 * 1024
FLUSH_BYTES = 256 * 1024
# A browser shows the answer only after it has sent everything; up to this many times the limit
# is read and thrown away so that it can say why the file was refused.
DRAIN_FACTOR = 4


@dataclass
class _Form:
    """What the parser has seen: the name of the document and its bytes not yet written."""

    name: str | None = None
    done: bool = False
    bytes: bytearray = field(default_factory=bytearray)
    _inside: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""

    def on_part_begin(self) -> None:
        self._disposition = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if bytes(self._header).strip().lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if self.name is None and options.get(b"name") == FIELD.encode():
            # Browsers escape a quote so inside the quotes, and nothing else that matters here.
            raw = options.get(b"filename", b"").replace(b"%22", b'"')
            self.name = raw.decode("utf-8", "replace")
            self._inside = True

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self.bytes += data[start:end]

    def on_part_end(self) -> None:
        self.done = self.done or self._inside
        self._inside = False

    def taken(self) -> bytes:
        """Return the collected bytes and forget them."""
        piece = bytes(self.bytes)
        self.bytes.clear()
        return piece


async def receive_upload(request: Request, user_id: str, persona: str) -> FileInfo:
    """Store the document of a multipart request in the clone `persona` of this user.

    Raises:
        NotFound: Not this user's clone; decided before a byte of the body is read.
        TooLarge: More than the limit, by the header or by the bytes that came.
        Unsupported: Not multipart.
        InvalidInput: No field `file`, or a body that breaks off.
        AlreadyThere: The clone has the same content.
    """
    await asyncio.to_thread(services().personas.get_for, user_id, persona)
    boundary = _boundary(request)
    limit = services().settings.max_file_bytes
    declared = _content_length(request)
    if declared is not None and declared > limit + ENVELOPE:
        await _drain(request, limit)
        raise TooLarge(_too_large())
    form = _Form()
    reception = _Reception(user_id, persona, form)
    seen = 0
    try:
        parser = MultipartParser(boundary, _callbacks(form))
        async for piece in request.stream():
            seen += len(piece)
            if seen > limit + ENVELOPE:
                raise TooLarge(_too_large())
            parser.write(piece)
            await reception.flush(at_least=FLUSH_BYTES)
        parser.finalize()
        return await reception.finished()
    except FormParserError as error:
        raise InvalidInput("The upload is damaged: its form could not be read.") from error
    except ClientDisconnect as error:
        raise InvalidInput("The upload broke off before all of it had arrived.") from error
    except TooLarge:
        await _drain(request, limit)
        raise
    finally:
        await reception.discard()


class _Reception:
    """One document on its way to the store."""

    def __init__(self, user_id: str, persona: str, form: _Form) -> None:
        self._user_id = user_id
        self._persona = persona
        self._form = form
        self._pending: PendingUpload | None = None
        self._kept = False

    async def flush(self, at_least: int = 1) -> None:
        """Write what was collected, once it is `at_least` that many bytes."""
        if len(self._form.bytes) >= at_least:
            pending = await self._opened()
            await asyncio.to_thread(pending.write, self._form.taken())

    async def finished(self) -> FileInfo:
        """Hand the complete document over."""
        if self._form.name is None or not self._form.done:
            raise InvalidInput('Send the document in the form field "file".', field=FIELD)
        await self.flush()
        pending = await self._opened()
        info = await asyncio.to_thread(pending.finish)
        self._kept = True
        return info

    async def discard(self) -> None:
        """Drop what was written, unless it was handed over."""
        if self._pending is not None and not self._kept:
            await asyncio.to_thread(self._pending.discard)

    async def _opened(self) -> PendingUpload:
        if self._pending is None:
            self._pending = await asyncio.to_thread(
                services().files.begin, self._user_id, self._persona, self._form.name or "", None
            )
        return self._pending


def _callbacks(form: _Form) -> dict[str, object]:
    names = (
        "on_part_begin",
        "on_header_field",
        "on_header_value",
        "on_header_end",
        "on_headers_finished",
        "on_part_data",
        "on_part_end",
    )
    return {name: getattr(form, name) for name in names}


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Unsupported('Send the document as multipart/form-data, in the field "file".')
    return boundary


def _content_length(request: Request) -> int | None:
    value = request.headers.get("content-length", "")
    return int(value) if value.isdecimal() else None


async def _drain(request: Request, limit: int) -> None:
    """Read the rest of a refused body, within bounds."""
    left = limit * DRAIN_FACTOR
    try:
        async for piece in request.stream():
            left -= len(piece)
            if left < 0:
                return
    except (ClientDisconnect, RuntimeError):
        # All of it was read already, or the client has gone: nobody is left to wait for.
        return


def _too_large() -> str:
    megabytes = services().settings.max_file_mb
    return f"This file is larger than {megabytes} MB, the limit. Split it and try again."
