"""Whether passages answer a question, and which sentences of theirs say so.

Decided in code, because small models are weak at refusing and a studio without a model has
nobody else to ask. The measure is the share of the question's terms that stand in a passage
(terms found in no passage count double: an index that ranks rare words first would have found
them), together with the meaning of the best window.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from clone_studio.providers.llm.protocol import Quote
from clone_studio.services.knowledge import sentences
from clone_studio.services.knowledge.analyse import query_terms, terms
from clone_studio.services.knowledge.passage import Passage

MAX_QUOTES = 3
MIN_SENTENCE_CHARS, MAX_QUOTE_CHARS = 25, 600
# Either alone is enough, or both together at the lower marks. Measured in bench/retrieval.py.
COVERAGE, SIMILARITY = 0.67, 0.55
COVERAGE_BOTH, SIMILARITY_BOTH = 0.45, 0.38
HEADING_SHARE = 0.5
# A sentence far behind the best one is not worth quoting beside it.
WORTH = 0.6
_HEADING_LINE = re.compile(r"^#{1,6}\s.*$", re.MULTILINE)


def has_answer(question: str, passages: Sequence[Passage]) -> bool:
    """Whether the passages hold enough of the question to be an answer to it."""
    wanted = query_terms(question)
    if not passages or not wanted:
        return False
    owned = [set(terms(f"{one.heading} {one.text}")) for one in passages]
    anywhere = set().union(*owned)
    weights = {term: 1.0 if term in anywhere else 2.0 for term in wanted}
    total = sum(weights.values())
    for passage, own in zip(passages, owned, strict=True):
        coverage = sum(weights[term] for term in wanted if term in own) / total
        similarity = passage.similarity or 0.0
        if coverage >= COVERAGE or similarity >= SIMILARITY:
            return True
        if coverage >= COVERAGE_BOTH and similarity >= SIMILARITY_BOTH:
            return True
    return False


def quotes(question: str, passages: Sequence[Passage]) -> tuple[Quote, ...]:
    """Return the sentences that say most about the question, best first, at most three."""
    wanted = set(query_terms(question))
    found: list[tuple[Quote, frozenset[str]]] = []
    for number, passage in enumerate(passages, 1):
        heading = wanted & set(terms(passage.heading))
        for start, end in _quotable(passage.text):
            text = passage.text[start:end]
            found.append((Quote(number, text, 0.0), frozenset(wanted & set(terms(text)) | heading)))
    if not found:
        return ()
    seen = Counter(term for _, own in found for term in own)
    weights = {term: math.log(1 + len(found) / (1 + seen[term])) for term in wanted}
    scored = []
    for quote, own in found:
        passage = passages[quote.number - 1]
        heading = set(terms(passage.heading))
        covered = sum(weights[t] * (HEADING_SHARE if t in heading else 1.0) for t in own)
        near = (passage.similarity or 0.0) * sum(weights.values()) * 0.3
        scored.append(Quote(quote.number, quote.text, covered + near / quote.number**0.25))
    return _best(scored)


def _best(scored: Sequence[Quote]) -> tuple[Quote, ...]:
    ranked = sorted(scored, key=lambda quote: -quote.score)
    kept: list[Quote] = []
    for quote in ranked:
        if len(kept) == MAX_QUOTES or quote.score < ranked[0].score * WORTH:
            break
        if all(quote.text not in other.text and other.text not in quote.text for other in kept):
            kept.append(quote)
    return tuple(kept)


def _quotable(text: str) -> list[tuple[int, int]]:
    """Return the spans of sentences that can stand alone: no headings, no scraps."""
    headings = [match.span() for match in _HEADING_LINE.finditer(text)]
    found = []
    for begin, end in sentences.spans(text):
        start = max([begin, *(high for low, high in headings if low <= begin < high)])
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if end - start >= MIN_SENTENCE_CHARS:
            found.append((start, min(end, start + MAX_QUOTE_CHARS)))
    return found
