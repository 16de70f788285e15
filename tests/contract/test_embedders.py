"""What every embedder keeps to: the vendor's, its local twin, and a switch to both."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from clone_studio.providers.embeddings.local import LocalEmbedder
from clone_studio.providers.embeddings.openai import OpenAIEmbedder
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.services.switching import SwitchedEmbedder
from tests.knowledge.tiny_model import write_model
from tests.servers.openai_server import OpenAIServer


@pytest.fixture(params=["local", "openai", "switched local", "switched openai"])
def embedder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Embedder]:
    with ExitStack() as stack:
        if "local" in request.param:
            write_model(tmp_path / "all-MiniLM-L6-v2")
            made: Embedder = LocalEmbedder(tmp_path)
        else:
            server = stack.enter_context(OpenAIServer().running())
            made = OpenAIEmbedder(
                api_key="sk-test", base_url=server.address, model="text-embedding-3-small"
            )
        yield SwitchedEmbedder(lambda: made) if "switched" in request.param else made
        made.close()


def test_vectors_have_unit_length_and_the_size_it_says(embedder: Embedder) -> None:
    vectors = embedder.embed_passages(["bake bread", "the keeper of the lamp"])
    assert vectors.shape == (2, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_order_is_the_one_of_the_texts(embedder: Embedder) -> None:
    texts = ["bread", "lamp " * 120, "night", "ship " * 40, "bread"]
    together = embedder.embed_passages(texts)
    for text, vector in zip(texts, together, strict=True):
        assert np.allclose(embedder.embed_passages([text])[0], vector, atol=1e-5)


def test_a_question_lies_where_the_same_passage_lies(embedder: Embedder) -> None:
    passages = embedder.embed_passages(["bake bread in the oven", "a ship in the harbour"])
    cosines = passages @ embedder.embed_query("ship harbour")
    assert cosines[1] > cosines[0]


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)


def test_odd_texts_are_no_errors(embedder: Embedder) -> None:
    odd = ["", " ", "\n", "ß" * 40_000, "日本語" * 3000, "\x00", "a"]
    vectors = embedder.embed_passages(odd)
    assert vectors.shape == (len(odd), embedder.dimension)
    assert np.isfinite(vectors).all()


def test_it_says_that_it_works_and_has_a_name(embedder: Embedder) -> None:
    assert embedder.check().endswith(".")
    assert embedder.model
