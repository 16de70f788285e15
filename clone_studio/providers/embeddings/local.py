"""all-MiniLM-L6-v2 on this machine: 384 dimensions, reads 256 tokens.

Questions are embedded in this process, in a few milliseconds. Passages are embedded in a
child process of low priority, so that the web process stays quick while documents are read.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clone_studio.errors import ModelMissing, ProviderDown
from clone_studio.providers.embeddings.child import EmbeddingChild
from clone_studio.providers.embeddings.minilm import FILES, MiniLM
from clone_studio.providers.embeddings.protocol import Vectors

MODEL = "all-MiniLM-L6-v2"
DIMENSION = 384
REMEMBERED_QUERIES = 512


class LocalEmbedder:
    """The embedder of a studio without a vendor.

    Args:
        models_dir: Folder of the local models; the model's own is named after it.
    """

    def __init__(self, models_dir: Path) -> None:
        self._folder = models_dir / MODEL
        self._model: MiniLM | None = None
        self._lock = threading.Lock()
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self._child = EmbeddingChild(self._folder)

    @property
    def model(self) -> str:
        """Name under which the vectors are stored."""
        return MODEL

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return DIMENSION

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, shape `(384,)`.

        Raises:
            ModelMissing: When the model has not been fetched.
        """
        with self._lock:
            known = self._queries.get(text)
            if known is not None:
                self._queries.move_to_end(text)
                return known
            if self._model is None:
                self._require_files()
                self._model = MiniLM(self._folder, threads=1)
            vector: Vectors = self._model.embed([text])[0]
            self._queries[text] = vector
            if len(self._queries) > REMEMBERED_QUERIES:
                self._queries.popitem(last=False)
            return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one vector a text, shape `(len(texts), 384)`, in the order given.

        Raises:
            ModelMissing: When the model has not been fetched.
            ProviderDown: When the child process ended in the middle.
        """
        self._require_files()
        if not texts:
            return np.empty((0, DIMENSION), dtype=np.float32)
        return self._child.embed(texts)

    def check(self) -> str:
        """Return one sentence saying that the embedder works, or raise `ProviderError`."""
        vector = self.embed_query("Does the embedding model work?")
        if not np.isfinite(vector).all():
            raise ProviderDown("The local embedding model answers with broken vectors.")
        return f"{MODEL} works on this machine ({DIMENSION} dimensions)."

    def close(self) -> None:
        """End the child process."""
        self._child.close()

    def _require_files(self) -> None:
        if not all((self._folder / name).is_file() for name in FILES):
            raise ModelMissing(
                f"The local embedding model {MODEL} is not on this machine. "
                "Run ./studio models install; until then keyword search serves alone."
            )
