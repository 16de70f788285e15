"""The child process that embeds passages, and the parent's handle on it.

The two speak over pipes: the parent sends a JSON list of texts on one line, the child answers
with a line `rows columns` and the float32 bytes. The child ends when its input closes, so it
never outlives the studio, also not one that was killed.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clone_studio.errors import ProviderDown
from clone_studio.providers.embeddings.protocol import Vectors

IDLE_SECONDS = 20.0
NICENESS = 10


class EmbeddingChild:
    """Starts the child at the first use and ends it when it has been idle.

    Args:
        folder: The model's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._idle: threading.Timer | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of `texts`; one caller at a time.

        Raises:
            ProviderDown: When the child ended in the middle.
        """
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            process = self._running()
            try:
                return _exchange(process, texts)
            except (OSError, ValueError) as error:
                self._end()
                raise ProviderDown(
                    "The local embedding process ended in the middle. It is started again."
                ) from error
            finally:
                self._idle = threading.Timer(IDLE_SECONDS, self.close)
                self._idle.daemon = True
                self._idle.start()

    def close(self) -> None:
        """End the child; the next call starts another."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            self._end()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.kill()
        process.wait()


def _exchange(process: "subprocess.Popen[bytes]", texts: Sequence[str]) -> Vectors:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(list(texts)).encode() + b"\n")
    process.stdin.flush()
    rows, columns = map(int, process.stdout.readline().split())
    data = process.stdout.read(rows * columns * 4)
    return np.frombuffer(data, dtype="<f4").reshape(rows, columns)


def _serve(folder: Path) -> None:
    from clone_studio.providers.embeddings.minilm import MiniLM

    os.nice(NICENESS)
    model = MiniLM(folder, threads=os.cpu_count() or 1)
    for line in sys.stdin.buffer:
        vectors = model.embed(json.loads(line)).astype("<f4")
        sys.stdout.buffer.write(f"{vectors.shape[0]} {vectors.shape[1]}\n".encode())
        sys.stdout.buffer.write(vectors.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
