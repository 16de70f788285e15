"""Cuts pages into passages that are worth retrieving, and passages into embedding windows.

A passage never crosses a page, so that it can be cited by page and offsets; it is made of
whole sentences and ends with a paragraph where it can. Passages do not overlap, and neither
do windows: no text is embedded or answered from twice. The embedding model reads 256 tokens,
so a passage is embedded as windows of 70 to 150 words.
"""

from collections.abc import Iterator

from clone_studio.services.knowledge import sentences
from clone_studio.services.knowledge.document import Page, Piece

TARGET_CHARS = 1000
MAX_CHARS = 1400
WINDOW_WORDS = 110
MOST_WINDOW_WORDS = 150
# Scripts without spaces: about one token a character, so the window counts characters.
WINDOW_CHARS = 220


def pieces(page: Page) -> Iterator[Piece]:
    """Yield the passages of a page, in reading order."""
    units = list(_units(page.text))
    begin = 0
    while begin < len(units):
        end = _end_of(page.text, units, begin)
        yield Piece(page.number, units[begin][0], units[end - 1][1], page.heading)
        begin = end


def windows(text: str) -> list[str]:
    """Return the windows of a passage, which together are the passage, at least one."""
    words = text.split()
    if len(words) * 15 < len(text):
        count = max(1, round(len(text) / WINDOW_CHARS))
        return [text[a:b] for a, b in _even(len(text), count)]
    count = 1 if len(words) <= MOST_WINDOW_WORDS else max(2, round(len(words) / WINDOW_WORDS))
    return [" ".join(words[a:b]) for a, b in _even(len(words), count)]


def _even(length: int, count: int) -> list[tuple[int, int]]:
    return [(length * i // count, length * (i + 1) // count) for i in range(count)]


def _end_of(text: str, units: list[tuple[int, int]], begin: int) -> int:
    """Return the index after the last sentence of the passage that begins at `begin`.

    What is left of the page after it is never a crumb of a sentence or two: it is taken
    along while it fits, or the page is cut in the middle.
    """
    start = units[begin][0]
    rest = units[-1][1] - start
    if rest <= MAX_CHARS:
        return len(units)
    target = min(TARGET_CHARS, rest // 2) if rest < 2 * TARGET_CHARS else TARGET_CHARS
    end = begin + 1
    paragraph = 0
    while end < len(units) and units[end][1] - start <= MAX_CHARS:
        length = units[end - 1][1] - start
        if "\n\n" in text[units[end - 1][1] : units[end][0]] and length >= target * 0.6:
            paragraph = end
        if length >= target:
            break
        end += 1
    return paragraph or end


def _units(text: str) -> Iterator[tuple[int, int]]:
    """Yield sentences; what is longer than a passage (tables, code) is cut at white space."""
    for start, end in sentences.spans(text):
        begin = start
        while end - begin > MAX_CHARS:
            cut = _cut(text, begin)
            yield begin, cut
            begin = cut
            while begin < end and text[begin].isspace():
                begin += 1
        if begin < end:
            yield begin, end


def _cut(text: str, begin: int) -> int:
    """Return where to cut a piece that is too long: at a line, at a space, or hard."""
    low, high = begin + TARGET_CHARS // 2, begin + TARGET_CHARS
    for mark in ("\n", " "):
        found = text.rfind(mark, low, high)
        if found > 0:
            return found
    return high
