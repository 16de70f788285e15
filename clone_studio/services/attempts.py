"""How often somebody may try before having to wait. Kept in memory."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from clone_studio.errors import TooManyRequests

KEYS_LIMIT = 10_000


class AttemptLimiter:
    """A sliding window of attempts a key.

    Args:
        limit: Attempts allowed in a window.
        window: Length of the window in seconds.
        clock: Source of monotonic seconds.
    """

    def __init__(
        self, limit: int, window: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one attempt of `key`, before its outcome is known: parallel guesses count too.

        Raises:
            TooManyRequests: No attempt is left; `retry_after` is in seconds.
        """
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

    def forget(self, key: str) -> None:
        """Give `key` all its attempts back."""
        with self._lock:
            self._attempts.pop(key, None)


def _sentence(seconds: int) -> str:
    if seconds < 60:
        wait = f"{seconds} seconds"
    else:
        minutes = -(-seconds // 60)
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"There were too many attempts to sign in. Try again in {wait}."
