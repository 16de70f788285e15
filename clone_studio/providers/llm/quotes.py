"""The model of a studio without a language model: it answers with quotes and says so."""

import asyncio
import re
from collections.abc import AsyncGenerator

from clone_studio.providers.llm.protocol import (
    ChatRequest,
    ChatTurn,
    Finished,
    Kind,
    Quote,
    TextDelta,
)

NAME = "quotes"
QUOTES_LIMIT = 4
NO_ANSWER = "I have found nothing about that in my material."
ONE = "Here is what my own material says, word for word:"
SEVERAL = "Here is what my own material says about this, word for word:"


class QuotesModel:
    """Streams the best quotes, each with its citation mark; it never writes a sentence itself."""

    kind: Kind = "quotes"

    @property
    def default_model(self) -> str:
        """Name shown where a model's name would be."""
        return NAME

    async def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Stream the quotes in a few pieces, or the clone's own words for "no answer"."""
        quotes = request.quotes[:QUOTES_LIMIT]
        if not quotes:
            yield TextDelta(request.no_answer or NO_ANSWER)
        else:
            yield TextDelta(ONE if len(quotes) == 1 else SEVERAL)
        for quote in quotes:
            # Lets the first piece be seen while the others are made.
            await asyncio.sleep(0)
            yield TextDelta(f"\n\n{_block(quote)}")
        yield Finished(reason="stop", prompt_tokens=0, completion_tokens=0, model=NAME)

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        """Nothing is to be got ready."""

    async def models(self) -> list[str]:
        """Return the one name there is."""
        return [NAME]

    async def check(self) -> str:
        """Return one sentence saying that quoting works."""
        return "No language model is connected: answers are quotes from the clone's material."

    async def close(self) -> None:
        """Nothing is open."""


def _block(quote: Quote) -> str:
    """Return a Markdown block quote; the text is one paragraph, whatever lines it had."""
    words = " ".join(quote.text.split())
    # A bracketed number of the document itself must not be read as a citation mark.
    words = re.sub(r"\[(?=\d)", r"\\[", words)
    return f"> “{words}” [{quote.number}]"
