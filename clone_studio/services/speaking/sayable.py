"""From the Markdown of an answer to sentences that can be said: no marks, no code, no addresses."""

import re
import unicodedata
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from clone_studio.services.knowledge import sentences
from clone_studio.services.speaking.number_words import in_words

LONGEST_SENTENCE = 600
_MARKDOWN = MarkdownIt("commonmark")
_FENCE = re.compile(r"^\s{0,3}(?:>\s*)*(`{3,}|~{3,})")
# What begins a line and is not said: quotes, headings, items and their boxes.
_MARKER = re.compile(r"^\s*(?:>\s*)*(?:#{1,6}\s+|(?:[-*+•]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?)?")
_RULER = re.compile(r"^[\s|:*_=-]+$")
_CITATION = re.compile(r"\s*\[\^?\d{1,3}(?:\s*[,–-]\s*\d{1,3})*\](?!\()")
_ADDRESS = re.compile(r"\(?\b(?:https?://|www\.)[^\s<>]*[^\s<>.,;:!?)]\)?")
_STRAY = re.compile(r"[*~`#|<>\\]+|(?<!\w)_+|_+(?!\w)")
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]|[“\"]\s*[”\"]")
_BEFORE = re.compile(r"\s+(?=[,.;:!?])")
_OPEN_LINK = re.compile(r"\]\([^)\n]*$")
# A word of code that can be said; anything else of code cannot.
_CODE_WORD = re.compile(r"[\w][\w .+-]{0,30}")
_ENDED = (".", "!", "?", "…", ":", ";", ",", "。", "！", "？")


class Sayable:
    """Reads Markdown that may still grow; each sentence comes out once, in order.

    What comes out of a text is the same however it arrived: a sentence is given only when
    nothing that follows can change it.
    """

    def __init__(self) -> None:
        self._taken = 0
        self._fence = ""

    def take(self, markdown: str, *, ended: bool = False) -> list[str]:
        """Return the sentences that are complete by now and were not returned before.

        Args:
            markdown: The whole text so far.
            ended: Whether nothing more will come.
        """
        found: list[str] = []
        while (end := self._next_end(markdown, ended)) > self._taken:
            piece, self._taken = markdown[self._taken : end], end
            found += _said(piece) if not self._in_fence(piece) else ()
        return found

    def _next_end(self, markdown: str, ended: bool) -> int:
        """Return where the next piece ends: a sentence or a line; where it began if it has none."""
        newline = markdown.find("\n", self._taken)
        limit = newline + 1 if newline >= 0 else len(markdown)
        line = markdown[self._taken : limit]
        if not self._fence and not line.lstrip(" >").startswith(("`", "~")):
            for _start, end in sentences.spans(line):
                rest = line[end:]
                # The last one may go on, unless a line or the text ends here.
                if rest.strip() and not _is_open(line[:end]):
                    return self._taken + end + len(rest) - len(rest.lstrip())
        return limit if newline >= 0 or ended else self._taken

    def _in_fence(self, piece: str) -> bool:
        """Follow the fences around code; True for a line that belongs to one."""
        mark = _FENCE.match(piece)
        if self._fence:
            if mark and mark[1].startswith(self._fence):
                self._fence = ""
            return True
        if mark:
            self._fence = mark[1]
        return mark is not None


def sayable(markdown: str) -> list[str]:
    """Return the sentences of a whole text."""
    return Sayable().take(markdown, ended=True)


def _is_open(text: str) -> bool:
    """Say whether code or a link has begun in `text` and not ended."""
    return bool(text.count("`") % 2 or text.count("[") > text.count("]") or _OPEN_LINK.search(text))


def _said(piece: str) -> list[str]:
    if _RULER.match(piece):
        return []
    # Rows of a table: the cells in a row, with a breath between them.
    row = piece.strip()
    if row.startswith("|") and row.endswith("|") and len(row) > 2:
        piece = ", ".join(cell.strip() for cell in row.strip("|").split("|") if cell.strip())
    text = "".join(_inline(_MARKDOWN.parseInline(_MARKER.sub("", piece).strip())))
    text = _EMPTY.sub("", _ADDRESS.sub("", _CITATION.sub("", text)))
    text = _STRAY.sub(" ", "".join(_pronounceable(text)))
    text = _BEFORE.sub("", " ".join(in_words(text).split())).strip(" ,;")
    if not any(letter.isalnum() for letter in text):
        return []
    return list(_short(text if text.endswith(_ENDED) or text[-1] in "”\"')" else text + "."))


def _inline(tokens: list[Token]) -> Iterator[str]:
    """Yield the words of inline Markdown: links by their text, pictures by their description."""
    for token in tokens:
        if token.type in {"softbreak", "hardbreak"}:
            yield " "
        elif token.type == "code_inline":
            yield token.content if _CODE_WORD.fullmatch(token.content) else " "
        elif token.children:
            yield from _inline(token.children)
        elif token.type == "text":
            yield token.content


def _pronounceable(text: str) -> Iterator[str]:
    """Yield the characters without pictures; arrows become a pause."""
    for letter in text:
        kind = unicodedata.category(letter)
        if letter in "→⇒←↔":
            yield ", "
        elif kind not in {"So", "Sk", "Cf", "Cc", "Co", "Cs", "Mn"} or (
            kind == "Mn" and letter not in "\ufe0f\u20e3"
        ):
            yield letter
        elif kind == "Cc":
            yield " "


def _short(text: str) -> Iterator[str]:
    """Cut a sentence without end at its commas, else at its words: engines take so much."""
    while len(text) > LONGEST_SENTENCE:
        comma = text.rfind(", ", 1, LONGEST_SENTENCE)
        space = text.rfind(" ", 1, LONGEST_SENTENCE)
        cut = comma + 1 if comma > 0 else space if space > 0 else LONGEST_SENTENCE
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text
