"""The language model on this machine, with no key: Qwen2.5-Coder-1.5B-Instruct.

It runs in a child process of low priority, which writes one answer at a time, questions in the
order in which they came, and ends when nobody has asked for a while: it takes 2 GB of memory.
The prompt that was read last is kept, so that only what differs from it is read again.
"""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from clone_studio.errors import (
    ModelMissing,
    ProviderDown,
    ProviderError,
    ProviderInterrupted,
    ProviderRefused,
    ProviderTimeout,
)
from clone_studio.providers import local_models, model_engines
from clone_studio.providers.llm.protocol import ChatRequest, ChatTurn, Finished, Kind, TextDelta
from clone_studio.providers.llm.quotes import NO_ANSWER
from clone_studio.providers.model_catalogue import LANGUAGE, LocalModel
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import Child

logger = logging.getLogger(__name__)

WORKER = "clone_studio.providers.llm.local_worker"
IDLE_SECONDS = 300.0
MESSAGE_SECONDS = 60.0
# Each answer takes many seconds: who would have to wait behind more than this gets told.
MOST_WAITING = 16
MOST_THREADS = 8
MEND = "Fetch it with `./studio models install llm`, or in Settings under Local models."


class LocalLanguageModel:
    """The catalogue's language model, in a child process.

    Args:
        models_dir: Folder that holds one sub-folder a model.
        message_seconds: How long the child may say nothing while it loads, reads or writes.
        idle_seconds: How long the child waits for the next question before it ends.
        most_waiting: How many answers are written or wait at once.
        worker: Module of the child.
        model: What it runs.
    """

    kind: Kind = "local"

    def __init__(
        self,
        models_dir: Path,
        *,
        message_seconds: float = MESSAGE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        most_waiting: int = MOST_WAITING,
        worker: str = WORKER,
        model: LocalModel = LANGUAGE,
    ) -> None:
        self._models_dir = models_dir
        self._model = model
        self._message_seconds = message_seconds
        self._idle_seconds = idle_seconds
        self._most_waiting = most_waiting
        self._worker = worker
        self._has_engine = False
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._talk: _Talk | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._asked = 0
        self._warming = 0

    @property
    def default_model(self) -> str:
        """Name of the one model there is."""
        return self._model.name

    @property
    def is_ready(self) -> bool:
        """Whether model and engine are on this machine; looks at no more than a few files."""
        if not local_models.is_stamped(self._model, self._models_dir):
            return False
        engine = self._model.engine
        self._has_engine = self._has_engine or not engine or model_engines.is_installed(engine)
        return self._has_engine

    async def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Stream the answer: text deltas, then exactly one `Finished`.

        Raises:
            ModelMissing: Model or engine is not on this machine, or cannot be loaded.
            ProviderDown: The child ended, or too many wait already.
            ProviderTimeout: The child said nothing for too long.
            ProviderRefused: The prompt is too long for it.
            ProviderInterrupted: One of these, once text has been sent.
        """
        if not request.turns:
            yield TextDelta(request.no_answer or NO_ANSWER)
            yield Finished("stop", 0, 0, self.default_model)
            return
        if self._waiting >= self._most_waiting:
            raise ProviderDown(
                f"The language model on this machine has {self._waiting} other answers to write. "
                "Ask again in a minute."
            )
        self._waiting += 1
        try:
            self._stop_warming()
            async with self._turn, aclosing(self._answer(request)) as events:
                async for event in events:
                    yield event
        finally:
            self._waiting -= 1

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        """Load the model and have it read `turns`, unless somebody asks meanwhile."""
        if self._waiting or self._turn.locked() or not self.is_ready:
            return
        request = ChatRequest((*turns, ChatTurn("user", "")), model="", max_tokens=1)
        try:
            async with self._turn, aclosing(self._messages(request)) as messages:
                self._warming = self._asked + 1
                async for _message in messages:
                    if self._waiting:
                        return
        except ProviderError as error:
            logger.warning("The local language model was not warmed: %s", error.detail)
        finally:
            self._warming = 0

    async def models(self) -> list[str]:
        """Return the one name there is."""
        return [self.default_model]

    async def check(self) -> str:
        """Return one sentence saying that the model is there, or raise `ModelMissing`.

        It is not loaded for this: that would take 2 GB for a look at the health page.
        """
        if not await asyncio.to_thread(lambda: self.is_ready):
            raise self._missing()
        return f"{self.default_model} is on this machine."

    async def close(self) -> None:
        """End the child process."""
        self._cancel_idle()
        if self._talk is not None:
            talk, self._talk = self._talk, None
            await asyncio.to_thread(talk.close)

    async def _answer(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        has_text = False
        try:
            async with aclosing(self._messages(request)) as messages:
                async for message in messages:
                    if message["kind"] == "text":
                        has_text = True
                        yield TextDelta(message["text"])
                    elif message["kind"] == "end":
                        yield Finished(
                            message["reason"],
                            message["promptTokens"],
                            message["completionTokens"],
                            self.default_model,
                        )
        except (ProviderDown, ProviderTimeout) as error:
            if not has_text:
                raise
            raise ProviderInterrupted(f"{error.detail} What was written is kept.") from error

    async def _messages(self, request: ChatRequest) -> AsyncGenerator[frames.Header, None]:
        """Yield what the child says about one request, up to its end; closing stops it."""
        self._cancel_idle()
        number = self._asked = self._asked + 1
        ended = False
        try:
            talk = await self._open()
            await talk.ask(_asking(number, request))
            while not ended:
                message = await self._next(talk)
                if message.get("id") != number:
                    continue
                if message["kind"] == "error":
                    ended = True
                    raise _refusal(message)
                ended = message["kind"] == "end"
                yield message
        finally:
            if self._talk is not None:
                if not ended:
                    self._talk.stop(number)
                self._idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._unload)

    async def _open(self) -> "_Talk":
        """Return the child, started and loaded."""
        if self._talk is not None and self._talk.is_alive:
            return self._talk
        await self.close()
        if not await asyncio.to_thread(lambda: self.is_ready):
            raise self._missing()
        file = self._models_dir / self._model.name / self._model.files[0].name
        loop = asyncio.get_running_loop()
        # Not in a thread: given up in the middle, a child would be left that nobody knows.
        talk = self._talk = _Talk(
            loop, self._worker, str(file), str(threads_for(os.cpu_count() or 1))
        )
        message = await self._next(talk)
        if message["kind"] != "ready":
            await self.close()
            raise self._missing() if message["code"] == "no_engine" else self._not_loaded()
        return talk

    async def _next(self, talk: "_Talk") -> frames.Header:
        """Return the child's next message; a child that ended or hangs is given up."""
        try:
            message = await asyncio.wait_for(talk.messages.get(), self._message_seconds)
        except TimeoutError:
            await self.close()
            raise ProviderTimeout(
                f"The language model on this machine did not get on for {self._message_seconds:.0f}"
                " seconds and was ended. The machine may be too busy; ask again."
            ) from None
        if message is None:
            await self.close()
            raise ProviderDown(
                "The language model on this machine ended unexpectedly, perhaps because memory "
                "is short: it needs 2 GB. Close other programs, then ask again."
            )
        return message

    def _stop_warming(self) -> None:
        if self._warming and self._talk is not None:
            self._talk.stop(self._warming)

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _unload(self) -> None:
        """End the child without waiting for it."""
        talk, self._talk = self._talk, None
        if talk is not None:
            logger.info("The local language model was unloaded")
            threading.Thread(target=talk.close, daemon=True).start()

    def _missing(self) -> ModelMissing:
        return ModelMissing(
            f"The language model {self._model.name} is not on this machine, or not all of it. "
            + MEND
        )

    def _not_loaded(self) -> ModelMissing:
        return ModelMissing(
            f"The language model {self._model.name} could not be loaded. Perhaps memory is short: "
            "it needs 2 GB. Or a file is damaged: see `./studio models verify llm`."
        )


class _Talk:
    """The child, and what it says as messages of the event loop; None is its end.

    Args:
        loop: Whose messages they become.
        module: Module of the child.
        arguments: Its arguments.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, module: str, *arguments: str) -> None:
        self.messages: asyncio.Queue[frames.Header | None] = asyncio.Queue()
        self._loop = loop
        self._child = Child(module, *arguments)
        self._writing = threading.Lock()
        threading.Thread(target=self._listen, name="local-llm", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether the child still runs."""
        return self._child.is_alive

    async def ask(self, request: frames.Header) -> None:
        """Send a request; a child that has ended is found out by its silence."""
        await asyncio.to_thread(self._send, request)

    def stop(self, number: int) -> None:
        """Tell the child that an answer is not wanted any more; a few bytes, never waited for."""
        self._send({"kind": "stop", "id": number})

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def _send(self, message: frames.Header) -> None:
        with self._writing, suppress(OSError, ValueError):
            frames.write(self._child.requests, message)

    def _listen(self) -> None:
        message: tuple[frames.Header, bytes] | None = ({}, b"")
        while message is not None:
            try:
                message = frames.read(self._child.answers)
            except (OSError, ValueError, frames.BrokenFrame):
                message = None
            # The loop has ended with the studio: nobody listens any more.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(
                    self.messages.put_nowait, message[0] if message else None
                )


def threads_for(cores: int) -> int:
    """Return how many threads write: all of two cores, else one is left to the pages."""
    return max(1, min(cores if cores <= 2 else cores - 1, MOST_THREADS))


def _asking(number: int, request: ChatRequest) -> dict[str, Any]:
    return {
        "kind": "ask",
        "id": number,
        "turns": [[turn.role, turn.content] for turn in request.turns],
        "temperature": request.temperature,
        "maxTokens": request.max_tokens,
    }


def _refusal(message: frames.Header) -> ProviderRefused:
    if message["code"] == "too_long":
        return ProviderRefused(
            "The prompt is too long for the language model on this machine, which reads about "
            "3,000 words. Shorten the clone's prompts, or begin a new thread."
        )
    return ProviderRefused(
        f"The language model on this machine did not accept the request: {message['detail']}"
    )
