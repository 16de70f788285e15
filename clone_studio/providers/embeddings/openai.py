"""Embeddings of a server that speaks OpenAI's protocol."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from clone_studio.errors import (
    ProviderDown,
    ProviderError,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
)
from clone_studio.providers.embeddings.protocol import Vectors

DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
# The server's limits are 2,048 inputs and 300,000 tokens a request. A token is seldom less
# than two bytes of any language, so half the bytes is a safe upper estimate.
MAX_INPUTS = 512
MAX_BYTES = 400_000
REMEMBERED_QUERIES = 512
QUERY_SECONDS, PASSAGES_SECONDS = 10.0, 120.0
_NO_KEY = "no-key-needed"


class OpenAIEmbedder:
    """The embedder of a studio with an OpenAI key or base URL.

    Args:
        model: The embedding model's name.
        api_key: The key; servers of one's own often need none.
        base_url: Another server's address, ending in `/v1`; None for OpenAI's own.
    """

    def __init__(self, model: str, api_key: str | None, base_url: str | None) -> None:
        self._name = model
        self._api_key = api_key or _NO_KEY
        self._base_url = base_url
        self._dimension = DIMENSIONS.get(model, 0)
        self._client: Any = None
        self._lock = threading.Lock()
        self._queries: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def model(self) -> str:
        """Name under which the vectors are stored."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of each vector; 0 before the first answer of an unknown model."""
        return self._dimension

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, shape `(dimension,)`."""
        with self._lock:
            known = self._queries.get(text)
        if known is None:
            known = self._request([text], QUERY_SECONDS, retries=0)[0]
            with self._lock:
                self._queries[text] = known
                if len(self._queries) > REMEMBERED_QUERIES:
                    self._queries.popitem(last=False)
        return known

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one vector a text, shape `(len(texts), dimension)`, in the order given.

        Raises:
            ProviderError: When the service fails after its retries.
        """
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        found = [self._request(batch, PASSAGES_SECONDS, retries=3) for batch in _batches(texts)]
        return np.concatenate(found)

    def check(self) -> str:
        """Return one sentence saying that the embedder works, or raise `ProviderError`."""
        vector = self._request(["Does the embedding model work?"], QUERY_SECONDS, retries=0)[0]
        return f"{self._name} answers ({len(vector):,} dimensions)."

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _request(self, texts: Sequence[str], seconds: float, retries: int) -> Vectors:
        import openai

        with self._lock:
            if self._client is None:
                self._client = openai.OpenAI(api_key=self._api_key, base_url=self._base_url)
        client = self._client.with_options(timeout=seconds, max_retries=retries)
        try:
            answer = client.embeddings.create(
                model=self._name, input=[text or " " for text in texts]
            )
        except openai.APITimeoutError as error:
            raise ProviderTimeout("The embedding service did not answer in time.") from error
        except openai.APIConnectionError as error:
            raise ProviderDown("The embedding service cannot be reached.") from error
        except openai.APIStatusError as error:
            raise _refusal(error.status_code, str(error.code or "")) from error
        except (openai.OpenAIError, ValueError) as error:
            raise ProviderError("The embedding service's answer could not be read.") from error
        return self._vectors(answer.data, len(texts))

    def _vectors(self, data: Sequence[Any], count: int) -> Vectors:
        if sorted(one.index for one in data) != list(range(count)):
            raise ProviderError("The embedding service left out some of the passages.")
        ordered = sorted(data, key=lambda one: one.index)
        try:
            vectors = np.array([one.embedding for one in ordered], dtype=np.float32)
        except ValueError as error:
            raise ProviderError("The embedding service's vectors differ in length.") from error
        if self._dimension and vectors.shape[1] != self._dimension:
            raise ProviderRefused(
                f"The embedding service answers with {vectors.shape[1]:,} dimensions instead of "
                f"{self._dimension:,}. Check STUDIO_EMBEDDING_MODEL."
            )
        self._dimension = vectors.shape[1]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Vectors = vectors / np.maximum(lengths, 1e-12)
        return unit.astype(np.float32)


def _refusal(status: int, code: str) -> ProviderError:
    if code in {"insufficient_quota", "credit_balance_exhausted"}:
        return ProviderQuota("The account of the embedding service has no credit left.")
    if status == 429 or status >= 500:
        return ProviderDown("The embedding service is overloaded.")
    if status in {401, 403}:
        return ProviderRefused("The embedding service does not accept the key.")
    return ProviderRefused(
        f"The embedding service refused the request (HTTP {status}). "
        "Check STUDIO_EMBEDDING_MODEL and OPENAI_BASE_URL."
    )


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    begin, size = 0, 0
    for index, text in enumerate(texts):
        length = len(text.encode())
        if index > begin and (size + length > MAX_BYTES or index - begin >= MAX_INPUTS):
            yield texts[begin:index]
            begin, size = index, 0
        size += length
    yield texts[begin:]
