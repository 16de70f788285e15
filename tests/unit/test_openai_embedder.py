"""The OpenAI embedder: limits of a request, and what becomes of errors."""

import pytest

from clone_studio.errors import (
    ProviderDown,
    ProviderError,
    ProviderQuota,
    ProviderRefused,
)
from clone_studio.providers.embeddings.openai import (
    MOST_INPUTS,
    MOST_TOKENS,
    OpenAIEmbedder,
    batches,
)
from tests.servers.openai_server import Behaviour, OpenAIServer


def embedder_at(address: str, pauses: list[float]) -> OpenAIEmbedder:
    return OpenAIEmbedder(
        api_key="sk-test",
        base_url=address,
        model="text-embedding-3-small",
        max_retries=2,
        pause=pauses.append,
    )


def test_requests_keep_to_both_limits() -> None:
    assert [len(batch) for batch in batches(["a"] * (MOST_INPUTS + 1))] == [MOST_INPUTS, 1]
    long = "word " * 4000
    cut = list(batches([long] * 100))
    assert sum(map(len, cut)) == 100
    assert all(sum(len(text) // 4 for text in batch) <= MOST_TOKENS for batch in cut)
    assert len(cut) > 1


@pytest.mark.parametrize(
    ("mode", "error", "requests"),
    [
        ("401", ProviderRefused, 1),
        ("404", ProviderRefused, 1),
        ("quota", ProviderQuota, 1),
        ("429", ProviderDown, 3),
        ("500", ProviderDown, 3),
        ("503", ProviderDown, 3),
        ("html", ProviderDown, 3),
    ],
)
def test_errors_are_ours_and_only_what_may_pass_is_tried_again(
    mode: str, error: type[ProviderError], requests: int
) -> None:
    pauses: list[float] = []
    with OpenAIServer(behaviour=Behaviour(mode=mode)).running() as server:
        with pytest.raises(error) as failed:
            embedder_at(server.address, pauses).embed_passages(["a"])
        assert len(server.requests) == requests
    assert pauses == [0.5, 1.0][: requests - 1]
    assert "sk-" not in failed.value.detail
    assert "secret-upstream" not in failed.value.detail


def test_a_server_that_is_not_there_is_named() -> None:
    with OpenAIServer().running() as server:
        address = server.address
    with pytest.raises(ProviderDown, match="cannot be reached"):
        embedder_at(address, []).embed_query("a")


def test_many_texts_come_back_in_their_order() -> None:
    with OpenAIServer().running() as server:
        embedder = embedder_at(server.address, [])
        texts = [f"text number {number}" for number in range(MOST_INPUTS + 5)]
        vectors = embedder.embed_passages(texts)
        assert vectors.shape == (len(texts), 64)
        assert (vectors[-1] == embedder.embed_query(texts[-1])).all()
        assert [len(one.body["input"]) for one in server.requests] == [MOST_INPUTS, 5, 1]
