"""The child process that speaks.

Run as `python -m clone_studio.providers.speech.local_worker FOLDER THREADS`. A request is
`{"id", "text", "voice", "speed"}`; it is answered by `{"id", "kind": "audio"}` with MP3 in the
body, any number of times, and one `{"id", "kind": "end"}`, or "failed" for a text that the model's
reader stumbles over.
`{"stop": id}` ends a request after the piece that is being made. It ends when its input ends.
"""

import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import lameenc
import numpy as np

from clone_studio.errors import ModelMissing
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import become_child
from clone_studio.providers.speech.kokoro import RATE, Audio, Kokoro

MEMORY_BYTES = 6 * 1024 * 1024 * 1024
# Somebody is listening, unlike with documents; the pages still go first.
NICENESS = 2
BIT_RATE = 64
QUALITY = 5


class Desk:
    """What came in: requests in order, and which of them are not wanted any more."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.stopped: set[int] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while message := frames.read(self._source):
            header = message[0]
            if "stop" in header:
                self.stopped.add(header["stop"])
            else:
                self.requests.put(header)
        os._exit(0)


def answer(model: Kokoro, request: dict[str, Any], desk: Desk, output: BinaryIO) -> None:
    """Speak one request."""
    number = request["id"]
    encoder: Any = lameenc.Encoder()
    encoder.silence()
    encoder.set_bit_rate(BIT_RATE)
    encoder.set_in_sample_rate(RATE)
    encoder.set_channels(1)
    encoder.set_quality(QUALITY)
    try:
        for audio in model.speak(request["text"], request["voice"], request["speed"]):
            if number in desk.stopped:
                break
            if encoded := bytes(encoder.encode(_samples(audio))):
                frames.write(output, {"id": number, "kind": "audio"}, encoded)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001
        # The reader turns any text of anybody into sounds; its own faults have no common class,
        # and they must not cost the process that the next text needs.
        frames.write(output, {"id": number, "kind": "failed", "why": type(error).__name__})
        return
    frames.write(output, {"id": number, "kind": "audio"}, bytes(encoder.flush()))
    frames.write(output, {"id": number, "kind": "end"})
    desk.stopped.discard(number)


def _samples(audio: Audio) -> bytes:
    """Return 16-bit samples, little-endian."""
    return (np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes()


def main() -> None:
    """Answer requests until the parent ends."""
    folder, threads = sys.argv[1:3]
    output = become_child(memory_bytes=MEMORY_BYTES, niceness=NICENESS)
    desk = Desk(sys.stdin.buffer)
    try:
        model = Kokoro(Path(folder), threads=int(threads))
    except ModelMissing:
        os._exit(1)
    while True:
        answer(model, desk.requests.get(), desk, output)


if __name__ == "__main__":
    main()
