"""The cache that all processes of a studio share: Redis, or nothing while it does not answer."""

from clone_studio.providers.cache.protocol import VALUE_LIMIT, Count, checked_seconds, parted
from clone_studio.providers.redis_line import PATIENCE_SECONDS, RedisLine
from clone_studio.providers.redis_server import RedisServer

# In one step, or a count whose time ran out between two would never begin anew.
COUNT_UP = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class RedisCache:
    """Keeps values in Redis. Safe to share between threads.

    What stands after the kind in a key reaches Redis sealed: it may be a question or an address.

    Args:
        server: The Redis.
        patience: Seconds that a caller waits for it.
    """

    shared = True

    def __init__(self, server: RedisServer, *, patience: float = PATIENCE_SECONDS) -> None:
        self._server = server
        self._line = RedisLine(server, "cache", patience=patience)

    def get(self, key: str) -> bytes | None:
        """Return the value, None when there is none or Redis does not answer."""
        value = self._line.ask("GET", self._name(key))
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: bytes, seconds: float) -> None:
        """Keep `value` for at most `seconds`, without waiting for Redis."""
        name, expiry = self._name(key), _milliseconds(seconds)
        if len(value) <= VALUE_LIMIT:
            self._line.post("SET", name, value, "PX", expiry)
        else:
            self._line.post("DEL", name)

    def delete(self, key: str) -> None:
        """Forget a value, without waiting for Redis."""
        self._line.post("DEL", self._name(key))

    def increment(self, key: str, seconds: float) -> Count | None:
        """Count one up; None when Redis does not answer, or the key holds something else."""
        reply = self._line.ask("EVAL", COUNT_UP, 1, self._name(key), _milliseconds(seconds))
        if not isinstance(reply, list):
            return None
        count, left = reply
        return Count(int(count), max(0.0, int(left) / 1000))

    def check(self) -> str:
        """Return one sentence saying that Redis answers, and how fast.

        Raises:
            ProviderError: It does not, refuses, or is too slow.
        """
        return self._server.check()

    def close(self) -> None:
        """Send what waits, and end the connection."""
        self._line.close()

    def _name(self, key: str) -> str:
        kind, what = parted(key)
        return f"{self._server.namespace}:{kind}:{self._server.seal(what)}"


def _milliseconds(seconds: float) -> int:
    return max(1, round(checked_seconds(seconds) * 1000))
