"""A served studio of its own for the benches: temporary data, free port, no key, no browser."""

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx

from clone_studio import PROJECT_ROOT

OWNER = ("owner@example.org", "a password for benches only")
START_SECONDS = 120
STOP_SECONDS = 20
LINK = re.compile(r"https?://\S+/\S{20,}")


class Served:
    """One run of the studio.

    Args:
        data_dir: Folder it keeps everything in; a second run on it is a second start.
        models_dir: Folder with the local models.
        launcher: Start it by `./studio up`, as a person does, where the launcher has installed
            its environment; else by the serving module alone.
        settings: Environment variables that replace those of this module.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        models_dir: Path | None = None,
        launcher: bool = False,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.port = _free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.launcher = launcher and launcher_ready()
        self._environment = {
            **os.environ,
            "STUDIO_HOST": "127.0.0.1",
            "STUDIO_PORT": str(self.port),
            "STUDIO_DATA_DIR": str(data_dir),
            "STUDIO_MODELS_DIR": str(models_dir or models_folder()),
            "STUDIO_LLM": "quotes",
            "STUDIO_EMBEDDINGS": "local",
            "STUDIO_OWNER_EMAIL": OWNER[0],
            "STUDIO_OWNER_PASSWORD": OWNER[1],
            "PYTHONUNBUFFERED": "1",
            **(settings or {}),
        }
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._link = ""
        self._linked = threading.Event()

    def start(self) -> float:
        """Start it and return the seconds until `/api/health` answered.

        Raises:
            RuntimeError: It ended, or did not answer in time; with the last lines it printed.
        """
        command = [sys.executable, "-m", "clone_studio.serve", "--no-browser"]
        if self.launcher:
            command = [sys.executable, str(PROJECT_ROOT / "studio"), "up", "--no-browser"]
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            env=self._environment,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                self.stop()
                raise RuntimeError("the studio did not start: " + " ".join(self._lines[-5:]))
            time.sleep(0.02)
        return time.perf_counter() - began

    def stop(self) -> None:
        """End it and wait for it; it may be gone already."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def pid(self) -> int:
        """Process id of the server, the root of its process tree."""
        assert self._process is not None
        return self._process.pid

    def link(self) -> str:
        """Return the sign-in link that it printed."""
        if not self._linked.wait(30):
            raise RuntimeError("the studio printed no sign-in link")
        return self._link

    def client(self) -> httpx.Client:
        """Return a client of its API, signed in as the owner."""
        owner = {"email": OWNER[0], "password": OWNER[1]}
        answer = httpx.post(f"{self.base}/api/auth/token", json=owner, timeout=60)
        answer.raise_for_status()
        token = answer.json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.base, headers=headers, timeout=60)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.base}/api/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def _listen(self, stream: IO[str]) -> None:
        # The stream is closed under this thread when the studio is stopped.
        try:
            for line in stream:
                self._lines = [*self._lines[-200:], line.strip()]
                if not self._link and (found := LINK.search(line)):
                    self._link = found[0]
                    self._linked.set()
        except ValueError:
            return


@contextmanager
def served(data_dir: Path, **options: Any) -> Iterator[Served]:
    """Run a studio for the length of the block."""
    studio = Served(data_dir, **options)
    try:
        studio.start()
        yield studio
    finally:
        studio.stop()


def upload(client: httpx.Client, persona: str, name: str, content: bytes) -> str:
    """Upload a document and return its id; it is being processed then."""
    answer = client.post(f"/api/personas/{persona}/files", files={"file": (name, content)})
    answer.raise_for_status()
    return str(answer.json()["id"])


def wait_ready(
    client: httpx.Client, persona: str, file_id: str, *, meaning: bool = False, seconds: float = 300
) -> None:
    """Wait until a document is ready, with `meaning` until search by meaning finds it as well.

    Raises:
        RuntimeError: It failed or took longer.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        file = client.get(f"/api/personas/{persona}/files/{file_id}").json()
        if file["status"] == "failed":
            raise RuntimeError(f"the document failed: {file['error']}")
        waiting = meaning and file["embedding"] in {"pending", "running"}
        if file["status"].startswith("ready") and not waiting:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the document was not ready after {seconds:.0f} s")


def browser_path() -> str:
    """Return the browser that benches and screenshots drive.

    Raises:
        RuntimeError: There is none.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("STUDIO_BROWSER") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        raise RuntimeError("no browser; name one in STUDIO_BROWSER")
    return found


def models_folder() -> Path:
    """Return where the local models of this machine are kept."""
    return Path(os.environ.get("STUDIO_MODELS_DIR") or PROJECT_ROOT / ".data" / "models")


def launcher_ready(prefix: Path = Path(sys.prefix)) -> bool:
    """Tell whether `./studio up` would find its environment complete and install nothing.

    The launcher makes an environment anew when it does not know it as its own. A bench must
    never cause that, least of all through a link to an environment that others share.
    """
    folder = PROJECT_ROOT / ".venv"
    stamp = folder / ".requirements.txt.sum"
    if folder.is_symlink() or prefix != folder or not stamp.is_file():
        return False
    wanted = hashlib.sha256((PROJECT_ROOT / "requirements.txt").read_bytes()).hexdigest()
    return stamp.read_text(encoding="utf-8") == wanted


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
