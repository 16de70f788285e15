"""How often somebody may try before having to wait."""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from clone_studio.errors import TooManyRequests
from clone_studio.providers.cache.protocol import Cache, shared_only

KEYS_LIMIT = 10_000


class AttemptLimiter:
    """Counts attempts by key: in a sliding window for this process, which always holds.

    With a cache that other processes share, all of them together are held to the limit as
    well, in a window that begins with a key's first attempt.

    Args:
        limit: Attempts allowed in a window.
        window: Length of the window in seconds.
        clock: Source of monotonic seconds.
        cache: Counts for all processes; None counts for this one only.
        name: Tells the counts of this limiter from those of others in the cache.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        cache: Cache | None = None,
        name: str = "",
    ) -> None:
        self._shared = shared_only(cache)
        self._name = name
        self._limit = limit
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one attempt of `key`, before its outcome is known: parallel guesses count too.

        Blocks while the cache is asked, which is bounded: call it from threads.

        Raises:
            TooManyRequests: No attempt is left; `retry_after` is in seconds.
        """
        self._take_here(key)
        if self._shared is None:
            return
        count = self._shared.increment(self._shared_key(key), self._window)
        if count is not None and count.value > self._limit:
            self._give_back(key)
            seconds = max(1, math.ceil(count.seconds))
            raise TooManyRequests(_sentence(seconds), retry_after=seconds)

    def forget(self, key: str) -> None:
        """Give `key` all its attempts back."""
        with self._lock:
            self._attempts.pop(key, None)
        if self._shared is not None:
            self._shared.delete(self._shared_key(key))

    def _give_back(self, key: str) -> None:
        """Take back the attempt just counted here: one that is refused does not count."""
        with self._lock:
            if attempts := self._attempts.get(key):
                attempts.pop()

    def _shared_key(self, key: str) -> str:
        return f"attempts:{self._name}\n{key}"

    def _take_here(self, key: str) -> None:
        now = self._clock()
        with self._lock:
            attempts = self._attempts.setdefault(key, deque())
            self._attempts.move_to_end(key)
            while attempts and now - attempts[0] >= self._window:
                attempts.popleft()
            if len(attempts) >= self._limit:
                seconds = max(1, round(self._window - (now - attempts[0])))
                raise TooManyRequests(_sentence(seconds), retry_after=seconds)
            attempts.append(now)
            while len(self._attempts) > KEYS_LIMIT:
                # Memory stays bounded: the key that has been quiet longest is forgotten.
                self._attempts.popitem(last=False)


def _sentence(seconds: int) -> str:
    if seconds < 60:
        wait = f"{seconds} seconds"
    else:
        minutes = -(-seconds // 60)
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"There were too many attempts to sign in. Try again in {wait}."
