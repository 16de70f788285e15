"""The cache of a single process: the values used last, within bounds."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from clone_studio.providers.cache.protocol import VALUE_LIMIT, Count, checked_seconds, parted
from clone_studio.settings import MEBIBYTE

MOST_ENTRIES = 10_000
MOST_BYTES = 16 * MEBIBYTE
# What a key and its entry take beside the value, about.
ENTRY_BYTES = 200


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    until: float


class MemoryCache:
    """Keeps values in memory. Safe to share between threads.

    Args:
        most_entries: How many values are kept; the one not used for longest goes first.
        most_bytes: What keys and values may take together, about.
        clock: Source of monotonic seconds.
    """

    shared = False

    def __init__(
        self,
        *,
        most_entries: int = MOST_ENTRIES,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> bytes | None:
        """Return the value, None when there is none."""
        parted(key)
        with self._lock:
            entry = self._living(key)
            return None if entry is None else entry.value

    def set(self, key: str, value: bytes, seconds: float) -> None:
        """Keep `value` for at most `seconds`."""
        parted(key)
        until = self._clock() + checked_seconds(seconds)
        with self._lock:
            self._forget(key)
            if len(value) <= VALUE_LIMIT:
                self._keep(key, _Entry(value, until))

    def delete(self, key: str) -> None:
        """Forget a value; one that is not there is no error."""
        parted(key)
        with self._lock:
            self._forget(key)

    def increment(self, key: str, seconds: float) -> Count | None:
        """Count one up; None where the key holds something else than a count."""
        parted(key)
        checked_seconds(seconds)
        with self._lock:
            now = self._clock()
            entry = self._living(key) or _Entry(b"0", now + seconds)
            if not entry.value.isdigit():
                return None
            count = int(entry.value) + 1
            self._forget(key)
            self._keep(key, _Entry(b"%d" % count, entry.until))
            return Count(count, entry.until - now)

    def check(self) -> str:
        """Return one sentence saying where values are kept."""
        return "Short-lived results and news are kept in the memory of this process."

    def close(self) -> None:
        """Nothing is open."""

    def _living(self, key: str) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry.until:
            self._forget(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def _keep(self, key: str, entry: _Entry) -> None:
        self._entries[key] = entry
        self._bytes += _size(key, entry)
        while len(self._entries) > self._most_entries or self._bytes > self._most_bytes:
            self._forget(next(iter(self._entries)))

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(key, entry)


def _size(key: str, entry: _Entry) -> int:
    return ENTRY_BYTES + 4 * len(key) + len(entry.value)
