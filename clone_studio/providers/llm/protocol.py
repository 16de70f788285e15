"""What the studio asks of a language model."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class ChatTurn:
    """One message of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Quote:
    """A sentence of the knowledge that may answer the question.

    `number` is the passage it stands in, counted from 1 as in the prompt; `score` is its
    relevance, higher is better.
    """

    number: int
    text: str
    score: float


@dataclass(frozen=True)
class ChatRequest:
    """A prompt ready to be sent.

    `quotes`, best first, serve the model that only quotes; `no_answer` is what the clone
    says when its knowledge has no answer.
    """

    turns: tuple[ChatTurn, ...]
    model: str
    temperature: float = 0.3
    max_tokens: int = 1024
    quotes: tuple[Quote, ...] = ()
    no_answer: str = ""


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The end of the stream. Token counts are None where the server did not give them."""

    reason: Literal["stop", "length", "content_filter"]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""


class LanguageModel(Protocol):
    """Streams answers. Closing the generator closes the provider's stream."""

    @property
    def kind(self) -> Literal["openai", "quotes"]:
        """Which implementation this is; pages say so when it only quotes."""
        ...

    @property
    def default_model(self) -> str:
        """Name of the model used where a clone names none."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Stream the answer: text deltas, then exactly one `Finished`.

        Raises:
            ProviderError: With a sentence for the user; `ProviderInterrupted` once text
                has been sent.
        """
        ...

    async def models(self) -> list[str]:
        """Return the model names that can be chosen, best first."""
        ...

    async def check(self) -> str:
        """Return one sentence saying that the model answers, or raise `ProviderError`."""
        ...

    async def close(self) -> None:
        """Give back what is held: connections, child processes."""
        ...
