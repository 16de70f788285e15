"""The embedder of a studio whose stored key cannot be read: it refuses with the reason.

Another model instead would embed every document anew, and once more when the key is back.
"""

from collections.abc import Sequence

from clone_studio.errors import ProviderRefused
from clone_studio.providers.embeddings.protocol import Vectors


class UnusableEmbedder:
    """Refuses everything.

    Args:
        model: Name under which the vectors are stored.
        reason: Why it makes none, and what to do.
    """

    def __init__(self, model: str, reason: str) -> None:
        self._model = model
        self._reason = reason

    @property
    def model(self) -> str:
        """Name under which the vectors are stored."""
        return self._model

    @property
    def dimension(self) -> int:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(self._reason)

    def embed_query(self, text: str) -> Vectors:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(self._reason)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(self._reason)

    def check(self) -> str:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(self._reason)

    def close(self) -> None:
        """Nothing is open."""
