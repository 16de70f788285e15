"""Finds the passages for a question: by words and by meaning, fused into one ranking."""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from sqlalchemy import String, bindparam, text
from sqlmodel import Session

from clone_studio.db import Database, UtcDateTime, utc_now
from clone_studio.errors import ProviderError
from clone_studio.models import StoredFile
from clone_studio.providers.cache.protocol import Cache, shared_only
from clone_studio.providers.embeddings.protocol import Embedder, Vectors
from clone_studio.providers.llm.protocol import Quote
from clone_studio.providers.search.protocol import Hit, SearchIndex
from clone_studio.services.knowledge import evidence
from clone_studio.services.knowledge.analyse import query_terms
from clone_studio.services.knowledge.embedders import Embedders, EmbedderSource, NoSource
from clone_studio.services.knowledge.fuse import Ranked, fuse
from clone_studio.services.knowledge.passages import Passage
from clone_studio.services.spans import BY_WORDS, SEARCHED, SpanRecorder

logger = logging.getLogger(__name__)

QUERY_CHARS = 4000
MOST_PASSAGES = 50
POOL = 50
REMEMBERED_QUERIES = 256
# The vector of a text never changes: this bounds what is kept, not how fresh it is.
SHARED_SECONDS = 24 * 3600.0
# After a failure the embedder, or a store of vectors elsewhere, is left alone for so long, and
# words alone serve: a service that is down must not delay each question by its time-out.
PAUSE_SECONDS = 20.0
# Most documents are read within seconds; one that takes longer does not hold up questions.
ARRIVING = timedelta(seconds=30)


class Retriever:
    """Hybrid retrieval over one clone's knowledge. Blocking: call it from threads.

    Args:
        database: Where passages are.
        index: Finds them.
        embedder: Makes vectors of questions, where a clone's own are not by another model.
        source: What embedders are made of; None where the embedder is never another.
        cache: Remembers those vectors for all processes; None remembers them here only.
    """

    def __init__(
        self,
        database: Database,
        *,
        index: SearchIndex,
        embedder: Embedder,
        source: EmbedderSource | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._database = database
        self._shared = shared_only(cache)
        self._index = index
        self._embedders = Embedders(database, embedder, source or NoSource())
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()
        self._paused: tuple[Embedder, float] | None = None
        self._words_until: dict[str, float] = {}

    def retrieve(
        self,
        persona_id: str,
        query: str,
        *,
        limit: int = 6,
        spans: SpanRecorder | None = None,
    ) -> list[Passage]:
        """Return the best passages for `query`, best first.

        Args:
            persona_id: Whose knowledge; that of others is never looked at.
            query: The question, understandable without the thread.
            limit: How many, at most 50.
            spans: Takes `retrieve.embed`, `retrieve.search` and `retrieve.rerank`, and the remark
                that only words were searched where the store of vectors did not answer.
        """
        recorder = spans or SpanRecorder()
        query, limit = query[:QUERY_CHARS], max(1, min(limit, MOST_PASSAGES))
        with recorder.span("retrieve.embed"):
            model, vector = self._vector_of(persona_id, query)
        with recorder.span("retrieve.search"):
            by_word = self._index.keyword(persona_id, query_terms(query), POOL)
            by_meaning = self._by_meaning(persona_id, model, vector, POOL, recorder)
        with recorder.span("retrieve.rerank"):
            # Some of the best may say the same: a page that stands twice, two editions.
            unseen = self._unseen(persona_id, by_word) if by_meaning else set()
            ranked = fuse(by_word, by_meaning, unseen)[: 2 * limit]
            return _distinct(self._passages(persona_id, ranked))[:limit]

    def is_arriving(self, persona_id: str) -> bool:
        """Say whether a document that was just added is still being read."""
        keys = {"persona": persona_id, "since": utc_now() - ARRIVING}
        with self._database.read() as session:
            return session.connection().execute(_ARRIVING, keys).first() is not None

    def quotes(self, question: str, passages: Sequence[Passage]) -> tuple[Quote, ...]:
        """Return the sentences of `passages` that answer `question` best, at most four."""
        persona_id = self._owner_of(passages)
        if persona_id is None:
            return ()
        return evidence.quotes(question, passages, self._weights(persona_id, question))

    def excerpts(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """Return the stretches of the best `passages` that say most about `question`."""
        persona_id = self._owner_of(passages)
        if persona_id is None:
            return ()
        return evidence.excerpts(question, passages, self._weights(persona_id, question))

    def has_answer(self, question: str, passages: Sequence[Passage]) -> bool:
        """Say whether `passages` hold enough of what `question` is about to answer it."""
        persona_id = self._owner_of(passages)
        if persona_id is None:
            return False
        weights = self._weights(persona_id, question)
        return evidence.has_answer(
            question, passages, weights, self._likeness(persona_id, question)
        )

    def _owner_of(self, passages: Sequence[Passage]) -> str | None:
        """Return whose knowledge the passages are, None when it is gone."""
        if not passages:
            return None
        with self._database.read() as session:
            file = session.get(StoredFile, passages[0].file_id)
            return file.persona_id if file else None

    def _weights(self, persona_id: str, question: str) -> evidence.Weights:
        counts = self._index.counts(persona_id, query_terms(question[:QUERY_CHARS]))
        return evidence.Weights(counts.holding, counts.chunks)

    def _likeness(self, persona_id: str, question: str) -> float | None:
        """Return the cosine of the nearest window, None where meaning does not serve."""
        model, vector = self._vector_of(persona_id, question[:QUERY_CHARS])
        nearest = self._by_meaning(persona_id, model, vector, 1, SpanRecorder())
        return nearest[0].score if nearest else None

    def _by_meaning(
        self,
        persona_id: str,
        model: str,
        vector: Vectors | None,
        limit: int,
        spans: SpanRecorder,
    ) -> list[Hit]:
        """Return what is nearest; nothing, with a remark, while the store does not answer."""
        if vector is None:
            return []
        now = time.monotonic()
        if now >= self._words_until.get(persona_id, 0.0):
            try:
                return self._index.vector(persona_id, model, vector, limit)
            except ProviderError as error:
                logger.warning("A clone is searched by words only: %s", error.detail)
                others = {key: until for key, until in self._words_until.items() if until > now}
                self._words_until = {**others, persona_id: time.monotonic() + PAUSE_SECONDS}
        spans.remark(SEARCHED, BY_WORDS)
        return []

    def close(self) -> None:
        """Close the embedders that were chosen before."""
        self._embedders.close()

    def _vector_of(self, persona_id: str, query: str) -> tuple[str, Vectors | None]:
        """Return the query's vector and its model; None while the embedder does not work."""
        with self._embedders.of(persona_id) as embedder:
            if embedder is None:
                return "", None
            return embedder.model, self._embedded(embedder, query)

    def _embedded(self, embedder: Embedder, query: str) -> Vectors | None:
        query = " ".join(query.split())
        digest = hashlib.sha256(query.encode("utf-8", "surrogatepass")).hexdigest()
        key = f"query:{embedder.model} {digest}"
        with self._lock:
            if key in self._queries:
                self._queries.move_to_end(key)
                return self._queries[key]
        if not query:
            return None
        known = None if self._shared is None else _unpacked(self._shared.get(key))
        if known is not None:
            self._remember(key, known)
            return known
        if self._is_paused(embedder):
            return None
        try:
            vector = embedder.embed_query(query)
        except ProviderError as error:
            logger.warning("Questions are searched by words only: %s", error.detail)
            self._paused = embedder, time.monotonic() + PAUSE_SECONDS
            return None
        self._remember(key, vector)
        if self._shared is not None:
            self._shared.set(key, vector.astype("<f4").tobytes(), SHARED_SECONDS)
        return vector

    def _remember(self, key: str, vector: Vectors) -> None:
        with self._lock:
            self._queries[key] = vector
            while len(self._queries) > REMEMBERED_QUERIES:
                self._queries.popitem(last=False)

    def _is_paused(self, embedder: Embedder) -> bool:
        """Whether this embedder has failed a moment ago; another one is not held to it."""
        paused = self._paused
        return paused is not None and paused[0] is embedder and time.monotonic() < paused[1]

    def _unseen(self, persona_id: str, hits: Sequence[Hit]) -> set[str]:
        """Return those chunks whose files search by meaning does not serve in full."""
        with self._database.read() as session:
            connection = session.connection()
            files = connection.execute(_NOT_EMBEDDED, {"persona": persona_id}).scalars().all()
            if not files:
                return set()
            keys = {"files": files, "ids": [hit.chunk_id for hit in hits]}
            return set(connection.execute(_CHUNKS_OF, keys).scalars())

    def _passages(self, persona_id: str, ranked: Sequence[Ranked]) -> list[Passage]:
        """Read the rows of what was found; a row that went away in the meantime is left out."""
        with self._database.read() as session:
            rows = _rows(session, persona_id, [one.chunk_id for one in ranked])
        return [_passage(rows[one.chunk_id], one) for one in ranked if one.chunk_id in rows]


def _unpacked(packed: bytes | None) -> Vectors | None:
    """Return the vector in these bytes, None where there is none."""
    if not packed or len(packed) % 4:
        return None
    vector: Vectors = np.frombuffer(packed, "<f4").astype(np.float32)
    return vector if np.isfinite(vector).all() else None


def _distinct(passages: Iterable[Passage]) -> list[Passage]:
    """Leave out what repeats the text of a better passage."""
    kept: dict[str, Passage] = {}
    for passage in passages:
        kept.setdefault(" ".join(passage.text.split()), passage)
    return list(kept.values())


# Written once: putting the statement together anew for each question takes longer than it runs.
# The persona is compared here and not there, or SQLite walks all of its chunks by that index.
_PASSAGES = text(
    "SELECT c.persona_id, c.id AS chunk_id, c.file_id, f.name AS file, c.page,"
    ' p.label AS page_label, c.start, c."end", c.heading, c.text'
    " FROM chunks c JOIN files f ON f.id = c.file_id"
    " JOIN pages p ON p.file_id = c.file_id AND p.number = c.page"
    " WHERE c.id IN :ids"
).bindparams(bindparam("ids", expanding=True, type_=String))

_ARRIVING = text(
    "SELECT 1 FROM files WHERE persona_id = :persona AND state = 'processing'"
    " AND created_at > :since LIMIT 1"
).bindparams(bindparam("since", type_=UtcDateTime))
_NOT_EMBEDDED = text("SELECT id FROM files WHERE persona_id = :persona AND embedding <> 'done'")
_CHUNKS_OF = text("SELECT id FROM chunks WHERE id IN :ids AND file_id IN :files").bindparams(
    bindparam("ids", expanding=True, type_=String), bindparam("files", expanding=True, type_=String)
)


def _rows(session: Session, persona_id: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the columns of a passage by the id of its chunk."""
    found = session.connection().execute(_PASSAGES, {"ids": list(ids)}).mappings()
    rows = [dict(row) for row in found]
    return {row["chunk_id"]: row for row in rows if row.pop("persona_id") == persona_id}


def _passage(row: dict[str, Any], ranked: Ranked) -> Passage:
    return Passage(**row, score=round(ranked.score, 6), ranks=dict(ranked.ranks))
