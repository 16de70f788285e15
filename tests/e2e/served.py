"""A studio that is really served: its own process, its own data folder, a free port."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[2]
MODELS = Path(os.environ.get("STUDIO_MODELS_DIR") or PROJECT / ".data" / "models")
START_SECONDS = 60
_LINK = re.compile(r"http://\S+/api/auth/link/\S+")


@dataclass
class ServedStudio:
    """Starts, kills and restarts `python -m clone_studio.serve` on one data folder.

    Args:
        data_dir: Where it keeps everything.
        settings: Environment variables on top of what a bare machine has.
    """

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    link: str = ""
    log: deque[str] = field(default_factory=lambda: deque(maxlen=400))
    _process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where it is served, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "ServedStudio":
        """Start it and wait for the sign-in link that it prints when it is ready."""
        self.port = self.port or _free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "clone_studio.serve", "--no-browser"],
            cwd=PROJECT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ready = threading.Event()
        self.link = ""
        self._reader = threading.Thread(target=self._read, args=(self._process, ready), daemon=True)
        self._reader.start()
        ready.wait(START_SECONDS)
        if not self.link:
            self.kill()
            raise AssertionError("the studio did not start:\n" + "".join(self.log))
        return self

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "STUDIO_PORT": str(self.port),
            "STUDIO_DATA_DIR": str(self.data_dir),
            "STUDIO_MODELS_DIR": str(MODELS),
            "STUDIO_LLM": "quotes",
            "STUDIO_EMBEDDINGS": "local",
            **self.settings,
        }

    def _read(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.log.append(line)
                if found := _LINK.search(line):
                    self.link = found[0]
                    ready.set()
        ready.set()

    def new_link(self) -> str:
        """Return another one-time sign-in link, as `./studio link` does."""
        made = subprocess.run(
            [sys.executable, "-m", "clone_studio.link"],
            cwd=PROJECT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return made.stdout.strip()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl+C does."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None
        if self._reader is not None:
            self._reader.join(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
