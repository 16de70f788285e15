"""Citations: the marks in an answer, and the sentences of the knowledge they stand for."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clone_studio.services.knowledge import sentences
from clone_studio.services.knowledge.analyse import query_terms, terms
from clone_studio.services.knowledge.passage import Passage

QUOTE_CHARS = 400
MARK_CHARS = 24
_MARK = re.compile(r"( ?)[\[【]\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*[\]】](?!\()")
# An end that may still become a mark: an opening bracket with figures behind it, or the space
# before one, which goes away with a mark that points to nothing.
_PARTIAL = re.compile(r" ?(?:[\[【][\d\s,;]*)?$")
_MARK_OUT = re.compile(r"\[(\d+)\]")
_MARKS_FIRST = re.compile(r"(?:\[\d+\]\s*)+")
_FENCE = re.compile(r"(?:^|\n) {0,3}(```|~~~)")


@dataclass(frozen=True)
class Citation:
    """One source of an answer. `start` and `end` are offsets within the text of `page`."""

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
        """Return the citation as the API gives it."""
        row = asdict(self)
        for name, given in (("chunk_id", "chunkId"), ("file_id", "fileId")):
            row[given] = row.pop(name)
        row["pageLabel"] = row.pop("page_label")
        return row


class CitationWriter:
    """Rewrites a model's marks while its answer streams.

    The model numbers passages as the prompt does; readers see numbers in the order in which
    sources first appear. Marks that point to no passage are removed, so that nothing a model
    makes up can look like a source. Marks inside code blocks are left alone.

    Args:
        passages: The passages of the prompt, the first one being number 1.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._numbers: dict[int, int] = {}
        self._held = ""
        self._line = ""
        self._fence = ""

    def feed(self, delta: str) -> str:
        """Take the next piece of the model's text; return what can be shown now."""
        text = self._held + delta
        partial = _PARTIAL.search(text)
        cut = (
            partial.start() if partial and len(text) - partial.start() <= MARK_CHARS else len(text)
        )
        # A mark followed by "(" is a Markdown link: wait for the character after it.
        if cut == len(text) and text.endswith(("]", "】")):
            last = max(text.rfind("["), text.rfind("【"))
            if last >= 0 and len(text) - last <= MARK_CHARS:
                cut = last - 1 if last and text[last - 1] == " " else last
        self._held = text[cut:]
        return self._rewrite(text[:cut])

    def finish(self) -> str:
        """Return what was held back when the model's text has ended."""
        rest, self._held = self._held, ""
        return self._rewrite(rest)

    def citations(self, text: str) -> list[Citation]:
        """Return the sources of the finished answer `text`, by number.

        The span of each is the run of its passage that fits best the sentences citing it.
        """
        claims = _claims(text)
        found = []
        for passage_number, number in sorted(self._numbers.items(), key=lambda pair: pair[1]):
            if number in claims:
                passage = self._passages[passage_number - 1]
                found.append(_citation(number, passage, claims[number]))
        return found

    def _rewrite(self, text: str) -> str:
        out: list[str] = []
        for line in text.splitlines(keepends=True):
            fence = _FENCE.match("\n" + self._line + line) if len(self._line) < 8 else None
            if self._fence:
                out.append(line)
            else:
                out.append(_MARK.sub(self._renumber, line))
            self._line = "" if line.endswith("\n") else self._line + line
            if fence and (not self._fence or fence.group(1) == self._fence):
                self._fence = "" if self._fence else fence.group(1)
        return "".join(out)

    def _renumber(self, match: re.Match[str]) -> str:
        wanted = [int(one) for one in re.findall(r"\d+", match.group(2))]
        valid = [one for one in dict.fromkeys(wanted) if 1 <= one <= len(self._passages)]
        if not valid:
            return ""
        numbers = [self._numbers.setdefault(one, len(self._numbers) + 1) for one in valid]
        return match.group(1) + "".join(f"[{number}]" for number in numbers)


def _claims(text: str) -> dict[int, list[str]]:
    """Return the sentences that cite each number, without their marks."""
    claims: dict[int, list[str]] = {}
    before = ""
    for start, end in sentences.spans(text):
        sentence = text[start:end]
        leading = _MARKS_FIRST.match(sentence)
        behind = leading.end() if leading and before else 0
        own = _MARK_OUT.sub("", sentence[behind:]).strip()
        # A mark behind a full stop belongs to the sentence that ended there.
        for said, marks in ((before, sentence[:behind]), (own, sentence[behind:])):
            for match in _MARK_OUT.finditer(marks):
                claims.setdefault(int(match.group(1)), []).append(said)
        before = own or before
    return claims


def _citation(number: int, passage: Passage, claims: Sequence[str]) -> Citation:
    # A source that is cited twice is shown at the place that one of the sentences fits best.
    start, end, score = max((locate(passage.text, one) for one in claims), key=lambda at: at[2])
    return Citation(
        number=number,
        chunk_id=passage.chunk_id,
        file_id=passage.file_id,
        file=passage.file,
        page=passage.page,
        page_label=passage.page_label,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end][:QUOTE_CHARS],
        score=round(score, 3),
    )


def locate(passage: str, claim: str) -> tuple[int, int, float]:
    """Return `(start, end, score)` of the one or two sentences of `passage` nearest to `claim`.

    The score is the share of the claim's terms that stand there, 0 to 1. A verbatim quote is
    found as such.
    """
    exact = passage.find(claim.strip(' \n"“”>*_'))
    if exact >= 0 and len(claim.strip()) > 20:
        return exact, exact + len(claim.strip(' \n"“”>*_')), 1.0
    wanted = set(query_terms(claim))
    spans = list(sentences.spans(passage)) or [(0, len(passage))]
    owned = [set(terms(passage[start:end])) for start, end in spans]
    best, best_score = (spans[0][0], spans[0][1]), -1.0
    for first in range(len(spans)):
        for last in range(first, min(first + 2, len(spans))):
            covered = set().union(*owned[first : last + 1]) & wanted
            # A second sentence has to bring something to be taken along.
            score = len(covered) / max(1, len(wanted)) - 0.08 * (last - first)
            if score > best_score:
                best, best_score = (spans[first][0], spans[last][1]), score
    return best[0], best[1], max(0.0, best_score)
