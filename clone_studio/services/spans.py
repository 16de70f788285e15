"""The one span recorder: every duration the studio shows or measures comes from here."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The remark that an answer's passages were found by their words alone, though vectors exist.
SEARCHED, BY_WORDS = "searched", "words"


class SpanRecorder:
    """Collects named spans of one answer, in milliseconds since the recorder was made.

    `remarks` holds what else is to be known of how it came about; it is stored with its usage.
    """

    def __init__(self) -> None:
        self._zero = time.perf_counter()
        self._spans: list[dict[str, Any]] = []
        self.remarks: dict[str, str] = {}

    def now_ms(self) -> float:
        """Return the milliseconds since the recorder was made."""
        return (time.perf_counter() - self._zero) * 1000

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Record the duration of the block under `name`, also when it raises."""
        start = self.now_ms()
        try:
            yield
        finally:
            self.add(name, start, self.now_ms())

    def mark(self, name: str) -> None:
        """Record the span from the recorder's beginning to this moment."""
        self.add(name, 0.0, self.now_ms())

    def add(self, name: str, start_ms: float, end_ms: float) -> None:
        """Record a span whose ends are known."""
        self._spans.append(
            {"name": name, "startMs": round(start_ms, 2), "ms": round(end_ms - start_ms, 2)}
        )

    def remark(self, name: str, value: str) -> None:
        """Remember a remark."""
        self.remarks[name] = value

    def as_list(self) -> list[dict[str, Any]]:
        """Return the spans as `{name, startMs, ms}`, in the order they ended."""
        return list(self._spans)
