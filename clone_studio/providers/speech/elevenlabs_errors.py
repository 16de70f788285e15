"""What went wrong at ElevenLabs, as errors with a sentence.

Its errors have three shapes: `{"detail": {"code", "status", "message"}}`, where older answers
have only status and message; `{"detail": [{"loc", "msg"}]}` for 422; `{"detail": "…"}` for
routes. The code decides and not the HTTP status: no credit may be 401 as well as 402.
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from clone_studio.errors import (
    InvalidInput,
    ProviderDown,
    ProviderError,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
    StudioError,
    VoiceMissing,
)

QUOTA = frozenset({"quota_exceeded", "insufficient_credits", "payment_required"})
NO_VOICE = frozenset({"voice_not_found", "voice_does_not_exist"})
CROWDED = frozenset({"concurrent_limit_exceeded", "too_many_concurrent_requests"})
BUSY = frozenset({"rate_limit_exceeded", "system_busy", *CROWDED})
TOO_LONG = frozenset({"max_character_limit_exceeded"})
WORDS_LIMIT = 200
LATER = "Try again in a moment."


def no_voice() -> VoiceMissing:
    """Return the error for a voice that is not there."""
    return VoiceMissing("ElevenLabs does not have this voice, or not any more. Choose another.")


def of_status(status: int, body: Any, key: str) -> StudioError:
    """Return the error of an answer that is none.

    Args:
        status: HTTP status.
        body: What came with it, parsed or not.
        key: What must not be repeated, should the server do so.
    """
    code, words = _code_and_words(body)
    words = words.replace(key, "…") if key else words
    if code in NO_VOICE or (status == 404 and "voice" in words.lower()):
        return no_voice()
    if code in TOO_LONG:
        return InvalidInput("The text is too long for this model of ElevenLabs. Shorten it.")
    return _of_account(status, code) or _of_request(status, words)


def _of_account(status: int, code: str) -> ProviderError | None:
    """Return what the account may not do now: its key, its credit, its share."""
    if code in QUOTA or status == 402:
        return ProviderQuota(
            "The ElevenLabs account has no characters left. Its owner can buy more or wait for "
            "the next period; STUDIO_SPEECH=local speaks without it."
        )
    if code in CROWDED:
        return ProviderDown(f"ElevenLabs is speaking as many texts as the plan allows. {LATER}")
    if code in BUSY or status == 429:
        return ProviderDown(f"ElevenLabs is busy. {LATER}")
    if status == 401:
        return ProviderRefused(
            "ElevenLabs does not accept the key. Check ELEVENLABS_API_KEY.", code="provider_key"
        )
    return None


def _of_request(status: int, words: str) -> ProviderError:
    if status == 403:
        return ProviderRefused(f"The ElevenLabs plan does not allow this.{_quoted(words)}")
    if status in {400, 404, 405, 422}:
        return ProviderRefused(f"ElevenLabs did not accept the request.{_quoted(words)}")
    return ProviderDown(f"ElevenLabs failed (status {status}). {LATER}")


def of_transport(error: httpx.HTTPError) -> ProviderError:
    """Return the error of a connection that failed before audio came."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return ProviderTimeout(f"ElevenLabs did not answer in time. {LATER}")
    return ProviderDown(
        "ElevenLabs cannot be reached. Check the connection and ELEVENLABS_BASE_URL, then try "
        "again."
    )


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Return the seconds that the server asks to wait, None when it does not say."""
    given = {name.lower(): value for name, value in (headers or {}).items()}
    try:
        return max(0.0, float(given["retry-after"]))
    except (KeyError, ValueError):
        return None


def _code_and_words(body: Any) -> tuple[str, str]:
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return "", ""
    # The SDK parses a 422 into an object of its own.
    detail = body.get("detail") if isinstance(body, Mapping) else getattr(body, "detail", None)
    if isinstance(detail, Mapping):
        code = detail.get("code") or detail.get("status") or ""
        return str(code), str(detail.get("message") or "")
    if isinstance(detail, list) and detail:
        first = detail[0]
        words = first.get("msg") if isinstance(first, Mapping) else getattr(first, "msg", "")
        return "", str(words or "")
    return "", detail if isinstance(detail, str) else ""


def _quoted(words: str) -> str:
    """Return the server's own words as a sentence, if it said any."""
    short = " ".join(words.split())[:WORDS_LIMIT]
    return f" It says: “{short}”." if short else ""
