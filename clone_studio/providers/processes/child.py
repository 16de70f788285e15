"""Child processes for untrusted or heavy work: low priority, bounded, gone when we are.

The parent's side is `Child`; `become_child` is what the child's own module calls first.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

# Not from the settings: reading them would take a child longer than most of its work.
ROOT = Path(__file__).resolve().parents[3]
NICENESS = 10
# What a child may know of its surroundings: no key, no token, no address.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")


class Child:
    """A running `python -m module`, spoken to by its standard input and output.

    Args:
        module: Module to run.
        arguments: Its arguments.
        extra_environment: Variables beside the few that every child gets.
    """

    def __init__(
        self, module: str, *arguments: str, extra_environment: dict[str, str] | None = None
    ) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment | (extra_environment or {}),
            # A Ctrl+C in the terminal is the parent's to handle.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.requests: IO[bytes] = self._process.stdin
        self.answers: IO[bytes] = self._process.stdout

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once; callable from any thread, also twice."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def close(self) -> int:
        """End the process, free its pipes and return its exit status, negative for a signal."""
        self.kill()
        for stream in (self.requests, self.answers):
            with suppress(OSError):
                stream.close()
        return self._process.wait()

    def wait(self) -> int:
        """Wait for the process to end by itself and return its exit status."""
        return self._process.wait()


def become_child(
    *, memory_bytes: int = 0, cpu_seconds: int = 0, niceness: int = NICENESS
) -> BinaryIO:
    """Lower this process's priority, bound what it may use, and return its real output.

    Standard output is pointed elsewhere afterwards, so that no library can write between
    the messages.
    """
    with suppress(OSError):
        os.nice(niceness)
    _bound(memory_bytes, cpu_seconds)
    output = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return output


def end_with_parent() -> None:
    """End this process when the parent does: its end of our standard input closes then."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _bound(memory_bytes: int, cpu_seconds: int) -> None:
    import resource

    limits = {resource.RLIMIT_CORE: 0}
    if memory_bytes:
        limits[resource.RLIMIT_AS] = memory_bytes
    if cpu_seconds:
        limits[resource.RLIMIT_CPU] = cpu_seconds
    for what, most in limits.items():
        # macOS does not bound address space; time is bounded by the parent there.
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
