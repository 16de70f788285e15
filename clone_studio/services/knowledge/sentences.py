"""Where sentences begin and end."""

import re
from collections.abc import Iterator

# A sentence ends at a full stop, question or exclamation mark (with closing quotes and
# brackets) before white space, at the ideographic marks, or at an empty line.
_END = re.compile(
    r"(?<!\b[A-Z])(?<!\bMr)(?<!\bDr)(?<!\bMrs)(?<!\bSt)(?<!\be\.g)(?<!\bi\.e)"
    r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？।]+[」』”’）]*|\n\s*\n"
)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each sentence of `text`, without the white space around it."""
    begin = 0
    for match in _END.finditer(text):
        yield from _trimmed(text, begin, match.end())
        begin = match.end()
    yield from _trimmed(text, begin, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end
