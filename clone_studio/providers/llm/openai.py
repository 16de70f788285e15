"""Language models behind any server that speaks OpenAI's chat completions."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from clone_studio.errors import ProviderError, ProviderRefused
from clone_studio.providers.llm.openai_models import DROPPABLE, UNSUPPORTED_CODES, parameters
from clone_studio.providers.llm.protocol import ChatRequest, ChatTurn, Finished, Kind, TextDelta
from clone_studio.providers.llm.sse import event_data
from clone_studio.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

logger = logging.getLogger(__name__)

OPENAI_URL = "https://api.openai.com/v1"
# A server of one's own needs no key, but the SDK refuses to work without one.
NO_KEY = "no-key-needed"
CONNECT_SECONDS = 5.0
RETRY_SECONDS = 0.5
# Receiving a piece costs the same however small it is. With many streams at once each is read
# less often, so that the socket collects pieces meanwhile; never before the first text.
FEW_STREAMS = 8
PAUSE_PER_STREAM = 0.0008
LONGEST_PAUSE = 0.1
READING_SECONDS = 0.005
LIST_SECONDS = 10.0
MODELS_LIMIT = 200
NOT_CHAT = ("embedding", "whisper", "tts", "dall-e", "moderation", "transcribe", "image", "audio")
_REASONS: dict[str, Literal["stop", "length", "content_filter"]] = {
    "length": "length",
    "content_filter": "content_filter",
}


class OpenAIModel:
    """Streams answers through the official SDK.

    Args:
        settings: Key, base URL, default model and time-out.
    """

    kind: Kind = "openai"

    def __init__(self, settings: Settings) -> None:
        self._key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
        self._url = (settings.openai_base_url or "").strip() or OPENAI_URL
        self._model = settings.chat_model
        self._place = settings.openai_place
        self._timeout = settings.llm_timeout_seconds
        self._refused: dict[str, frozenset[str]] = {}
        self._streams = 0

    @property
    def default_model(self) -> str:
        """Name of the model used where a clone names none."""
        return self._model

    @property
    def place(self) -> str:
        """Host (and port) of the server, for people; never the path or credentials."""
        return self._place

    @cached_property
    def _client(self) -> "AsyncOpenAI":
        # Imported at first use: the SDK costs a second and 40 MB.
        import httpx2
        from openai import AsyncOpenAI

        if not self._key and self._url == OPENAI_URL:
            raise ProviderRefused(
                "There is no OpenAI key. Enter one in Settings, under Keys and services, or the "
                "address of a server of your own (OPENAI_API_KEY, OPENAI_BASE_URL)."
            )
        return AsyncOpenAI(
            api_key=self._key or NO_KEY,
            base_url=self._url,
            timeout=httpx2.Timeout(self._timeout, connect=CONNECT_SECONDS),
            # The SDK would also retry an exhausted quota, and wait up to two minutes.
            max_retries=0,
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        """Stream the answer: text deltas, then exactly one `Finished`.

        Raises:
            ProviderError: With a sentence for the user; `ProviderInterrupted` once text
                has been sent.
        """
        model = request.model or self._model
        client = self._client
        from clone_studio.providers.llm.openai_errors import (
            FAILURES,
            interrupted,
            not_this_protocol,
            translated,
        )

        reading = _Reading(model, self.place, self._key)
        self._streams += 1
        try:
            async with AsyncExitStack() as stack:
                response = await self._open(client, request, model, stack)
                if "html" in response.headers.get("content-type", ""):
                    raise not_this_protocol(self.place)
                async for data in event_data(self._unhurried(response.iter_bytes(), reading)):
                    if text := reading.take(data):
                        yield TextDelta(text)
                    if reading.done:
                        break
                yield reading.finished()
        except FAILURES as error:
            logger.warning("Stream of %s at %s failed: %s", model, self.place, type(error).__name__)
            if reading.has_text:
                raise interrupted(error) from error
            raise translated(error, model, self.place, self._key) from error
        finally:
            self._streams -= 1

    async def _unhurried(
        self, chunks: AsyncIterator[bytes], reading: "_Reading"
    ) -> AsyncGenerator[bytes, None]:
        """Yield `chunks`, with pauses once there is text and there are many streams."""
        now = asyncio.get_running_loop().time
        pause_at = now()
        async for chunk in chunks:
            yield chunk
            if reading.has_text and self._streams > FEW_STREAMS and now() >= pause_at:
                await asyncio.sleep(min(LONGEST_PAUSE, self._streams * PAUSE_PER_STREAM))
                pause_at = now() + READING_SECONDS

    async def _open(
        self, client: "AsyncOpenAI", request: ChatRequest, model: str, stack: AsyncExitStack
    ) -> Any:
        """Return the open response; tries again without what the model refuses to take.

        A passing failure is tried once more, and each refused parameter once.
        """
        from openai import APIError

        from clone_studio.providers.llm.openai_errors import is_passing, refused_parameter

        retried = False
        while True:
            refused = self._refused.get(model, frozenset())
            body = parameters(request, model, refused)
            try:
                return await stack.enter_async_context(
                    client.chat.completions.with_streaming_response.create(**body)
                )
            except APIError as error:
                name = refused_parameter(error)
                if name in body and name in DROPPABLE and error.code in UNSUPPORTED_CODES:
                    logger.info("%s does not take %s; it is left out from now on", model, name)
                    self._refused[model] = refused | {name}
                elif is_passing(error) and not retried:
                    retried = True
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    raise

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        """Nothing is to be got ready."""

    async def models(self) -> list[str]:
        """Return the names of the server's chat models, the default one first.

        Models that the server is about to shut down within a day are left out.
        """
        names = [one for one in await self._list() if not any(part in one for part in NOT_CHAT)]
        default = [self._model] if self._model in names or not names else []
        return default + sorted(set(names) - set(default), reverse=True)

    async def check(self) -> str:
        """Return one sentence saying that the model answers, or raise `ProviderError`."""
        names = await self._list()
        if names and self._model not in names:
            raise ProviderRefused(
                f"The server at {self.place} answers but does not offer the model {self._model}. "
                "Choose one that it offers in STUDIO_CHAT_MODEL."
            )
        return f"{self._model} at {self.place} answers."

    async def _list(self) -> list[str]:
        client = self._client
        from clone_studio.providers.llm.openai_errors import (
            FAILURES,
            not_this_protocol,
            translated,
        )

        try:
            page = await client.models.list(timeout=min(self._timeout, LIST_SECONDS))
        except FAILURES as error:
            raise translated(error, self._model, self.place, self._key) from error
        # What is not JSON comes back from the SDK as text.
        found = getattr(page, "data", None)
        if not isinstance(found, list):
            raise not_this_protocol(self.place)
        today = datetime.now(UTC).date().isoformat()
        return [
            one.id
            for one in found[:MODELS_LIMIT]
            if not (gone := getattr(one, "shutdown_date", None)) or str(gone) > today
        ]

    async def close(self) -> None:
        """Close the connections, when there are any."""
        if "_client" in self.__dict__:
            await self._client.close()


class _Reading:
    """What one stream has said so far."""

    def __init__(self, model: str, place: str, key: str) -> None:
        self._model = model
        self._place = place
        self._key = key
        self._reason = ""
        self._usage: Mapping[str, Any] = {}
        self.has_text = False
        self.done = False

    def take(self, data: bytes) -> str:
        """Return the text of one event, empty when it holds none.

        Raises:
            ProviderError: The event is an error.
            JSONDecodeError: The event is broken.
        """
        if data.startswith(b"[DONE]"):
            self.done = True
            return ""
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            return ""
        if chunk.get("error"):
            raise self._error(chunk["error"])
        self._model = chunk.get("model") or self._model
        self._usage = chunk.get("usage") or self._usage
        choices = chunk.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        self._reason = choices[0].get("finish_reason") or self._reason
        text = str(delta.get("content") or delta.get("refusal") or "")
        self.has_text = self.has_text or bool(text)
        return text

    def finished(self) -> Finished:
        """Return the end of the stream.

        Raises:
            ProviderError: The stream ended too early or without any text.
        """
        from clone_studio.providers.llm.openai_errors import interrupted

        if self.has_text and not (self._reason or self.done):
            raise interrupted(None)
        if not self.has_text:
            raise self._nothing()
        return Finished(
            reason=_REASONS.get(self._reason, "stop"),
            prompt_tokens=self._usage.get("prompt_tokens"),
            completion_tokens=self._usage.get("completion_tokens"),
            model=self._model,
        )

    def _nothing(self) -> ProviderError:
        if self._reason == "content_filter":
            return ProviderRefused(
                "The language model's safety filter held the answer back. Ask in other words.",
                code="content_filter",
            )
        if self._reason == "length":
            return ProviderRefused(
                f"The model {self._model} used up its token limit before it wrote anything. "
                "Raise the clone's token limit."
            )
        return ProviderError(f"The model {self._model} gave an empty answer. Ask again.")

    def _error(self, error: object) -> ProviderError:
        from clone_studio.providers.llm.openai_errors import interrupted, of_event

        said = error if isinstance(error, Mapping) else {}
        found = of_event(said, self._model, self._place, self._key)
        return interrupted(found) if self.has_text else found
