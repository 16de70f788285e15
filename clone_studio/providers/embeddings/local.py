"""Embeddings on this machine, with no key: all-MiniLM-L6-v2.

A question is embedded in this process, in a few milliseconds. Passages take minutes of both
cores: they go to a child process of low priority, which stays warm while there is work and
ends after it, so that an idle studio does not carry the model twice.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clone_studio.errors import ProviderDown
from clone_studio.providers.embeddings import minilm
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import Child

WORKER = "clone_studio.providers.embeddings.local_worker"
IDLE_SECONDS = 45.0
# The child answers batches of at most so many texts, so that no message is large.
MOST_TEXTS = 256
ANSWER_SECONDS = 600.0
QUERY_THREADS = 2


class LocalEmbedder:
    """MiniLM for questions here and for passages in a child process.

    Args:
        models_dir: Folder that holds one sub-folder a model.
        idle_seconds: How long the child waits for more work before it ends.
    """

    def __init__(self, models_dir: Path, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._folder = models_dir / minilm.NAME
        self._idle_seconds = idle_seconds
        self._model: minilm.MiniLM | None = None
        self._query_lock = threading.Lock()
        self._child: Child | None = None
        self._child_lock = threading.Lock()
        self._idle: threading.Timer | None = None

    @property
    def model(self) -> str:
        """Name under which the vectors are stored."""
        return minilm.NAME

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return minilm.DIMENSION

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, shape `(384,)`.

        Raises:
            ModelMissing: The model has not been fetched.
        """
        with self._query_lock:
            if self._model is None:
                threads = min(QUERY_THREADS, os.cpu_count() or 1)
                self._model = minilm.MiniLM(self._folder, threads=threads)
            vector: Vectors = self._model.embed([text])[0]
            return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one vector a text, shape `(len(texts), 384)`, in the order given.

        Raises:
            ModelMissing: The model has not been fetched.
            ProviderDown: The child process ended twice.
        """
        if not texts:
            return np.zeros((0, minilm.DIMENSION), np.float32)
        self._require_files()
        with self._child_lock:
            self._cancel_idle()
            try:
                parts = [
                    self._ask(texts[start : start + MOST_TEXTS])
                    for start in range(0, len(texts), MOST_TEXTS)
                ]
            finally:
                self._end_when_idle()
        return np.concatenate(parts)

    def check(self) -> str:
        """Return one sentence saying that the model is there, or raise `ModelMissing`.

        The model is not loaded for this: nobody may have asked anything yet.
        """
        self._require_files()
        return f"The local model {minilm.NAME} is on this machine."

    def close(self) -> None:
        """End the child process."""
        with self._child_lock:
            self._cancel_idle()
            self._end()

    def _require_files(self) -> None:
        if not all((self._folder / name).is_file() for name in minilm.FILES):
            raise minilm.missing()

    def _ask(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of a batch; a child that ended is started once more."""
        for _ in range(2):
            child = self._child
            if child is None or not child.is_alive:
                self._end()
                threads = str(os.cpu_count() or 1)
                child = self._child = Child(WORKER, str(self._folder), threads)
            watchdog = threading.Timer(ANSWER_SECONDS, child.kill)
            watchdog.daemon = True
            watchdog.start()
            try:
                frames.write(child.requests, {"texts": list(texts)})
                answer = frames.read(child.answers)
            except (OSError, frames.BrokenFrame):
                answer = None
            finally:
                watchdog.cancel()
            if answer is not None and len(answer[1]) == len(texts) * minilm.DIMENSION * 4:
                found = np.frombuffer(answer[1], "<f4").reshape(len(texts), minilm.DIMENSION)
                return found.astype(np.float32)
            self._end()
        raise ProviderDown(
            "The local embedding model ended unexpectedly, perhaps because memory is short. "
            "Close other programs, then try again."
        )

    def _end_when_idle(self) -> None:
        self._idle = threading.Timer(self._idle_seconds, self.close)
        self._idle.daemon = True
        self._idle.start()

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
