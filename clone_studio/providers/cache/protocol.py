"""What the studio asks of a cache: short-lived values that can always be made again."""

import re
from dataclasses import dataclass
from typing import Protocol

KEY_LIMIT = 8192
VALUE_LIMIT = 1024 * 1024
_KIND = re.compile(r"[a-z][a-z-]{0,39}")


@dataclass(frozen=True)
class Count:
    """A count, and in how many seconds it begins anew."""

    value: int
    seconds: float


class Cache(Protocol):
    """Keeps values for a while, or not at all: a miss is never an error.

    Blocking: call it from threads, never from the loop. A key is `kind:what`, such as
    `query:…`, of at most `KEY_LIMIT` characters; anything else is a mistake of the caller and
    raises `ValueError`. Values longer than `VALUE_LIMIT` bytes are not kept.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes of the studio see the same values."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the value, None when there is none or the cache does not answer."""
        ...

    def set(self, key: str, value: bytes, seconds: float) -> None:
        """Keep `value` for at most `seconds`, which must be positive."""
        ...

    def delete(self, key: str) -> None:
        """Forget a value; one that is not there is no error."""
        ...

    def increment(self, key: str, seconds: float) -> Count | None:
        """Count one up, also when others do at the same moment.

        Args:
            key: What is counted.
            seconds: How long after its first step the count begins anew.

        Returns:
            The new count, None when the cache does not answer.
        """
        ...

    def check(self) -> str:
        """Return one sentence saying where values are kept, or raise `ProviderError`."""
        ...

    def close(self) -> None:
        """Give back what is held: connections, threads."""
        ...


def shared_only(cache: Cache | None) -> Cache | None:
    """Return `cache` where other processes see it, for who remembers by itself otherwise."""
    return cache if cache is not None and cache.shared else None


def parted(key: str) -> tuple[str, str]:
    """Return the kind of `key` and the rest.

    Raises:
        ValueError: Not a key; the text is not repeated, it may be personal.
    """
    kind, colon, what = key.partition(":")
    if not colon or not what or len(key) > KEY_LIMIT or not _KIND.fullmatch(kind):
        raise ValueError(f"a key is kind:what, at most {KEY_LIMIT} characters")
    return kind, what


def checked_seconds(seconds: float) -> float:
    """Return `seconds`.

    Raises:
        ValueError: Not positive.
    """
    if not seconds > 0:
        raise ValueError("a value is kept for more than no time")
    return seconds
