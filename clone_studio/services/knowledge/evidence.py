"""Whether passages hold an answer, and which of their sentences say it: decided in code.

A question's terms weigh by how rare they are in the clone's own knowledge. Passages hold an
answer when one of them, and in it a few neighbouring sentences, covers much of that weight,
and when what they mean is near to what the question means. The score of a retrieval cannot
tell this: it ranks passages, and something is always best.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clone_studio.providers.llm.protocol import Quote
from clone_studio.services.knowledge import sentences
from clone_studio.services.knowledge.analyse import query_terms, terms
from clone_studio.services.knowledge.passages import Passage

# Measured on public question sets with the local model: at these bounds 90 to 93 of 100
# questions that have an answer are answered and 97 to 99 of 100 off the topic are refused
# (bench/retrieval.py prints the figures of the present code).
WORDS_SHARE = 0.5
MEANING_SHARE = 0.75
ENOUGH = 0.62
LEAST_COVERAGE = 0.2
# Without vectors words decide alone.
PASSAGE_COVERAGE = 0.55
STRETCH_COVERAGE = 0.4
LEAST_CHUNKS = 1000
NEIGHBOURS = 3
MOST_QUOTES = 4
QUOTE_CHARS = 600
MOST_EXCERPTS = 3
EXCERPT_CHARS = 560
# A sentence is quoted when it covers at least so much of what the best one covers.
QUOTE_SHARE = 0.6


@dataclass(frozen=True)
class Weights:
    """In how many of a clone's passages each term stands, and how many there are."""

    holding: Mapping[str, int]
    chunks: int

    def of(self, term: str) -> float:
        """Return how much a term says: the rarer, the more; unknown terms say most.

        A small collection counts as a larger one: in three passages every word is rare.
        """
        count = self.holding.get(term, 0)
        chunks = max(self.chunks, LEAST_CHUNKS)
        return math.log(1 + (chunks - count + 0.5) / (count + 0.5))


def has_answer(
    question: str, passages: Sequence[Passage], weights: Weights, likeness: float | None = None
) -> bool:
    """Say whether `passages` hold enough of what `question` is about.

    Args:
        question: The question.
        passages: What was found for it.
        weights: How rare its terms are.
        likeness: Cosine of the question and the window nearest to it, None when there are no
            vectors.
    """
    wanted = _weighed(question, weights)
    if not wanted or not passages:
        return False
    passage = max(_coverage(wanted, terms(f"{one.heading}\n{one.text}")) for one in passages)
    stretch = max(_best_stretch(wanted, one) for one in passages)
    if likeness is None:
        return passage >= PASSAGE_COVERAGE and stretch >= STRETCH_COVERAGE
    score = WORDS_SHARE * (passage + stretch) / 2 + MEANING_SHARE * likeness
    return passage >= LEAST_COVERAGE and score >= ENOUGH


def quotes(question: str, passages: Sequence[Passage], weights: Weights) -> tuple[Quote, ...]:
    """Return whole sentences of `passages` that answer `question` best, best first."""
    wanted = _weighed(question, weights)
    if not wanted:
        return ()
    found: list[Quote] = []
    for number, one in enumerate(passages, start=1):
        for start, end in sentences.spans(one.text):
            text = one.text[start:end]
            # Headings and questions name the subject and say nothing about it.
            if len(text) > QUOTE_CHARS or text.endswith("?") or text.startswith("#"):
                continue
            score = _coverage(wanted, terms(text))
            if score > 0:
                # Earlier passages are better, of which coverage alone knows nothing.
                found.append(Quote(number, " ".join(text.split()), score / (1 + 0.05 * number)))
    # Sorting keeps equals in the order of the text: the first sentence of a section says most.
    found.sort(key=lambda quote: -quote.score)
    distinct: dict[str, Quote] = {}
    for quote in found:
        distinct.setdefault(quote.text, quote)
    best = list(distinct.values())[:MOST_QUOTES]
    return tuple(quote for quote in best if quote.score >= best[0].score * QUOTE_SHARE)


def excerpts(question: str, passages: Sequence[Passage], weights: Weights) -> tuple[Passage, ...]:
    """Return the stretches of the best `passages` that say most about `question`.

    For a model that reads slowly. Each is a passage of its own, at its own place in the page,
    and in the same order as before.
    """
    wanted = _weighed(question, weights)
    return tuple(_excerpt(wanted, one) for one in passages[:MOST_EXCERPTS])


def _excerpt(wanted: Mapping[str, float], passage: Passage) -> Passage:
    """Return the whole sentences, at most `EXCERPT_CHARS` together, that cover most."""
    if len(passage.text) <= EXCERPT_CHARS:
        return passage
    spans = list(sentences.spans(passage.text))
    each = [set(terms(passage.text[a:b])) for a, b in spans]
    found: list[tuple[float, int, int]] = []
    for first, (start, _end) in enumerate(spans):
        last = first
        while last + 1 < len(spans) and spans[last + 1][1] - start <= EXCERPT_CHARS:
            last += 1
        covered = _coverage(wanted, set().union(*each[first : last + 1]))
        found.append((covered, start, min(spans[last][1], start + EXCERPT_CHARS)))
    most = max(covered for covered, _, _ in found)
    # Of those that cover as much the middle one: the answer stands before or after the words
    # of the question.
    ties = [(start, end) for covered, start, end in found if covered == most]
    start, end = ties[len(ties) // 2]
    return replace(
        passage,
        text=passage.text[start:end],
        start=passage.start + start,
        end=passage.start + end,
    )


def _weighed(question: str, weights: Weights) -> dict[str, float]:
    return {term: weights.of(term) for term in query_terms(question)}


def _coverage(wanted: Mapping[str, float], present: Iterable[str]) -> float:
    """Return the share of the wanted weight that is present, from 0 to 1."""
    there = set(present)
    total = sum(wanted.values())
    return sum(weight for term, weight in wanted.items() if term in there) / total if total else 0.0


def _best_stretch(wanted: Mapping[str, float], passage: Passage) -> float:
    """Return the best coverage by a few neighbouring sentences and the heading above them."""
    above = set(terms(passage.heading))
    each = [set(terms(passage.text[a:b])) for a, b in sentences.spans(passage.text)]
    return max(
        (
            _coverage(wanted, above.union(*each[place : place + NEIGHBOURS]))
            for place in range(len(each))
        ),
        default=0.0,
    )
