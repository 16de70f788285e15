"""Where Redis is, and how the studio connects to it: quickly, with one try, or not at all."""

import hmac
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from clone_studio.errors import ProviderDown, ProviderRefused, ProviderTimeout

if TYPE_CHECKING:
    from redis import Redis

# The studio's own threads wait this long for a connection or a reply; a caller never does.
REPLY_SECONDS = 1.0
# A reply that takes longer than this would cost questions more than it saves them.
STEADY_SECONDS = 0.025
PROBES = 3


class RedisServer:
    """One Redis, shared by studios that may know nothing of each other.

    Args:
        url: Its address, which may hold a password: never shown.
        place: Host and port, for people.
        secret: Gives the studio's secret. Processes of one studio have the same, so the names
            made of it are common to them and strange to everybody else.
    """

    def __init__(self, url: SecretStr, *, place: str, secret: Callable[[], bytes]) -> None:
        self.place = place
        self._url = url
        self._secret = secret

    @cached_property
    def namespace(self) -> str:
        """What every key and channel of this studio begins with."""
        return f"studio:{self.seal('namespace')[:16]}"

    def seal(self, text: str) -> str:
        """Return 64 hexadecimal digits that stand for `text` and do not tell it."""
        whole = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, whole, "sha256").hex()

    def connect(self) -> "Redis":
        """Return a client that connects when it is first used; the caller closes it."""
        from redis import ConnectionPool, Redis
        from redis.backoff import NoBackoff
        from redis.connection import parse_url
        from redis.retry import Retry

        # What the address asks for in its query must not undo the bounds.
        options = parse_url(self._url.get_secret_value()) | {
            "socket_connect_timeout": REPLY_SECONDS,
            "socket_timeout": REPLY_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "decode_responses": False,
            "protocol": 2,
        }
        return Redis.from_pool(ConnectionPool(**options))

    def check(self) -> str:
        """Return one sentence saying that Redis answers, and how fast. Blocks, bounded.

        Raises:
            ProviderRefused: It accepts neither user and password, or no writes.
            ProviderTimeout: It answers too slowly to be of use.
            ProviderDown: It does not answer.
        """
        from redis import AuthenticationError, ResponseError

        try:
            seconds = self._quickest()
        except AuthenticationError:
            raise ProviderRefused(
                f"Redis at {self.place} does not accept the user and the password of REDIS_URL; "
                "the studio works from memory."
            ) from None
        except ResponseError:
            raise ProviderRefused(
                f"Redis at {self.place} does not let the studio write; it works from memory."
            ) from None
        except failures():
            raise ProviderDown(
                f"Redis at {self.place} does not answer; the studio works from memory."
            ) from None
        took = f"{seconds * 1000:.1f} ms"
        if seconds > STEADY_SECONDS:
            raise ProviderTimeout(
                f"Redis at {self.place} needs {took} for an answer, which is too slow; "
                "the studio works from memory."
            )
        return f"Redis at {self.place} answers in {took}."

    @cached_property
    def _key(self) -> bytes:
        return hmac.digest(self._secret(), b"names in redis", "sha256")

    def _quickest(self) -> float:
        """Return the seconds of the quickest of a few writes: a busy machine delays some."""
        client = self.connect()
        try:
            client.ping()
            taken = []
            for _ in range(PROBES):
                began = time.perf_counter()
                client.set(f"{self.namespace}:check", b"1", ex=60)
                taken.append(time.perf_counter() - began)
            return min(taken)
        finally:
            client.close()


def failures() -> tuple[type[Exception], ...]:
    """Return what a call to Redis may raise: also what another kind of server makes of it."""
    from redis import RedisError

    return RedisError, OSError, ValueError
