"""Pure text work for answers on the page: where a growing answer may be cut, and its marks.

Kept apart from the state classes so that it can be tested without a browser or a server.
"""

import re
from collections.abc import Mapping

QUOTE_IN_TITLE = 240
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_LIST_ITEM = re.compile(r"^(?:[-*+]|\d{1,9}[.)]?)(?:\s|$)")
# Code comes first in the alternation: a mark inside code is the writer's text, not a citation.
_CODE_OR_MARK = re.compile(
    r"(?P<fence>^ {0,3}(?P<tick>`{3,}|~{3,}).*?(?:^ {0,3}(?P=tick)[^\n]*$|\Z))"
    r"|(?P<inline>(?P<run>`+)[^`\n]+(?P=run))"
    r"|(?<![\\!])\[(?P<number>\d{1,3})\](?!\()",
    re.MULTILINE | re.DOTALL,
)


def settled_length(text: str) -> int:
    """Return how many leading characters of a growing Markdown text are finished blocks.

    A block is finished when a blank line and the first character of another top-level block
    follow it. Inside a fence, in an indented continuation, and between the items of one list
    there is no cut, so each side renders alone as it would render together.
    """
    settled = position = 0
    fence = ""
    blank_before = in_list = False
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        opening = _FENCE.match(line)
        if fence:
            if opening and line.strip().startswith(fence) and not bare.strip(fence[0]):
                fence = ""
        elif bare:
            is_item = bool(_LIST_ITEM.match(line)) or bare.isdigit()
            starts_block = blank_before and not line[0].isspace()
            if starts_block and not (in_list and is_item):
                settled = position
            if not line[0].isspace():
                in_list = is_item or (in_list and not blank_before)
            if opening:
                fence = opening[1]
        blank_before = not bare
        position += len(line)
    return settled


def link_marks(text: str, message_id: str, quotes: Mapping[int, str] | None = None) -> str:
    """Turn each `[n]` of an answer into a link that the page shows as a citation chip.

    Args:
        text: Markdown of the answer.
        message_id: The answer; it travels in the link, so that a click names its source.
        quotes: The cited words by number. With them, only their numbers become chips;
            without them (while the answer streams) each number does.
    """

    def mark(match: re.Match[str]) -> str:
        if match["number"] is None:
            return match[0]
        number = int(match["number"])
        if quotes is None:
            return f"[{number}](#cite-{message_id}-{number})"
        if number not in quotes:
            return match[0]
        return f'[{number}](#cite-{message_id}-{number} "{_title(quotes[number])}")'

    return _CODE_OR_MARK.sub(mark, text)


def _title(quote: str) -> str:
    """Return a quote as the inside of a Markdown link title: one line, nothing active."""
    line = " ".join(quote.split())
    if len(line) > QUOTE_IN_TITLE:
        line = line[:QUOTE_IN_TITLE].rsplit(" ", 1)[0] + "…"
    return re.sub(r'([\\"`*_<>&\[\]])', r"\\\1", line)
