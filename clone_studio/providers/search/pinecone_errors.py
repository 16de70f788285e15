"""Pinecone's errors as sentences: what happened, and what mends it.

The server's own words are not repeated: they may quote what was sent.
"""

from typing import Any

from clone_studio.errors import (
    ProviderDown,
    ProviderError,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
)

NAME = "Pinecone"
BAD_KEY = (
    "Pinecone refuses the key. Enter a valid one in Settings, under Search by meaning, or in "
    "PINECONE_API_KEY."
)
_BY_STATUS: dict[int, ProviderError] = {
    401: ProviderRefused(BAD_KEY),
    402: ProviderQuota(
        "Pinecone asks for a payment before it goes on. Look at the plan and the billing of the "
        "project at Pinecone."
    ),
    403: ProviderRefused(
        "Pinecone does not allow this to the key: its rights do not suffice, or a limit of the "
        "plan is reached. Look at the project at Pinecone."
    ),
    404: ProviderRefused(
        "Pinecone does not have what was asked for. Check PINECONE_INDEX and PINECONE_HOST."
    ),
    408: ProviderTimeout("Pinecone took too long to answer. Try again in a moment."),
    409: ProviderError("Something else is changing the index at Pinecone now. Try again later."),
    412: ProviderRefused("The index at Pinecone is in no state to do this. Look at it there."),
    413: ProviderRefused(
        "Pinecone, or a proxy before it, found a request too large. Check PINECONE_HOST."
    ),
    414: ProviderRefused(
        "Pinecone, or a proxy before it, found an address too long. Check PINECONE_HOST."
    ),
    429: ProviderDown("Pinecone gets more requests than the plan allows. Try again in a moment."),
}


def translated(error: Exception) -> ProviderError:
    """Return the studio's error for one that the Pinecone SDK raised."""
    from pinecone.errors import exceptions as sdk

    if isinstance(error, sdk.ApiError):
        return _of_status(error.status_code)
    if isinstance(error, sdk.PineconeTimeoutError):
        return ProviderTimeout("Pinecone did not answer in time. Try again in a moment.")
    if isinstance(error, sdk.PineconeConnectionError):
        return ProviderDown(
            "Pinecone cannot be reached. Check the network, and PINECONE_HOST where it is set."
        )
    if isinstance(error, sdk.ResponseParsingError):
        return ProviderError(
            "What answered does not speak Pinecone's protocol as it should. Check PINECONE_HOST."
        )
    return ProviderRefused(
        "Pinecone's client refused the request before it was sent. The studio's log says why."
    )


def _of_status(status: int) -> ProviderError:
    known: Any = _BY_STATUS.get(status)
    if known is not None:
        # A new one each time: an error that is raised collects its traceback.
        return type(known)(known.detail)  # type: ignore[no-any-return]
    if status >= 500:
        return ProviderDown("Pinecone has a problem of its own. Try again in a moment.")
    return ProviderRefused(
        f"Pinecone refused the request (status {status}). Check that the index fits the embedding "
        "model: its dimension, and the metric cosine."
    )


def no_index(name: str) -> ProviderRefused:
    """Return the error about an index that is not there."""
    return ProviderRefused(
        f"There is no index “{name}” in the Pinecone project of this key. Create it there with the "
        "metric cosine, or correct PINECONE_INDEX."
    )
