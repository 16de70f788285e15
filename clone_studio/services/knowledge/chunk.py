"""Cuts pages into passages that are worth retrieving, and passages into embedding windows.

A passage never crosses a page, so that it can be cited by page and offsets; it is built from
whole sentences and ends at a paragraph where it can. The embedding model reads 256 tokens,
so each passage is embedded as one or more overlapping windows of about a hundred words.
"""

from bisect import bisect_right
from collections.abc import Iterator

from clone_studio.services.knowledge import sentences
from clone_studio.services.knowledge.document import Document, Page, Piece

TARGET_CHARS = 1100
MAX_CHARS = 1500
OVERLAP_CHARS = 160
WINDOW_WORDS = 110
WINDOW_STRIDE = 80


def pieces(document: Document) -> Iterator[Piece]:
    """Yield the passages of a document, in reading order."""
    for page in document.pages:
        yield from _page_pieces(page)


def windows(text: str) -> list[str]:
    """Return the windows of a passage to embed: at least one, each of at most 110 words.

    Text without spaces counts a word for two characters.
    """
    words = text.split()
    if len(words) * 12 < len(text):
        size, stride = WINDOW_WORDS * 2, WINDOW_STRIDE * 2
        return [text[i : i + size] for i in range(0, max(1, len(text) - size + stride), stride)]
    if len(words) <= WINDOW_WORDS + 30:
        return [" ".join(words)]
    starts = range(0, len(words) - WINDOW_WORDS + WINDOW_STRIDE, WINDOW_STRIDE)
    return [" ".join(words[i : i + WINDOW_WORDS]) for i in starts]


def _page_pieces(page: Page) -> Iterator[Piece]:
    spans = list(_bounded(page.text))
    breaks = {offset for offset, _ in page.headings}
    begin = 0
    while begin < len(spans):
        end = _last_of(page.text, spans, begin, breaks)
        start, stop = spans[begin][0], spans[end - 1][1]
        yield Piece(page.number, start, stop, _heading_at(page, start), page.text[start:stop])
        if end >= len(spans):
            return
        begin = end if spans[end][0] in breaks else max(begin + 1, _overlap(spans, begin, end))


def _last_of(text: str, spans: list[tuple[int, int]], begin: int, breaks: set[int]) -> int:
    """Return the index after the last sentence of the passage that begins at `begin`."""
    start = spans[begin][0]
    end = begin + 1
    while end < len(spans) and spans[end][1] - start <= MAX_CHARS:
        if spans[end][0] in breaks:
            break
        long_enough = spans[end - 1][1] - start >= TARGET_CHARS
        paragraph = "\n\n" in text[spans[end - 1][1] : spans[end][0]]
        if (long_enough and paragraph) or spans[end - 1][1] - start >= TARGET_CHARS + 200:
            break
        end += 1
    return end


def _overlap(spans: list[tuple[int, int]], begin: int, end: int) -> int:
    """Return where the next passage begins: the last short sentence is said twice."""
    last = end - 1
    if last > begin and spans[last][1] - spans[last][0] <= OVERLAP_CHARS:
        return last
    return end


def _bounded(text: str) -> Iterator[tuple[int, int]]:
    """Yield sentences; what is longer than a passage (tables, lists, code) is cut at spaces."""
    for start, end in sentences.spans(text):
        begin = start
        while end - begin > MAX_CHARS:
            cut = text.rfind("\n", begin + TARGET_CHARS // 2, begin + MAX_CHARS)
            if cut < 0:
                cut = text.rfind(" ", begin + TARGET_CHARS // 2, begin + MAX_CHARS)
            if cut < 0:
                cut = begin + TARGET_CHARS
            yield begin, cut
            begin = cut
            while begin < end and text[begin].isspace():
                begin += 1
        if begin < end:
            yield begin, end


def _heading_at(page: Page, offset: int) -> str:
    at = bisect_right(page.headings, (offset, "\U0010ffff")) - 1
    return page.headings[at][1] if at >= 0 else ""
