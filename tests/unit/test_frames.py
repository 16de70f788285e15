"""Messages between a process and its child."""

import io
import struct

import pytest

from clone_studio.providers.processes import frames


def test_messages_come_back_as_they_went() -> None:
    stream = io.BytesIO()
    frames.write(stream, {"kind": "part", "text": "naïve 日本 😀\n"}, b"\x00\xff")
    frames.write(stream, {"kind": "end"})
    stream.seek(0)
    assert frames.read(stream) == ({"kind": "part", "text": "naïve 日本 😀\n"}, b"\x00\xff")
    assert frames.read(stream) == ({"kind": "end"}, b"")
    assert frames.read(stream) is None


@pytest.mark.parametrize(
    "sent",
    [
        b"\x01",
        struct.pack("<II", 10, 0) + b"{}",
        struct.pack("<II", 2, 9) + b"{}abc",
        struct.pack("<II", 2**31, 0),
        struct.pack("<II", 2, 2**31) + b"{}",
        struct.pack("<II", 3, 0) + b"{]}",
        struct.pack("<II", 2, 0) + b"[]",
        struct.pack("<II", 2, 0) + b"\xff\xfe",
    ],
)
def test_nonsense_is_refused(sent: bytes) -> None:
    with pytest.raises(frames.BrokenFrame):
        frames.read(io.BytesIO(sent))
