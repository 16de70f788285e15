"""Citation marks in Markdown: `[1]`, `[1, 2]`, `【1】`, outside code and links.

One scanner serves the growing text of a stream and a finished text, so that both see the same
marks: it is fed pieces and says of each whether it is text or a mark.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_MARK_CHARS = 40
_NUMBERS = r"\^?\s*\d{1,4}(?:\s*[,;–-]\s*\^?\d{1,4})*\s*"
_MARK = re.compile(rf"\[(?:{_NUMBERS})\]|【(?:{_NUMBERS})(?:†[^】\n]{{0,24}})?】")
_PART = re.compile(r"\[[\^\d\s,;–-]*\Z|【[\^\d\s,;–-]*(?:†[^】\n]{0,24})?\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^\n]*\n")
_MAYBE_FENCE = re.compile(r" {0,3}(?:`{0,2}|~{0,2}|[`~]{3,}[^\n]*)\Z")
_TICKS = re.compile(r"`+")
_DIGITS = re.compile(r"\d+")
_SPACES = re.compile(r"[ \t]+")
_PLAIN = re.compile(r"[^\[【`\n \t]+")


@dataclass(frozen=True)
class Token:
    """A piece of the text; `numbers` is empty unless the piece is a mark."""

    text: str
    numbers: tuple[int, ...] = ()


class MarkScanner:
    """Cuts a text that grows into plain pieces and marks; holds back what is undecided."""

    def __init__(self) -> None:
        self._held = ""
        self._line_start = True
        self._fence = ""
        self._ticks = ""

    def feed(self, delta: str, *, last: bool = False) -> Iterator[Token]:
        """Yield the tokens that `delta` decides; with `last` also everything held back."""
        text, place = self._held + delta, 0
        while place < len(text):
            token, after = self._next(text, place, last)
            if after == place:
                break
            place = after
            self._line_start = token.text.endswith("\n")
            yield token
        self._held = text[place:]

    def _next(self, text: str, place: int, last: bool) -> tuple[Token, int]:
        """Return the token at `place` and where it ends; nothing when it is undecided."""
        undecided = Token(""), place
        if self._line_start:
            fence = _FENCE.match(text, place)
            if fence is not None:
                return self._fence_line(fence)
            if not last and _MAYBE_FENCE.match(text, place):
                return undecided
        if self._fence:
            end = text.find("\n", place) + 1 or len(text)
            return Token(text[place:end]), end
        return self._inline(text, place, last) or undecided

    def _fence_line(self, fence: re.Match[str]) -> tuple[Token, int]:
        marks = fence[1]
        if not self._fence:
            self._fence, self._ticks = marks, ""
        elif fence[0].strip().startswith(self._fence) and not fence[0].strip().strip(marks[0]):
            self._fence = ""
        return Token(fence[0]), fence.end()

    def _inline(self, text: str, place: int, last: bool) -> tuple[Token, int] | None:
        letter = text[place]
        if letter == "`":
            return self._tick(text, place, last)
        if letter == "\n":
            if self._line_start:
                # A paragraph ends: a backtick that was never closed was no code.
                self._ticks = ""
            return Token("\n"), place + 1
        if letter in " \t":
            return _spaces(text, place, last)
        if letter in "[【" and not self._ticks:
            return _bracket(text, place, last)
        found = _PLAIN.match(text, place)
        end = found.end() if found else place + 1
        return Token(text[place:end]), end

    def _tick(self, text: str, place: int, last: bool) -> tuple[Token, int] | None:
        found = _TICKS.match(text, place)
        end = found.end() if found else place + 1
        if end == len(text) and not last:
            return None
        run = text[place:end]
        if not self._ticks:
            self._ticks = run
        elif self._ticks == run:
            self._ticks = ""
        return Token(run), end


def _spaces(text: str, place: int, last: bool) -> tuple[Token, int] | None:
    found = _SPACES.match(text, place)
    end = found.end() if found else place + 1
    return None if end == len(text) and not last else (Token(text[place:end]), end)


def _bracket(text: str, place: int, last: bool) -> tuple[Token, int] | None:
    mark = _MARK.match(text, place)
    if mark is None:
        waiting = len(text) - place <= MOST_MARK_CHARS and _PART.match(text, place)
        return None if waiting and not last else (Token(text[place]), place + 1)
    if mark.end() == len(text) and not last:
        # The next character decides: `[1](address)` is a link.
        return None
    if text[mark.end() : mark.end() + 1] == "(":
        return Token(mark[0]), mark.end()
    return Token(mark[0], _numbers(mark[0])), mark.end()


def _numbers(mark: str) -> tuple[int, ...]:
    """Return the numbers of a mark, a span such as 2-4 written out."""
    inside = mark[1:-1].partition("†")[0]
    found: list[int] = []
    for piece in re.split(r"[,;]", inside):
        ends = [int(digits) for digits in _DIGITS.findall(piece)]
        if len(ends) == 2 and ends[0] <= ends[1] <= ends[0] + 20:
            found.extend(range(ends[0], ends[1] + 1))
        else:
            found.extend(ends)
    return tuple(dict.fromkeys(found))


def tokens(text: str) -> list[Token]:
    """Return the tokens of a finished text."""
    return list(MarkScanner().feed(text, last=True))
