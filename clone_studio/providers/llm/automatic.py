"""Who answers where nobody has chosen: the local language model once it is installed, else quotes.

To install the model, by the button or the command, is to choose it. It is looked for at each
question, so that it answers as soon as it is there, without a restart.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from clone_studio.providers.llm.local import LocalLanguageModel
from clone_studio.providers.llm.protocol import ChatRequest, ChatTurn, Finished, Kind, TextDelta
from clone_studio.providers.llm.quotes import QuotesModel


class AutomaticModel:
    """Hands each request to one of two models.

    Args:
        local: Answers when it is ready.
        quotes: Answers until then.
    """

    def __init__(self, local: LocalLanguageModel, quotes: QuotesModel) -> None:
        self._local = local
        self._quotes = quotes

    @property
    def kind(self) -> Kind:
        """Which of the two answers now."""
        return self._chosen.kind

    @property
    def default_model(self) -> str:
        """Name of the model that answers now."""
        return self._chosen.default_model

    @property
    def _chosen(self) -> LocalLanguageModel | QuotesModel:
        return self._local if self._local.is_ready else self._quotes

    async def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Stream the answer; what the request was made for decides who writes it."""
        chosen = self._chosen
        if request.turns:
            chosen = self._local
        elif request.quotes:
            chosen = self._quotes
        async with aclosing(chosen.stream(request)) as events:
            async for event in events:
                yield event

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        """Warm the local model, when that answers."""
        await self._local.warm(turns)

    async def models(self) -> list[str]:
        """Return the one name there is."""
        return await self._chosen.models()

    async def check(self) -> str:
        """Return one sentence saying who answers."""
        return await self._chosen.check()

    async def close(self) -> None:
        """End the local model's process."""
        await self._local.close()
