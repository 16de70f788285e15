"""Embeddings from a server that speaks OpenAI's protocol."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clone_studio.errors import (
    ProviderDown,
    ProviderError,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
)
from clone_studio.providers.embeddings.protocol import Vectors

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

# The service's limits, and how many tokens a text is taken to have: four bytes each.
MOST_INPUTS = 2048
MOST_TOKENS = 300_000
MOST_INPUT_BYTES = 8000 * 3
BYTES_A_TOKEN = 4
QUERY_SECONDS = 8.0
PASSAGES_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_QUOTA_CODES = {"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"}


class OpenAIEmbedder:
    """Vectors by `POST /embeddings`.

    Args:
        api_key: Key; servers of one's own often want none, then any word will do.
        base_url: Address that ends in `/v1`; None for OpenAI's own.
        model: Name of the embedding model.
        max_retries: How often passages are sent again on what may pass.
        pause: Waits so many seconds between tries.
    """

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None,
        model: str,
        max_retries: int = 2,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api_key = api_key or "none"
        self._base_url = base_url
        self._model = model
        self._max_retries = max_retries
        self._pause = pause
        # Other servers give names as they like: their size is learned from the first answer.
        self._dimension = 0 if base_url else _DIMENSIONS.get(model, 0)
        self._client: OpenAI | None = None
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        """Name under which the vectors are stored."""
        return self._model

    @property
    def dimension(self) -> int:
        """Length of each vector; of an unknown model it is learned from its first answer."""
        if not self._dimension:
            self.embed_query("dimension")
        return self._dimension

    def embed_query(self, text: str) -> Vectors:
        """Return the vector of a question, shape `(dimension,)`."""
        vector: Vectors = self._request([text], QUERY_SECONDS, retries=1)[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return one vector a text, shape `(len(texts), dimension)`, in the order given."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        parts = [
            self._request(batch, PASSAGES_SECONDS, retries=self._max_retries)
            for batch in batches(texts)
        ]
        return np.concatenate(parts)

    def check(self) -> str:
        """Return one sentence saying that the service answers, or raise `ProviderError`."""
        self.embed_query("Does the service answer?")
        return f"The embedding model {self._model} answers."

    def close(self) -> None:
        """Close the connections, when there are any."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _request(self, texts: Sequence[str], seconds: float, *, retries: int) -> Vectors:
        """Ask once, and again after a pause while that may help.

        The SDK's own retries are off: it also repeats "no credit left", as if it were "too fast".
        """
        for attempt in range(retries):
            try:
                return self._once(texts, seconds)
            except ProviderError as error:
                if not error.retryable:
                    raise
                self._pause(FIRST_PAUSE_SECONDS * 2**attempt)
        return self._once(texts, seconds)

    def _once(self, texts: Sequence[str], seconds: float) -> Vectors:
        import openai

        client = self._connected().with_options(timeout=seconds)
        inputs = [_bounded(text) for text in texts]
        try:
            answer = client.embeddings.create(model=self._model, input=inputs)
        except openai.APITimeoutError as error:
            raise ProviderTimeout(
                "The embedding service did not answer in time. Try again in a moment."
            ) from error
        except openai.APIConnectionError as error:
            raise ProviderDown(
                "The embedding service cannot be reached. Check its address and the network."
            ) from error
        except openai.APIStatusError as error:
            raise _status_error(error) from error
        except (openai.OpenAIError, ValueError) as error:
            raise ProviderError(
                "The embedding service answered with something unexpected. Check its address."
            ) from error
        return self._vectors(answer, len(texts))

    def _connected(self) -> "OpenAI":
        with self._lock:
            if self._client is None:
                # The SDK takes a second and much memory to import: only where it is used.
                from openai import OpenAI

                self._client = OpenAI(api_key=self._api_key, base_url=self._base_url, max_retries=0)
            return self._client

    def _vectors(self, answer: Any, count: int) -> Vectors:
        rows: list[Any] = [None] * count
        for item in answer.data or ():
            if 0 <= item.index < count:
                rows[item.index] = item.embedding
        lengths = {len(row) if row is not None else 0 for row in rows}
        if len(lengths) != 1 or 0 in lengths:
            raise ProviderError(
                "The embedding service left out some of the texts. Try again in a moment."
            )
        size = lengths.pop()
        if self._dimension and size != self._dimension:
            raise ProviderRefused(
                f"The embedding model {self._model} gave vectors of {size} numbers where "
                f"{self._dimension} were expected. Check the embedding model in the settings."
            )
        self._dimension = size
        vectors = np.asarray(rows, np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Vectors = vectors / np.maximum(norms, 1e-12)
        return unit


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut `texts` into requests within the service's limits of inputs and of tokens."""
    batch: list[str] = []
    tokens = 0
    for text in texts:
        size = min(len(text.encode()), MOST_INPUT_BYTES) // BYTES_A_TOKEN + 1
        if batch and (len(batch) >= MOST_INPUTS or tokens + size > MOST_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += size
    if batch:
        yield batch


def _bounded(text: str) -> str:
    """Return a text that the service takes: not empty, and within the limit of one input."""
    kept = text.encode()[:MOST_INPUT_BYTES].decode(errors="ignore")
    return kept if kept.strip() else "."


def _status_error(error: "APIStatusError") -> ProviderError:
    """Return what an HTTP status means for the user."""
    code = str(getattr(error, "code", None) or "")
    status = error.status_code
    if code in _QUOTA_CODES or status == 402:
        return ProviderQuota(
            "The embedding service says that there is no credit left. Add credit to the account "
            "that the key belongs to."
        )
    if status in {401, 403}:
        return ProviderRefused("The embedding service refused the key. Check OPENAI_API_KEY.")
    if status == 404:
        return ProviderRefused(
            "The embedding service does not have this model or address. Check "
            "STUDIO_EMBEDDING_MODEL and OPENAI_BASE_URL."
        )
    if status == 429 or status >= 500:
        return ProviderDown("The embedding service is overloaded. Try again in a moment.")
    if status == 408:
        return ProviderTimeout("The embedding service did not answer in time. Try again.")
    return ProviderRefused(
        "The embedding service did not accept the request. Check the embedding model."
    )
