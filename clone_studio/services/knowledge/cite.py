"""Citations: numbers minted for each answer, and the sentence of the page that supports each.

The model writes the numbers of the passages it was given. The reader sees numbers counted by
first appearance; a number that points to no passage is taken out, with the space before it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from clone_studio.services.knowledge import sentences
from clone_studio.services.knowledge.analyse import content_terms, terms
from clone_studio.services.knowledge.marks import MarkScanner, Token, tokens
from clone_studio.services.knowledge.passages import Passage

QUOTE_CHARS = 500
MOST_SENTENCES = 3
# A neighbouring sentence belongs to the quote when it adds at least so much of the statement.
WORTH_ADDING = 0.12
# A number may stand behind several sentences: marking all of a page would show none of them.
WIDEST_SPAN = 900


@dataclass(frozen=True)
class Citation:
    """Where an answer's `[number]` points.

    `start` and `end` are character offsets within the page's text; between them stands what
    supports the cited sentence, and `quote` is that text with its white space folded.
    """

    number: int
    chunk_id: str
    file_id: str
    file: str
    page: int
    page_label: str
    start: int
    end: int
    quote: str
    score: float

    def as_json(self) -> dict[str, Any]:
        """Return the citation as it is stored and as the API gives it."""
        return {
            "number": self.number,
            "chunkId": self.chunk_id,
            "fileId": self.file_id,
            "file": self.file,
            "page": self.page,
            "pageLabel": self.page_label,
            "start": self.start,
            "end": self.end,
            "quote": self.quote,
            "score": self.score,
        }


class CitationWriter:
    """Rewrites the marks of one answer while it streams.

    Args:
        passages: What the model was given, numbered from 1 in this order.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        self._scanner = MarkScanner()
        self._order: list[int] = []
        self._space = ""

    def feed(self, delta: str) -> str:
        """Return the text to show next; what may be part of a mark is held back."""
        return self._shown(self._scanner.feed(delta))

    def finish(self) -> str:
        """Return what was held back, as text."""
        rest = self._shown(self._scanner.feed("", last=True)) + self._space
        self._space = ""
        return rest

    def citations(self, text: str) -> list[Citation]:
        """Return the citations of the finished answer `text`, which this writer wrote."""
        statements = _statements(text)
        return [
            _citation(number, self._passages[place - 1], statements[number])
            for number, place in enumerate(self._order, start=1)
            if number in statements
        ]

    def _shown(self, found: Iterable[Token]) -> str:
        shown: list[str] = []
        for token in found:
            if token.numbers:
                marks = "".join(f"[{number}]" for number in self._minted(token.numbers))
                # Without a number nothing is left of the mark, nor of the space before it.
                shown.append(self._space + marks if marks else "")
                self._space = ""
            elif token.text.isspace() and "\n" not in token.text:
                shown.append(self._space)
                self._space = token.text
            else:
                shown.append(self._space + token.text)
                self._space = ""
        return "".join(shown)

    def _minted(self, numbers: Iterable[int]) -> list[int]:
        minted: list[int] = []
        for place in numbers:
            if not 1 <= place <= len(self._passages):
                continue
            if place not in self._order:
                self._order.append(place)
            minted.append(self._order.index(place) + 1)
        return minted


def _statements(text: str) -> dict[int, list[str]]:
    """Return, for each number in `text`, the sentences that it stands behind, in order."""
    plain, marks = "", []
    for token in tokens(text):
        if token.numbers:
            marks.append((len(plain), token.numbers))
        else:
            plain += token.text
    spans = list(sentences.spans(plain))
    said: dict[int, list[str]] = {}
    for place, numbers in marks:
        # A mark stands at the end of its sentence, before or after the full stop.
        before = [span for span in spans if span[0] < max(place, 1)]
        start, end = before[-1] if before else (0, place)
        for number in numbers:
            said.setdefault(number, []).append(plain[start : max(end, place)])
    return said


def _citation(number: int, passage: Passage, statements: Sequence[str]) -> Citation:
    start, end = _support_of_all(passage.text, statements)
    quote = " ".join(passage.text[start:end].split())
    return Citation(
        number=number,
        chunk_id=passage.chunk_id,
        file_id=passage.file_id,
        file=passage.file,
        page=passage.page,
        page_label=passage.page_label,
        start=passage.start + start,
        end=passage.start + end,
        quote=quote if len(quote) <= QUOTE_CHARS else quote[: QUOTE_CHARS - 1].rstrip() + "…",
        score=passage.score,
    )


def _support_of_all(text: str, statements: Sequence[str]) -> tuple[int, int]:
    """Return the span that supports the first statement, and the others where they are near."""
    start, end = support(text, statements[0])
    for statement in statements[1:]:
        other_start, other_end = support(text, statement)
        first, last = min(start, other_start), max(end, other_end)
        if last - first <= WIDEST_SPAN:
            start, end = first, last
    return start, end


def support(text: str, statement: str) -> tuple[int, int]:
    """Return `(start, end)` of the sentences of `text` that say what `statement` says.

    The best sentence, and its neighbours while they add to it. The whole text when no
    sentence shares a word with the statement.
    """
    spans = list(sentences.spans(text))
    wanted = _wanted(statement)
    each = [set(terms(text[a:b])) for a, b in spans]
    if not wanted or not spans:
        return (spans[0][0], spans[-1][1]) if spans else (0, len(text))
    # Words that many sentences of the passage have tell them apart least.
    common = Counter(term for one in each for term in one & wanted.keys())
    for term, count in common.items():
        wanted[term] *= math.log(1 + len(each) / count)
    total = sum(wanted.values())
    scores = [sum(wanted[term] for term in one & wanted.keys()) / total for one in each]
    best = max(range(len(each)), key=scores.__getitem__)
    if scores[best] == 0:
        return spans[0][0], spans[-1][1]
    first = last = best
    covered = each[best] & wanted.keys()
    while last - first + 1 < MOST_SENTENCES:
        gains = {
            place: sum(wanted[term] for term in (each[place] & wanted.keys()) - covered) / total
            for place in (first - 1, last + 1)
            if 0 <= place < len(each)
        }
        place = max(gains, key=gains.__getitem__, default=-1)
        if place < 0 or gains[place] < WORTH_ADDING:
            break
        covered |= each[place] & wanted.keys()
        first, last = min(first, place), max(last, place)
    return spans[first][0], spans[last][1]


def _wanted(statement: str) -> dict[str, float]:
    every = terms(statement)
    return dict.fromkeys(content_terms(every) or every, 1.0)
