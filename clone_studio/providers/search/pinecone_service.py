"""One index at Pinecone, through its own client: every call guarded, every error a sentence.

The client is synchronous and must never run on an event loop. It is imported at the first call.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from clone_studio.errors import ProviderDown, ProviderError, ProviderRefused
from clone_studio.providers.search.guarded import Guard
from clone_studio.providers.search.pinecone_errors import NAME, no_index, translated
from clone_studio.settings import UNREADABLE, Settings

if TYPE_CHECKING:
    from pinecone import Index

T = TypeVar("T")

# A question waits so long for its vectors; then words alone serve.
QUESTION_SECONDS = 2.0
# For one attempt of a write or of a check, of which the client makes up to four.
WRITE_SECONDS = 15.0
CHECK_SECONDS = 4.0
LISTED = 100
DELETED = 1000
FETCHED = 100
MOST_MATCHES = 10_000
# The field of an index that serves vectors; one with fields of its own serves documents.
VECTOR_FIELD = "_values"
METRICS = ("cosine", "dotproduct")


@dataclass(frozen=True)
class Place:
    """Which index, and the key to it; `host` is another server than Pinecone's own."""

    key: SecretStr
    index: str
    host: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Place":
        """Return the place that the settings name.

        Raises:
            ProviderRefused: One of the settings is missing or cannot be read.
        """
        key = settings.pinecone_api_key
        if key is None:
            raise ProviderRefused(
                "No Pinecone key is set. Enter it in Settings, under Search by meaning, or set "
                "PINECONE_API_KEY; or keep vectors in the database with STUDIO_VECTORS=database."
            )
        if key == UNREADABLE:
            raise ProviderRefused(
                "The stored PINECONE_API_KEY cannot be read, because the studio's secret key has "
                "changed. Enter it again in Settings."
            )
        if not settings.pinecone_index:
            raise ProviderRefused(
                "The name of the Pinecone index is missing. Enter it in Settings, under Search by "
                "meaning, or set PINECONE_INDEX."
            )
        return cls(key, settings.pinecone_index, settings.pinecone_host)


@dataclass(frozen=True)
class Described:
    """What Pinecone says of the index."""

    host: str
    dimension: int
    metric: str


@dataclass(frozen=True)
class Found:
    """What a query found: scores by id, and up to where the index had taken writes in."""

    scores: Mapping[str, float]
    reconciled: int | None


class PineconeService:
    """The calls that the studio makes to one index. Blocking: for threads only.

    Args:
        place: Which index.
        guard: Ends calls that take too long, and spares a service that is down.
        question_seconds: How long a question waits.
    """

    def __init__(
        self,
        place: Place,
        *,
        guard: Guard | None = None,
        question_seconds: float = QUESTION_SECONDS,
    ) -> None:
        self.place = place
        self._guard = guard or Guard(NAME)
        self.question_seconds = question_seconds
        self._lock = threading.Lock()
        self._described: Described | None = None
        self._index: Index | None = None

    def describe(self, *, again: bool = False) -> Described:
        """Return what kind of index it is; asked once, or `again`.

        Raises:
            ProviderError: Pinecone does not answer, or the index cannot keep the studio's vectors.
        """
        if self._described is not None and not again:
            return self._described
        return self._guard.call(lambda: _told(lambda: self._describe(again=again)), CHECK_SECONDS)

    def require(self, dimension: int) -> None:
        """Make sure that vectors of this size fit, before any is sent.

        Raises:
            ProviderRefused: They do not fit.
        """
        found = self.describe()
        if found.dimension != dimension:
            raise ProviderRefused(
                f"The embedding model makes vectors of {dimension} numbers, and the Pinecone index "
                f"“{self.place.index}” keeps vectors of {found.dimension}. Create an index with "
                f"dimension {dimension} and the metric cosine, and name it in PINECONE_INDEX, or "
                "keep vectors in the database with STUDIO_VECTORS=database."
            )

    def check(self, dimension: int) -> str:
        """Return one sentence saying that the index keeps vectors of this size; asks anew.

        Both of Pinecone's servers are asked: the one that knows indexes, and that of the index.

        Raises:
            ProviderError: It does not; with what mends it.
        """
        found = self.describe(again=True)
        self.require(dimension)
        count = self._call(_count, CHECK_SECONDS)
        return (
            f"The Pinecone index “{self.place.index}” answers and reports {count:,} vectors of "
            f"{found.dimension} numbers, by {found.metric}."
        )

    def upsert(self, namespace: str, records: Sequence[dict[str, Any]]) -> int | None:
        """Write one batch; returns its position in the service's log, None where not told."""

        def work(index: "Index") -> int | None:
            answer = index.upsert(
                vectors=records, namespace=namespace, timeout=WRITE_SECONDS, show_progress=False
            )
            if answer.has_errors or answer.upserted_count != len(records):
                raise ProviderError(
                    f"Pinecone took {answer.upserted_count} of {len(records)} vectors. They are "
                    "sent again."
                )
            return answer.response_info.lsn_committed if answer.response_info else None

        return self._call(work)

    def query(
        self,
        namespace: str,
        vector: list[float],
        top: int,
        only: Mapping[str, Any],
        *,
        seconds: float | None = None,
    ) -> Found:
        """Return the nearest `top` vectors among those whose metadata is as `only` says.

        A vector of another size than the index has is near nothing.
        """
        limit = seconds or self.question_seconds

        def work(index: "Index") -> Found:
            if self._described is None or self._described.dimension != len(vector):
                return Found({}, None)
            answer = index.query(
                vector=vector, top_k=top, namespace=namespace, filter=dict(only), timeout=limit
            )
            told = answer.response_info
            scores = {one.id: float(one.score) for one in answer.matches}
            return Found(scores, told.lsn_reconciled if told else None)

        return self._call(work, limit)

    def fetch(self, namespace: str, ids: Sequence[str]) -> dict[str, list[float]]:
        """Return the vectors of at most `FETCHED` ids; those that are missing are left out."""

        def work(index: "Index") -> dict[str, list[float]]:
            answer = index.fetch(ids=list(ids), namespace=namespace, timeout=WRITE_SECONDS)
            return {key: [float(one) for one in it.values] for key, it in answer.vectors.items()}

        return self._call(work)

    def pages(self, namespace: str) -> Iterator[list[str]]:
        """Yield every id of a namespace, at most `LISTED` at a time; none where it is missing."""
        token: str | None = None
        while True:
            ids, token = self._call(partial(_page, namespace=namespace, token=token))
            if ids:
                yield ids
            if not token:
                return

    def delete(self, namespace: str, ids: Sequence[str]) -> None:
        """Delete at most `DELETED` ids; a namespace that is missing has none of them."""
        self._call(
            lambda index: _unless_missing(
                lambda: index.delete(ids=list(ids), namespace=namespace, timeout=WRITE_SECONDS)
            )
        )

    def drop(self, namespace: str) -> None:
        """Delete a namespace with all that is in it; one that is missing is gone already."""
        self._call(
            lambda index: _unless_missing(
                lambda: index.delete_namespace(name=namespace, timeout=WRITE_SECONDS)
            )
        )

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            index, self._index, self._described = self._index, None, None
        if index is not None:
            index.close()

    def _call(self, work: Callable[["Index"], T], seconds: float | None = None) -> T:
        return self._guard.call(lambda: _told(lambda: work(self._connected())), seconds)

    def _connected(self) -> "Index":
        if self._index is None:
            self._describe()
        assert self._index is not None
        return self._index

    def _describe(self, *, again: bool = False) -> Described:
        with self._lock:
            if self._described is not None and not again:
                return self._described
            from pinecone import Index

            found = _described(self.place)
            if self._index is None or self._described != found:
                key = self.place.key.get_secret_value()
                old, self._index = self._index, Index(host=found.host, api_key=key)
                if old is not None:
                    old.close()
            self._described = found
            return found


def _told(work: Callable[[], T]) -> T:
    """Return what `work` returns; an error of the SDK becomes one of the studio's tree."""
    from pinecone.errors.exceptions import PineconeError

    try:
        return work()
    except PineconeError as error:
        raise translated(error) from error


def _described(place: Place) -> Described:
    from pinecone import Pinecone, RetryConfig
    from pinecone.errors.exceptions import NotFoundError

    client = Pinecone(
        api_key=place.key.get_secret_value(),
        host=place.host,
        timeout=CHECK_SECONDS,
        retry_config=RetryConfig(max_retries=1, max_wait=1.0),
    )
    try:
        found = client.indexes.describe(place.index)
    except NotFoundError:
        raise no_index(place.index) from None
    finally:
        client.close()
    field: Any = found.schema.fields.get(VECTOR_FIELD)
    size, metric = getattr(field, "dimension", None), getattr(field, "metric", None)
    if not isinstance(size, int) or metric is None:
        raise ProviderRefused(
            f"The Pinecone index “{place.index}” holds documents and not plain vectors. Create one "
            "with a dimension and the metric cosine, and name it in PINECONE_INDEX."
        )
    if metric not in METRICS:
        raise ProviderRefused(
            f"The Pinecone index “{place.index}” measures by {metric}, which ranks passages wrong "
            "here. Create one with the metric cosine, and name it in PINECONE_INDEX."
        )
    if not found.status.ready or not found.host:
        raise ProviderDown(
            f"The Pinecone index “{place.index}” is still being prepared. It is asked again soon."
        )
    return Described(found.host, size, str(metric))


def _count(index: "Index") -> int:
    return int(index.describe_index_stats(timeout=CHECK_SECONDS).total_vector_count)


def _page(index: "Index", *, namespace: str, token: str | None) -> tuple[list[str], str | None]:
    from pinecone.errors.exceptions import NotFoundError

    try:
        answer = index.list_paginated(
            namespace=namespace, limit=LISTED, pagination_token=token, timeout=WRITE_SECONDS
        )
    except NotFoundError:
        return [], None
    ids = [str(one.id) for one in answer.vectors if one.id]
    return ids, answer.pagination.next if answer.pagination else None


def _unless_missing(work: Callable[[], object]) -> None:
    from pinecone.errors.exceptions import NotFoundError

    try:
        work()
    except NotFoundError:
        return
