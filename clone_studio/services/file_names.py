"""Names that users give their documents, made fit to be shown; they never become paths."""

import re
import unicodedata
from pathlib import PurePosixPath

NAME_CHARS = 255
_SPACES = re.compile(r"\s+")


def shown_name(name: str) -> str:
    """Return `name` without path parts, control characters and tricks of direction.

    Marks that reverse the reading direction would show `cod.exe` as `exe.doc`. The ending is
    kept when a long name is cut.
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(
        letter
        for letter in unicodedata.normalize("NFC", last)
        if unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
        or letter.isspace()
        or letter == "\u200d"
    )
    kept = _SPACES.sub(" ", kept).strip(" .\u200d") or "document"
    return _cut(kept)


def _cut(name: str) -> str:
    if len(name) <= NAME_CHARS:
        return name
    suffix = PurePosixPath(name).suffix[:20]
    return name[: NAME_CHARS - len(suffix) - 1].rstrip() + "…" + suffix
