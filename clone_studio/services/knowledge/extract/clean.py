"""Text as it is shown, searched and cited: one form for what looks the same."""

import re

_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "st",
        "\ufb06": "st",
        "\u00a0": " ",
        "\u2007": " ",
        "\u202f": " ",
        "\u00ad": None,
        "\u200b": None,
        "\ufeff": None,
        "\x00": None,
    }
)
# Also halves of surrogate pairs, which no database takes.
_CONTROLS = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SPACES = re.compile(r"[^\S\n]+")
_MANY_LINES = re.compile(r"\n{3,}")
# A word cut at the end of a line. PDFs mark the hyphen that is not part of the word as U+FFFE
# or U+0002; a plain hyphen between small letters is nearly always such a cut as well.
_CUT_WORD = re.compile(
    r"(?<=\w)[\ufffe\x02][^\S\n]*\n?[^\S\n]*(?=\w)|(?<=[a-zß-ÿ])[-‐]\n(?=[a-zß-ÿ])"
)
_LOOSE_CUT = re.compile("[\ufffe\uffff\x02]")
# Where a line begins something new: a list, a table row, a number, a heading.
_STARTS = re.compile(r"^(?:[-*•▪◦–—·+|#]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s|^\d+$")
_ENDS = re.compile(r"[.!?:;。！？।…][\"'”’»)\]]*$")
PROSE_CHARS = 45
NUMBER_SHIFT = 30


def plain(text: str) -> str:
    """Return text with line ends as `\\n` and without characters that only confuse."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _CONTROLS.sub("", text.translate(_LIGATURES)).strip("\n")


def page(text: str, number: int = 0) -> str:
    """Return the text of a printed page: words whole again, lines of prose joined.

    Args:
        text: As the page holds it.
        number: The page's number, 0 when unknown: a printed number at its top or bottom that
            is near it is left out.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    text = _LOOSE_CUT.sub("", _CUT_WORD.sub("", text))
    text = _CONTROLS.sub("", text.translate(_LIGATURES))
    lines = [_SPACES.sub(" ", line).strip() for line in text.strip().split("\n")]
    if number:
        lines = _without_number(lines, number)
    return _MANY_LINES.sub("\n\n", "\n".join(_joined(lines))).strip()


def _without_number(lines: list[str], number: int) -> list[str]:
    """Leave out a first or last line that is nothing but the page's printed number."""
    for place in (0, -1):
        # Front matter shifts printed numbers against the count; a figure of a table that
        # stands alone on its line is seldom as near.
        if lines and lines[place].isdecimal() and abs(int(lines[place]) - number) <= NUMBER_SHIFT:
            del lines[place]
    return lines


def _joined(lines: list[str]) -> list[str]:
    """Join lines that were broken at the margin only, so that sentences are whole."""
    full = sorted(len(line) for line in lines if line)
    margin = full[len(full) * 9 // 10] if full else 0
    if margin < PROSE_CHARS:
        return lines
    joined: list[str] = []
    previous = ""
    for line in lines:
        runs_on = (
            bool(line)
            and len(previous) >= margin * 0.75
            and not _STARTS.match(line)
            and not (_ENDS.search(previous) and len(previous) < margin * 0.9)
        )
        if runs_on and joined:
            joined[-1] = f"{joined[-1]} {line}"
        else:
            joined.append(line)
        previous = line
    return joined
