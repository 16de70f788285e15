"""Speech by ElevenLabs, through its SDK."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import httpx

from clone_studio.errors import (
    InvalidInput,
    ProviderDown,
    ProviderInterrupted,
    ProviderRefused,
    StudioError,
)
from clone_studio.providers.speech.elevenlabs_errors import (
    no_voice,
    of_status,
    of_transport,
    retry_after,
)
from clone_studio.providers.speech.protocol import (
    Allowance,
    SpeechRequest,
    Voice,
    VoiceGroup,
    VoiceSettings,
)
from clone_studio.settings import Settings

if TYPE_CHECKING:
    from elevenlabs.client import AsyncElevenLabs
    from elevenlabs.core.api_error import ApiError

CONNECT_SECONDS = 5.0
TRIES = 3
# The SDK writes the id into the address as it is: another form leads to another address, with
# the studio's key.
VOICE_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
PAUSES = (0.4, 1.2)
LONGEST_PAUSE = 10.0
OUTPUT = "mp3_44100_128"
PAGE = 100
MOST_VOICES = 1000
AROUND_CHARS = 300
# Characters that one request may hold, by model; ElevenLabs' own limits.
LONGEST = {"eleven_flash_v2": 30_000, "eleven_multilingual_v2": 10_000, "eleven_v3": 5_000}
LONGEST_TEXT = 40_000
# This model refuses or ignores what the others take.
PLAIN = "eleven_v3"


class ElevenLabsSpeech:
    """ElevenLabs behind the Protocol of speech engines. Belongs to one event loop.

    Args:
        settings: Key, address, model, default voice, time-out and concurrency.
    """

    kind: Literal["elevenlabs"] = "elevenlabs"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # A plan allows so many at once and refuses more.
        self._slots = asyncio.Semaphore(settings.speech_concurrency)

    @property
    def default_model(self) -> str:
        """The model of the settings."""
        return self._settings.speech_model

    @property
    def default_voice_id(self) -> str:
        """The voice of the settings."""
        return self._settings.default_voice_id

    @property
    def longest_text(self) -> int:
        """How many characters one request may hold."""
        return LONGEST.get(self.default_model, LONGEST_TEXT)

    @property
    def adjustable(self) -> frozenset[str]:
        """What the model can be told."""
        always = {"stability", "similarity", "speaker_boost"}
        return frozenset(always if self.default_model == PLAIN else {*always, "style", "speed"})

    @cached_property
    def _client(self) -> "AsyncElevenLabs":
        from elevenlabs.client import AsyncElevenLabs

        key = self._settings.elevenlabs_api_key
        if key is None:
            raise ProviderRefused(
                "ElevenLabs has no key. Set ELEVENLABS_API_KEY, or STUDIO_SPEECH=local to speak "
                "without it.",
                code="provider_key",
            )
        # The SDK's type asks for seconds, but it hands on what it gets; without it, it would put
        # 240 s in place of the client's own.
        timeout: Any = httpx.Timeout(self._settings.speech_timeout_seconds, connect=CONNECT_SECONDS)
        # The SDK reads its own variable when it is imported, which is too early: the key is given.
        return AsyncElevenLabs(
            api_key=key.get_secret_value(),
            base_url=self._settings.elevenlabs_base_url,
            timeout=timeout,
            httpx_client=httpx.AsyncClient(),
        )

    async def stream(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Stream MP3 of 44.1 kHz; see the Protocol for the errors."""
        if not request.text.strip() or len(request.text) > self.longest_text:
            raise InvalidInput(f"A text to be spoken has 1 to {self.longest_text:,} characters.")
        if not VOICE_ID.fullmatch(request.voice_id):
            raise no_voice()
        async with self._slots, aclosing(self._begun(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def _begun(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        """Yield the audio; tries again for as long as none has come."""
        for number in range(TRIES):
            has_begun = False
            try:
                async with aclosing(self._tried(request)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield piece
                if not has_begun:
                    raise ProviderDown("ElevenLabs sent no audio. Try again in a moment.")
                return
            except _Failed as failed:
                error, pause = failed.error, failed.pause
            except ProviderDown as down:
                error, pause = down, None
            if has_begun:
                raise ProviderInterrupted(
                    "ElevenLabs stopped in the middle. What arrived can be played; the text is "
                    "complete."
                ) from error
            if not error.retryable or number + 1 == TRIES:
                raise error
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSES[number] if pause is None else pause))

    async def _tried(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        from elevenlabs.core.api_error import ApiError

        try:
            async for piece in self._asked(request):
                if piece:
                    yield piece
        except ApiError as error:
            raise _Failed(self._refusal(error), retry_after(error.headers)) from None
        except httpx.HTTPError as error:
            raise _Failed(of_transport(error)) from error

    def _asked(self, request: SpeechRequest) -> AsyncIterator[bytes]:
        from elevenlabs.types.voice_settings import VoiceSettings as Wanted

        given = _sent(request.settings)
        around = {
            "previous_text": request.previous_text[-AROUND_CHARS:],
            "next_text": request.next_text[:AROUND_CHARS],
            "language_code": request.language,
        }
        model = request.model or self.default_model
        if model == PLAIN:
            given = {name: given[name] for name in ("stability", "similarity_boost")}
            around = {}
        # Without a chunk size the SDK hands on what arrives at once; by default it waits for
        # 1,024 bytes. Its type does not know None.
        options = cast("Any", {"chunk_size": None, "max_retries": 0})
        stream: AsyncIterator[bytes] = self._client.text_to_speech.stream(
            request.voice_id,
            text=request.text,
            model_id=model,
            output_format=OUTPUT,
            voice_settings=Wanted(**given),
            request_options=options,
            **cast("Any", {name: value for name, value in around.items() if value}),
        )
        return stream

    async def voices(self) -> tuple[Voice, ...]:
        """Return all voices of the account, by name."""
        found: list[Voice] = []
        token: str | None = None
        while len(found) < MOST_VOICES:
            page = await self._plain(
                self._client.voices.search(page_size=PAGE, next_page_token=token, sort="name")
            )
            found += [_voice(one) for one in page.voices]
            token = page.next_page_token
            if not page.has_more or not token:
                break
        return tuple(sorted(found, key=lambda voice: voice.name.lower()))

    async def allowance(self) -> Allowance | None:
        """Return what the account has spoken and may speak."""
        told = await self._plain(self._client.user.subscription.get())
        resets = told.next_character_count_reset_unix
        return Allowance(
            used=told.character_count,
            limit=told.character_limit,
            resets_at=datetime.fromtimestamp(resets, UTC) if resets else None,
        )

    async def check(self) -> str:
        """Ask for the account; return one sentence, or raise `ProviderError`."""
        allowance = await self.allowance()
        assert allowance is not None
        left = max(0, allowance.limit - allowance.used)
        return f"ElevenLabs answers: {left:,} of {allowance.limit:,} characters are left."

    async def close(self) -> None:
        """Close the connections, when there are any."""
        if "_client" in self.__dict__:
            wrapper: Any = self._client
            await wrapper._client_wrapper.httpx_client.httpx_client.aclose()

    async def _plain(self, call: Any) -> Any:
        from elevenlabs.core.api_error import ApiError

        try:
            return await call
        except ApiError as error:
            raise self._refusal(error) from None
        except httpx.HTTPError as error:
            raise of_transport(error) from error

    def _refusal(self, error: "ApiError") -> StudioError:
        key = self._settings.elevenlabs_api_key
        return of_status(
            error.status_code or 500, error.body, key.get_secret_value() if key else ""
        )


class _Failed(Exception):
    """One try failed; `pause` is what the server asks for before the next."""

    def __init__(self, error: StudioError, pause: float | None = None) -> None:
        super().__init__(error.detail)
        self.error = error
        self.pause = pause


def _sent(settings: VoiceSettings) -> dict[str, float | bool]:
    """Return the settings by the vendor's names, within its bounds."""
    return {
        "stability": _within(settings.stability, 0.0, 1.0),
        "similarity_boost": _within(settings.similarity, 0.0, 1.0),
        "style": _within(settings.style, 0.0, 1.0),
        "speed": _within(settings.speed, 0.7, 1.2),
        "use_speaker_boost": settings.speaker_boost,
    }


def _within(value: float, least: float, most: float) -> float:
    return min(most, max(least, value))


def _voice(found: Any) -> Voice:
    labels = {str(name): str(value) for name, value in (found.labels or {}).items()}
    return Voice(
        id=found.voice_id,
        name=found.name or "Without a name",
        group=_group(labels),
        category=str(found.category or ""),
        gender=labels.get("gender", ""),
        age=labels.get("age", "").replace("_", " "),
        accent=labels.get("accent", ""),
        language=labels.get("language", ""),
        description=labels.get("descriptive", "") or (found.description or "")[:300],
        preview_url=found.preview_url or "",
    )


def _group(labels: dict[str, str]) -> VoiceGroup:
    use, age = labels.get("use_case", "").lower(), labels.get("age", "").lower()
    if "character" in use:
        return "character"
    if "child" in age or "kid" in age:
        return "child"
    gender = labels.get("gender", "").lower()
    if gender == "female":
        return "female"
    return "male" if gender == "male" else "other"
