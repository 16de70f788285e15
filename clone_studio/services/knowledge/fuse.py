"""One ranking out of two: reciprocal rank fusion.

Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods" (2009): a chunk's score is the sum of `weight / (K + rank)` over the lists.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from clone_studio.providers.search.protocol import Hit

K = 20
KEYWORD_WEIGHT = 1.0
VECTOR_WEIGHT = 1.0


@dataclass(frozen=True)
class Ranked:
    """A chunk with its fused score and its rank from 1 in each list."""

    chunk_id: str
    score: float
    ranks: Mapping[str, int | None]


def fuse(
    by_word: Sequence[Hit], by_meaning: Sequence[Hit], unseen: Collection[str] = ()
) -> list[Ranked]:
    """Return the chunks of both lists, best first; scores lie between 0 and 1.

    Args:
        by_word: Best first.
        by_meaning: Best first.
        unseen: Chunks whose vectors are not there yet. Their rank by words counts in both
            lists: without it whatever was embedded first would stand above them.
    """
    words = {hit.chunk_id: rank for rank, hit in enumerate(by_word, start=1)}
    meanings = {hit.chunk_id: rank for rank, hit in enumerate(by_meaning, start=1)}
    stand_ins = {chunk_id: rank for chunk_id, rank in words.items() if chunk_id in unseen}
    best = (KEYWORD_WEIGHT + VECTOR_WEIGHT) / (K + 1)
    scores = {
        chunk_id: (_share(KEYWORD_WEIGHT, words.get(chunk_id)) + _share(VECTOR_WEIGHT, rank)) / best
        for chunk_id, rank in {**dict.fromkeys(words), **stand_ins, **meanings}.items()
    }
    ordered = sorted(scores, key=lambda chunk_id: (-scores[chunk_id], words.get(chunk_id, 999)))
    return [
        Ranked(
            chunk_id,
            scores[chunk_id],
            {
                "keyword": words.get(chunk_id),
                "vector": meanings.get(chunk_id),
                "fused": rank,
                "rerank": None,
            },
        )
        for rank, chunk_id in enumerate(ordered, start=1)
    ]


def _share(weight: float, rank: int | None) -> float:
    return weight / (K + rank) if rank is not None else 0.0
