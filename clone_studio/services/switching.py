"""Providers that are exchanged while the studio runs.

Each switch is itself a provider and hands everything on to the one in use. Work that must stay
with one provider from its first step to its last, such as an answer, holds it: what was
exchanged meanwhile is closed when the last holder lets go.
"""

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    aclosing,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from clone_studio.providers.embeddings.protocol import Embedder, Vectors
from clone_studio.providers.llm.protocol import (
    ChatRequest,
    ChatTurn,
    Finished,
    Kind,
    LanguageModel,
    TextDelta,
)
from clone_studio.providers.speech.protocol import Allowance, SpeechEngine, SpeechRequest, Voice

T = TypeVar("T")


@dataclass
class _InUse(Generic[T]):
    provider: T
    holders: int = 0
    retired: bool = False


class Switch(Generic[T]):
    """Which provider is in use, and by how many. Safe to share between threads.

    Args:
        build: Makes the first provider, when it is first needed.
    """

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._lock = threading.RLock()
        self._now: _InUse[T] | None = None

    @property
    def now(self) -> T:
        """The provider in use."""
        return self._current().provider

    def take(self) -> _InUse[T]:
        """Hold the provider in use; `give_back` must follow."""
        with self._lock:
            use = self._current()
            use.holders += 1
            return use

    def give_back(self, use: _InUse[T]) -> bool:
        """Let go; True when the caller has to close the provider, as its last holder."""
        with self._lock:
            use.holders -= 1
            return use.retired and use.holders == 0

    def exchange(self, provider: T) -> T | None:
        """Put `provider` into use; returns the old one when the caller has to close it."""
        with self._lock:
            old = self.retire()
            self._now = _InUse(provider)
            return old

    def retire(self) -> T | None:
        """Put nothing into use; returns the old one when the caller has to close it."""
        with self._lock:
            old, self._now = self._now, None
            if old is None:
                return None
            old.retired = True
            return old.provider if old.holders == 0 else None

    def _current(self) -> _InUse[T]:
        with self._lock:
            if self._now is None:
                self._now = _InUse(self._build())
            return self._now


class _Closed(Protocol):
    async def close(self) -> None: ...


P = TypeVar("P", bound=_Closed)


class _Switched(Generic[P]):
    """A provider that is exchanged in place.

    Args:
        build: Makes the first one, when it is first needed.
    """

    def __init__(self, build: Callable[[], P]) -> None:
        self._switch = Switch(build)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[P]:
        """Yield the provider in use; it stays open, whatever is exchanged meanwhile."""
        use = self._switch.take()
        try:
            yield use.provider
        finally:
            if self._switch.give_back(use):
                await use.provider.close()

    async def exchange(self, provider: P) -> None:
        """Put `provider` into use; the one before is closed when nobody holds it."""
        old = self._switch.exchange(provider)
        if old is not None:
            await old.close()

    async def close(self) -> None:
        """Close the provider in use."""
        await self._switch.now.close()


class SwitchedModel(_Switched[LanguageModel]):
    """The language model in use."""

    @property
    def kind(self) -> Kind:
        """Which implementation is in use."""
        return self._switch.now.kind

    @property
    def default_model(self) -> str:
        """Name of the model used where a clone names none."""
        return self._switch.now.default_model

    async def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Stream the answer, to its end by the model that began it."""
        async with self.held() as model, aclosing(model.stream(request)) as events:
            async for event in events:
                yield event

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        """Let the model in use get ready for a question that begins with `turns`."""
        async with self.held() as model:
            await model.warm(turns)

    async def models(self) -> list[str]:
        """Return the model names that can be chosen, best first."""
        async with self.held() as model:
            return await model.models()

    async def check(self) -> str:
        """Return one sentence saying that the model answers, or raise `ProviderError`."""
        async with self.held() as model:
            return await model.check()


class SwitchedEmbedder:
    """The embedder in use.

    Args:
        build: Makes the first one, when it is first needed.
    """

    def __init__(self, build: Callable[[], Embedder]) -> None:
        self._switch = Switch(build)

    @property
    def model(self) -> str:
        """Name under which the vectors are stored now."""
        return self._switch.now.model

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        with self.held() as embedder:
            return embedder.dimension

    @contextmanager
    def held(self) -> Iterator[Embedder]:
        """Yield the embedder in use; it stays open, whatever is exchanged meanwhile."""
        use = self._switch.take()
        try:
            yield use.provider
        finally:
            if self._switch.give_back(use):
                use.provider.close()

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question."""
        with self.held() as embedder:
            return embedder.embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one vector a text, in the order given."""
        with self.held() as embedder:
            return embedder.embed_passages(texts)

    def check(self) -> str:
        """Return one sentence saying that the embedder works, or raise `ProviderError`."""
        with self.held() as embedder:
            return embedder.check()

    def exchange(self, embedder: Embedder) -> None:
        """Put `embedder` into use; the one before is closed when nobody holds it."""
        old = self._switch.exchange(embedder)
        if old is not None:
            old.close()

    def retire(self) -> None:
        """Let go of the embedder in use; it is closed when nobody holds it."""
        old = self._switch.retire()
        if old is not None:
            old.close()

    def close(self) -> None:
        """Close the embedder in use."""
        self._switch.now.close()


class SwitchedSpeech(_Switched[SpeechEngine]):
    """The speech engine in use."""

    @property
    def kind(self) -> Literal["elevenlabs", "local", "off"]:
        """Which implementation is in use."""
        return self._switch.now.kind

    @property
    def default_model(self) -> str:
        """Name of the model that speaks where a request names none."""
        return self._switch.now.default_model

    @property
    def default_voice_id(self) -> str:
        """The voice of clones whose own voice the engine does not have."""
        return self._switch.now.default_voice_id

    @property
    def longest_text(self) -> int:
        """How many characters one request may hold."""
        return self._switch.now.longest_text

    @property
    def adjustable(self) -> frozenset[str]:
        """Names of the `VoiceSettings` that make a difference."""
        return self._switch.now.adjustable

    async def stream(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Stream the audio, to its end by the engine that began it."""
        async with self.held() as engine, aclosing(engine.stream(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def voices(self) -> tuple[Voice, ...]:
        """Return the voices that can be chosen, by name."""
        async with self.held() as engine:
            return await engine.voices()

    async def allowance(self) -> Allowance | None:
        """Return the account's characters, None where nothing is counted."""
        async with self.held() as engine:
            return await engine.allowance()

    async def check(self) -> str:
        """Return one sentence saying that speech works, or raise `ProviderError`."""
        async with self.held() as engine:
            return await engine.check()


def held_model(model: LanguageModel) -> AbstractAsyncContextManager[LanguageModel]:
    """Hold the model behind a switch; one that cannot be exchanged is itself."""
    return model.held() if isinstance(model, SwitchedModel) else nullcontext(model)


def held_embedder(embedder: Embedder) -> AbstractContextManager[Embedder]:
    """Hold the embedder behind a switch; one that cannot be exchanged is itself."""
    return embedder.held() if isinstance(embedder, SwitchedEmbedder) else nullcontext(embedder)


def held_speech(engine: SpeechEngine) -> AbstractAsyncContextManager[SpeechEngine]:
    """Hold the engine behind a switch; one that cannot be exchanged is itself."""
    return engine.held() if isinstance(engine, SwitchedSpeech) else nullcontext(engine)
