"""What the studio asks of an embedding model."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors. Blocking: call it from threads, never from the loop."""

    @property
    def model(self) -> str:
        """Name under which the vectors are stored; another name means other vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, shape `(dimension,)`."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one vector a text, shape `(len(texts), dimension)`, in the order given.

        Raises:
            ProviderError: When the service fails after its retries.
        """
        ...

    def check(self) -> str:
        """Return one sentence saying that the embedder works, or raise `ProviderError`."""
        ...

    def close(self) -> None:
        """Give back what is held: connections, child processes."""
        ...
