"""What Pinecone's client raises, as the studio says it."""

import pytest
from pinecone.errors import exceptions as sdk

from clone_studio.errors import ProviderDown, ProviderError, ProviderRefused, ProviderTimeout
from clone_studio.providers.search.pinecone_errors import translated


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (sdk.ServiceError("secret-upstream", 503), ProviderDown, "problem of its own"),
        (sdk.RateLimitError("secret-upstream"), ProviderDown, "more requests than the plan"),
        (sdk.ApiError("secret-upstream", 400), ProviderRefused, "status 400"),
        (sdk.ApiError("secret-upstream", 414), ProviderRefused, "too long"),
        (sdk.FailedPreconditionError("secret-upstream", 412), ProviderRefused, "no state"),
        (sdk.PineconeConnectionError("secret-upstream"), ProviderDown, "cannot be reached"),
        (sdk.PineconeTimeoutError("secret-upstream"), ProviderTimeout, "in time"),
        (sdk.PineconeValueError("secret-upstream"), ProviderRefused, "before it was sent"),
        (sdk.ResponseParsingError("secret-upstream"), ProviderError, "does not speak"),
    ],
)
def test_no_error_repeats_what_the_server_said(
    error: Exception, kind: type[ProviderError], words: str
) -> None:
    made = translated(error)
    assert type(made) is kind
    assert words in made.detail
    assert "secret-upstream" not in made.detail
    assert made.retryable == (kind in {ProviderDown, ProviderTimeout, ProviderError})
