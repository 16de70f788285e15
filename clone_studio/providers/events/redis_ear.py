"""The one connection by which a process hears what others publish. It mends itself."""

import logging
import threading
import time
from collections.abc import Callable

from clone_studio.providers.redis_server import RedisServer, failures

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
# How often a quiet connection is looked at for the end of the process.
GLANCE_SECONDS = 0.25
# A connection that has been quiet for so long is asked for a sign of life, and is given up
# after as long again: the network may have dropped it without a word.
QUIET_SECONDS = 5.0


class RedisEar:
    """Listens to one channel, in a thread of its own.

    Args:
        server: The Redis.
        channel: Gives the channel's name.
        heard: Takes each message, in the ear's thread; must not raise.
        connected: Called each time that the ear begins to hear: what was published before is
            missed.
    """

    def __init__(
        self,
        server: RedisServer,
        *,
        channel: Callable[[], str],
        heard: Callable[[bytes], None],
        connected: Callable[[], None],
    ) -> None:
        self._server = server
        self._channel = channel
        self._heard = heard
        self._connected = connected
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._hears = False

    def start(self) -> None:
        """Begin to listen, unless it has begun or ended."""
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="redis-ear", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            self._stopped.set()
        if self._thread is not None:
            self._thread.join(4 * GLANCE_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except failures() as error:
                if self._hears:
                    # Only the kind: the text may repeat the address, which holds a password.
                    kind = type(error).__name__
                    logger.warning("News from other processes are cut off (%s)", kind)
                self._hears = False
            self._stopped.wait(self._pause)
            self._pause = min(LONGEST_PAUSE_SECONDS, 2 * self._pause)

    def _listen(self) -> None:
        client = self._server.connect()
        ear = client.pubsub()
        try:
            ear.subscribe(self._channel())
            quiet_since, asked = time.monotonic(), False
            while not self._stopped.is_set():
                message = ear.get_message(timeout=GLANCE_SECONDS)
                quiet = time.monotonic() - quiet_since
                if message is not None:
                    quiet_since, asked = time.monotonic(), False
                    self._take(message)
                elif quiet > 2 * QUIET_SECONDS:
                    raise TimeoutError
                elif quiet > QUIET_SECONDS and not asked:
                    ear.ping()
                    asked = True
        finally:
            ear.close()
            client.close()

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe":
            self._hears, self._pause = True, FIRST_PAUSE_SECONDS
            self._connected()
        elif isinstance(data := message["data"], bytes) and message["type"] == "message":
            self._heard(data)
