"""An embedder without a model: the same words give the same vector."""

from collections.abc import Sequence

import numpy as np

from clone_studio.errors import ProviderError
from clone_studio.providers.embeddings.protocol import Vectors
from tests.servers.openai_server import embedding

DIMENSION = 96


class WordVectors:
    """Vectors by words. `failing` is raised instead while it is set; `seen` holds passages."""

    model = "words"
    dimension = DIMENSION

    def __init__(self) -> None:
        self.failing: ProviderError | None = None
        self.seen: list[str] = []

    def embed_query(self, text: str) -> Vectors:
        if self.failing:
            raise self.failing
        return np.asarray(embedding(text, DIMENSION), np.float32)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if self.failing:
            raise self.failing
        self.seen.extend(texts)
        made = [embedding(text, DIMENSION) for text in texts]
        return np.asarray(made, np.float32).reshape(len(texts), DIMENSION)

    def check(self) -> str:
        return "Words are counted."

    def close(self) -> None:
        """Nothing is open."""
