"""What the studio asks of a language model."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["openai", "local", "quotes"]


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

    `quotes`, best first, serve the model that only quotes. Without turns and without quotes
    the knowledge has no answer, which was decided before: `no_answer` is what the clone says
    then.
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
    def kind(self) -> Kind:
        """Which implementation this is.

        Pages say so when it only quotes; a small local one gets shorter prompts.
        """
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

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        """Get ready for a prompt that begins with `turns`; nothing where that is of no use.

        Never raises for a model that cannot be used: the question will say so.
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
