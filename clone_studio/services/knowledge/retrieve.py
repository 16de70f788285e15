"""Finds the passages that may answer a question: keywords and vectors, fused."""

import logging
from collections.abc import Sequence

from sqlmodel import col, select

from clone_studio.db import Database
from clone_studio.errors import ProviderError
from clone_studio.models import Chunk, DocumentPage, StoredFile
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.llm.protocol import Quote
from clone_studio.providers.search.protocol import Hit, SearchIndex
from clone_studio.services.knowledge import evidence
from clone_studio.services.knowledge.analyse import query_terms
from clone_studio.services.knowledge.passage import Passage
from clone_studio.services.spans import SpanRecorder

logger = logging.getLogger(__name__)

CANDIDATES = 40
MAX_PASSAGES = 50
MAX_QUERY_CHARS = 2000
# Reciprocal rank fusion (Cormack, Clarke, Buettcher 2009) with their constant.
RRF_CONSTANT = 60


class Retriever:
    """Hybrid retrieval over one persona's chunks.

    Args:
        database: Where the chunks are.
        index: Keyword and vector index.
        embedder: Gives the question's vector. When it fails, keywords serve alone.
    """

    def __init__(self, database: Database, index: SearchIndex, embedder: Embedder) -> None:
        self._db = database
        self._index = index
        self._embedder = embedder

    def retrieve(
        self, persona_id: str, query: str, *, limit: int = 6, spans: SpanRecorder | None = None
    ) -> list[Passage]:
        """Return up to `limit` passages for `query`, best first. Blocking: call it in a thread.

        Args:
            persona_id: Whose knowledge; no other's is ever looked at.
            query: The question, with what it refers to written out.
            limit: How many passages, at most 50.
            spans: Takes retrieve.embed, retrieve.search and retrieve.rerank.
        """
        recorder = spans or SpanRecorder()
        query = query[:MAX_QUERY_CHARS]
        limit = max(1, min(limit, MAX_PASSAGES))
        with recorder.span("retrieve.search"):
            keyword = self._index.keyword(persona_id, query_terms(query), CANDIDATES)
        vector = self._by_vector(persona_id, query, recorder)
        with recorder.span("retrieve.rerank"):
            fused = _fuse(keyword, vector)
            return self._passages(persona_id, fused, keyword, vector, limit)

    def quotes(self, question: str, passages: Sequence[Passage]) -> tuple[Quote, ...]:
        """Return the sentences of the passages that say most about the question, best first."""
        return evidence.quotes(question, passages)

    def has_answer(self, question: str, passages: Sequence[Passage]) -> bool:
        """Whether the passages hold enough of the question to be an answer to it."""
        return evidence.has_answer(question, passages)

    def _by_vector(self, persona_id: str, query: str, recorder: SpanRecorder) -> list[Hit]:
        if not query.strip():
            return []
        try:
            with recorder.span("retrieve.embed"):
                vector = self._embedder.embed_query(query)
        except ProviderError as error:
            logger.warning("Keyword search serves alone: %s", error.detail)
            return []
        with recorder.span("retrieve.search"):
            return self._index.vector(persona_id, self._embedder.model, vector, CANDIDATES)

    def _passages(
        self,
        persona_id: str,
        fused: Sequence[Hit],
        keyword: Sequence[Hit],
        vector: Sequence[Hit],
        limit: int,
    ) -> list[Passage]:
        wanted = [hit.chunk_id for hit in fused[: limit * 2]]
        with self._db.read() as session:
            rows = session.exec(
                select(Chunk, StoredFile.name, DocumentPage.label)
                .join(StoredFile, col(StoredFile.id) == Chunk.file_id)
                .join(
                    DocumentPage,
                    (col(DocumentPage.file_id) == Chunk.file_id)
                    & (col(DocumentPage.number) == Chunk.page),
                )
                .where(col(Chunk.id).in_(wanted), Chunk.persona_id == persona_id)
            ).all()
        by_id = {row[0].id: row for row in rows}
        places = [
            {hit.chunk_id: at for at, hit in enumerate(hits, 1)} for hits in (keyword, vector)
        ]
        similarity = {hit.chunk_id: hit.score for hit in vector}
        found: list[Passage] = []
        for place, hit in enumerate(fused, 1):
            row = by_id.get(hit.chunk_id)
            if row is None or len(found) >= limit:
                continue
            chunk, name, label = row
            ranks = {"keyword": places[0].get(chunk.id), "vector": places[1].get(chunk.id)}
            found.append(
                Passage(
                    chunk.id, chunk.file_id, name, chunk.page, label, chunk.start, chunk.end,
                    chunk.heading, chunk.text, round(hit.score, 5),
                    {**ranks, "fused": place, "rerank": len(found) + 1},
                    similarity.get(chunk.id),
                )
            )  # fmt: skip
        return found


def _fuse(*rankings: Sequence[Hit]) -> list[Hit]:
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, hit in enumerate(ranking, 1):
            scores[hit.chunk_id] = scores.get(hit.chunk_id, 0.0) + 1 / (RRF_CONSTANT + place)
    return [Hit(c, s) for c, s in sorted(scores.items(), key=lambda pair: -pair[1])]
