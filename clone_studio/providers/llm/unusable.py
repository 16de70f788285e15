"""The language model of a studio whose stored key cannot be read.

It refuses with the reason. Quoting instead would change who answers without anybody's doing.
"""

from collections.abc import AsyncGenerator

from clone_studio.errors import ProviderRefused
from clone_studio.providers.llm.protocol import ChatRequest, ChatTurn, Finished, Kind, TextDelta


class UnusableModel:
    """Refuses everything.

    Args:
        name: The model that would answer.
        reason: Why it cannot, and what to do.
    """

    kind: Kind = "openai"

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    @property
    def default_model(self) -> str:
        """Name of the model that would answer."""
        return self._name

    async def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(self._reason)
        # Never reached: it makes this a generator.
        yield TextDelta("")

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        """Nothing is to be got ready."""

    async def models(self) -> list[str]:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(self._reason)

    async def check(self) -> str:
        """Raise `ProviderRefused`."""
        raise ProviderRefused(self._reason)

    async def close(self) -> None:
        """Nothing is open."""
