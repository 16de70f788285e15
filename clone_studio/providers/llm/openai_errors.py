"""What went wrong at a server that speaks OpenAI's protocol, as errors with a sentence."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

from clone_studio.errors import (
    ProviderDown,
    ProviderError,
    ProviderInterrupted,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
)
from clone_studio.providers.llm.sse import EventTooLong

QUOTA_CODES = frozenset({"insufficient_quota", "credit_balance_exhausted"})
OVERLOADED_CODES = frozenset({"server_error", "server_is_overloaded", "overloaded_error"})
# What may be raised while a request is made or its stream is read.
FAILURES: tuple[type[Exception], ...] = (
    APIError,
    httpx2.TransportError,
    httpx2.StreamError,
    json.JSONDecodeError,
    UnicodeDecodeError,
    EventTooLong,
)
_TRY_AGAIN = "Try again in a moment."
_WORDS_LIMIT = 200


def translated(error: Exception, model: str, place: str, key: str = "") -> ProviderError:
    """Return `error`, raised before any text arrived, as one of the studio's errors.

    Args:
        error: One of `FAILURES`.
        model: The model that was asked.
        place: Host and port of the server, for the sentence.
        key: What must not be repeated, should the server do so.
    """
    if isinstance(error, APITimeoutError | httpx2.TimeoutException):
        return ProviderTimeout(
            f"The language model at {place} did not answer in time. It may be busy or starting. "
            + _TRY_AGAIN
        )
    if isinstance(error, APIStatusError):
        return _of_status(error, model, place, key)
    if isinstance(error, APIConnectionError | httpx2.TransportError | httpx2.StreamError):
        return ProviderDown(
            f"The language model server at {place} cannot be reached. "
            "Check that it runs and that OPENAI_BASE_URL is right, then try again."
        )
    return ProviderDown(f"The language model at {place} sent an answer that cannot be read.")


def of_event(error: Mapping[str, Any], model: str, place: str, key: str = "") -> ProviderError:
    """Return an error that the server sent as an event of the stream; arguments as above."""
    code = str(error.get("code") or error.get("type") or "")
    if code in QUOTA_CODES:
        return _quota(place)
    if code == "rate_limit_exceeded":
        return _rate_limit(place)
    if code in OVERLOADED_CODES or not code:
        return _overloaded(place)
    return ProviderRefused(_refusal(error.get("message"), model, place, key))


def interrupted(error: Exception | None) -> ProviderInterrupted:
    """Return the error for a stream that broke after it had begun; None for a silent end."""
    why = "The connection to the language model broke before the answer was finished."
    if isinstance(error, APITimeoutError | httpx2.TimeoutException):
        why = "The language model stopped sending before the answer was finished."
    elif isinstance(error, ProviderError | json.JSONDecodeError | UnicodeDecodeError):
        why = "The language model failed before the answer was finished."
    return ProviderInterrupted(f"{why} What it had written is kept. Ask again for a whole answer.")


def not_this_protocol(place: str) -> ProviderRefused:
    """Return the error for a server that answers, but with something else entirely."""
    return ProviderRefused(
        f"The server at {place} does not speak OpenAI's protocol at this address. "
        "Check that OPENAI_BASE_URL is right and ends in /v1."
    )


def refused_parameter(error: Exception) -> str | None:
    """Return the name of the parameter a 400 complains about, None for any other error."""
    if not isinstance(error, APIStatusError) or error.status_code != 400:
        return None
    return error.param or None


def is_passing(error: Exception) -> bool:
    """Whether one more try soon may help: never true of a quota or of a wrong request."""
    if isinstance(error, APIStatusError):
        if _code(error) in QUOTA_CODES:
            return False
        return error.status_code in {408, 409, 429} or error.status_code >= 500
    return isinstance(error, APIConnectionError) and not isinstance(error, APITimeoutError)


def _code(error: APIStatusError) -> str:
    return str(error.code or error.type or "")


def _of_status(error: APIStatusError, model: str, place: str, key: str) -> ProviderError:
    code, status = _code(error), error.status_code
    if code in QUOTA_CODES or status == 402:
        return _quota(place)
    if status == 429:
        return _rate_limit(place)
    if status >= 500 or status == 408:
        return _overloaded(place)
    if code == "context_length_exceeded":
        return ProviderRefused(
            f"The question is too long for the model {model} together with the passages and the "
            "thread. Shorten it or start a new thread.",
            code="context_length",
        )
    sentences = {
        401: f"The language model server at {place} does not accept the API key. "
        "Check OPENAI_API_KEY; the owner can enter it anew in Settings.",
        403: f"The API key may not use the model {model} at {place}. "
        "Choose another model, or ask the key's owner for access.",
        404: _not_found(code, model, place),
    }
    return ProviderRefused(sentences.get(status) or _refusal(_message(error), model, place, key))


def _not_found(code: str, model: str, place: str) -> str:
    if code == "model_not_found":
        return (
            f"The model {model} does not exist at {place}, or the key may not use it. "
            "Choose another one in the clone's settings or in STUDIO_CHAT_MODEL."
        )
    return (
        f"The server at {place} does not know the model {model} or does not offer chat there. "
        "Check the model's name, and that OPENAI_BASE_URL ends in /v1."
    )


def _quota(place: str) -> ProviderError:
    return ProviderQuota(
        f"There is no credit left at the language model service ({place}). "
        "The studio's owner has to add credit or set another key."
    )


def _rate_limit(place: str) -> ProviderError:
    return ProviderDown(
        f"The language model service ({place}) takes no more requests for the moment. "
        "Wait a little and ask again.",
        code="provider_rate_limit",
    )


def _overloaded(place: str) -> ProviderError:
    return ProviderDown(f"The language model service at {place} has a problem. {_TRY_AGAIN}")


def _refusal(message: object, model: str, place: str, key: str) -> str:
    said = " ".join(str(message or "").split())
    # Before it is cut: half a key would not be found any more.
    said = said.replace(key, "…") if key else said
    words = f" It said: {said[:_WORDS_LIMIT]}" if said else ""
    return f"The language model {model} at {place} did not accept the request.{words}"


def _message(error: APIStatusError) -> object:
    """Return the server's own words, only where they came as an error of the protocol."""
    return error.body.get("message") if isinstance(error.body, Mapping) else None
