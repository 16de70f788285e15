"""The built page and the API from one process, without Reflex compiling anything."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clone_studio import PROJECT_ROOT

APP = """
import reflex as rx
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def pong(request):
    return PlainTextResponse("pong")

def index():
    return rx.el.h1("compiled")

app = rx.App(api_transformer=Starlette(routes=[Route("/api/pong", pong)]))
app.add_page(index, route="/")
"""
CONFIG = """
import reflex as rx
config = rx.Config(app_name="tiny", telemetry_enabled=False, state_manager_mode="memory",
                   disable_plugins=[rx.plugins.SitemapPlugin])
"""
START = """
import os, sys
import clone_studio.serve as s
s.serve("127.0.0.1", int(sys.argv[1]))
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Reflex project whose page is built already."""
    folder = tmp_path_factory.mktemp("a project")
    build = folder / ".web" / "build" / "client"
    (folder / "tiny").mkdir()
    (build / "assets").mkdir(parents=True)
    (folder / "rxconfig.py").write_text(CONFIG)
    (folder / "tiny" / "__init__.py").write_text("")
    (folder / "tiny" / "tiny.py").write_text(APP)
    (build / "index.html").write_text("<h1>built</h1>")
    (build / "assets" / "page-Ab12.js").write_text("let packed = false;")
    return folder


class Served:
    """A running server process, its address, and the file with what it says."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.address = f"http://127.0.0.1:{port}"
        self.log = log

    def wait(self) -> None:
        """Return when the server answers; fail with what it said when it ends or takes 30 s."""
        pause = threading.Event()
        for _attempt in range(300):
            if self.process.poll() is not None:
                break
            try:
                httpx.get(f"{self.address}/ping")
            except httpx.TransportError:
                pause.wait(0.1)
            else:
                return
        raise AssertionError(self.log.read_text())


@pytest.fixture
def served(project: Path, tmp_path: Path) -> Iterator[Served]:
    port = _free_port()
    environ = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "REFLEX_DIR": str(project / "r")}
    log = tmp_path / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(port)],
            cwd=project,
            env=environ,
            stdout=out,
            stderr=out,
        )
    served = Served(process, port, log)
    try:
        served.wait()
        yield served
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_page_assets_and_api_come_from_one_address(served: Served) -> None:
    page = httpx.get(f"{served.address}/")
    assert page.text == "<h1>built</h1>"
    assert page.headers["cache-control"] == "no-cache"
    assert httpx.get(f"{served.address}/api/pong").text == "pong"
    asset = httpx.get(f"{served.address}/assets/page-Ab12.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    absent = httpx.get(f"{served.address}/assets/page-Zz99.js")
    assert absent.status_code == 404
    assert absent.headers["cache-control"] == "no-cache"
    assert httpx.post(f"{served.address}/_upload").status_code in {404, 405}


def test_nothing_is_compiled(served: Served, project: Path) -> None:
    assert {path.name for path in (project / ".web").iterdir()} == {"backend", "build"}
    assert httpx.get(f"{served.address}/index.html").text == "<h1>built</h1>"


def test_a_signal_ends_it_in_order(served: Served) -> None:
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=20) == 0


def test_a_killed_server_leaves_no_worker_behind(served: Served) -> None:
    served.process.kill()
    served.process.wait(timeout=20)
    pause = threading.Event()
    for _attempt in range(100):
        try:
            httpx.get(f"{served.address}/ping")
        except httpx.TransportError:
            return
        pause.wait(0.1)
    raise AssertionError("something still answers")
