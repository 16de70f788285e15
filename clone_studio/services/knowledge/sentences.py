"""Where sentences begin and end."""

import re
from collections.abc import Iterator

# A sentence ends at a full stop, question or exclamation mark (with closing quotes and
# brackets) before white space, at the marks of scripts without spaces, or at an empty line.
# Initials and the commonest abbreviations do not end one.
_END = re.compile(
    r"(?<!\b[A-Z])(?<!\bMr)(?<!\bDr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\bvs)"
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bInc)(?<!\bCo)"
    r"[.!?…؟।॥]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*|\n[^\S\n]*\n\s*"
)
# Lines of a list, a table or a heading stand for themselves.
_ITEM = re.compile(r"\n(?=[^\S\n]*(?:[-*•–+|#]|\d{1,3}[.)])[^\S\n])")


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each sentence of `text`, without the white space around it."""
    begin = 0
    for end in sorted({*(m.end() for m in _END.finditer(text)), *_items(text)}):
        yield from _trimmed(text, begin, end)
        begin = end
    yield from _trimmed(text, begin, len(text))


def _items(text: str) -> Iterator[int]:
    for match in _ITEM.finditer(text):
        yield match.end()


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end = start + len(piece.strip())
    if start < end:
        yield start, end
