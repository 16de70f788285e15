"""Messages between a process and its child: a JSON header and a binary body, both bounded.

JSON and raw bytes on purpose: the child reads hostile documents, and unpickling what it sends
would let it run code here.
"""

import json
import struct
from typing import IO, Any

from clone_studio.errors import StudioError

_SIZES = struct.Struct("<II")
MOST_HEADER_BYTES = 16 * 1024 * 1024
MOST_BODY_BYTES = 64 * 1024 * 1024

Header = dict[str, Any]


class BrokenFrame(StudioError):
    """The other side ended in the middle of a message or sent nonsense."""

    code = "broken_frame"


def write(stream: IO[bytes], header: Header, body: bytes = b"") -> None:
    """Send one message."""
    packed = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    stream.write(_SIZES.pack(len(packed), len(body)) + packed + body)
    stream.flush()


def read(stream: IO[bytes]) -> tuple[Header, bytes] | None:
    """Return the next `(header, body)`, None when the other side ended between messages.

    Raises:
        BrokenFrame: The stream ended inside a message, or a size is out of bounds.
    """
    sizes = stream.read(_SIZES.size)
    if not sizes:
        return None
    if len(sizes) < _SIZES.size:
        raise BrokenFrame("The child process ended in the middle of a message.")
    header_size, body_size = _SIZES.unpack(sizes)
    if header_size > MOST_HEADER_BYTES or body_size > MOST_BODY_BYTES:
        raise BrokenFrame("The child process sent a message that is too large.")
    packed, body = stream.read(header_size), stream.read(body_size)
    if len(packed) < header_size or len(body) < body_size:
        raise BrokenFrame("The child process ended in the middle of a message.")
    try:
        header = json.loads(packed)
    except ValueError as error:
        raise BrokenFrame("The child process sent a message that cannot be read.") from error
    if not isinstance(header, dict):
        raise BrokenFrame("The child process sent a message that cannot be read.")
    return header, body
