"""What the launcher says: one line a step with the time it took, and one line for a failure."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

NAME_WIDTH = 18
NOTE_WIDTH = 34
BAR_WIDTH = 24
MEGABYTE = 1_000_000


class Failure(Exception):
    """Something the person at the keyboard can mend; the text is one line that says how."""


class Console:
    """Writes the launcher's lines. A step that had nothing to do writes none.

    Args:
        out: Where to write; a terminal also gets progress within a line.
    """

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._live = out.isatty()

    def say(self, line: str) -> None:
        """Write one line."""
        self._out.write(f"{line}\n")
        self._out.flush()

    @contextmanager
    def step(self, name: str, note: str) -> Iterator[None]:
        """Name a step while it runs, and write its line with the seconds when it is done."""
        began = time.monotonic()
        self._draw(f"  {name:<{NAME_WIDTH}}{note} …")
        try:
            yield
        except BaseException:
            self._draw("")
            raise
        self._draw("")
        self.say(f"  {name:<{NAME_WIDTH}}{note:<{NOTE_WIDTH}}{time.monotonic() - began:7.1f} s")

    def progress(self, name: str, done: int, total: int, rate: float) -> None:
        """Draw how far a download is; bytes and bytes a second."""
        filled = BAR_WIDTH * done // max(total, 1)
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        self._draw(
            f"  {name:<{NAME_WIDTH}}[{bar}] {done / MEGABYTE:.0f} of {total / MEGABYTE:.0f} MB, "
            f"{rate / MEGABYTE:.1f} MB/s"
        )

    def _draw(self, line: str) -> None:
        """Replace the present line of a terminal; elsewhere write nothing."""
        if self._live:
            self._out.write(f"\r\033[K{line}")
            self._out.flush()
