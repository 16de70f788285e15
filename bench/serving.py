"""Measures the served studio: starts, pages, memory, and how quick it stays while it works."""

import http.client
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench import pages, processes
from bench.served import Served, browser_path, served, upload, wait_ready

Row = dict[str, Any]

CARD = "article.clone-card"
SETTLE_SECONDS = 5.0
HEALTH_EVERY = 0.02


def run(short: bool) -> list[Row]:
    """Return the rows of the serving part; a short run measures fewer rounds and 2 MB."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        data = Path(folder) / "data"
        with served(data, launcher=True) as first:
            _wait_for_guide(first)
        rows = _start_and_pages(data, rounds=2 if short else 5)
        rows += _idle(Path(folder) / "idle", seconds=5 if short else 20)
        rows += _while_indexing(Path(folder) / "busy", megabytes=2 if short else 10)
    return rows


def _wait_for_guide(studio: Served) -> None:
    """Wait until the sample clone has been read, so that later numbers are not about that."""
    with studio.client() as client:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            for persona in client.get("/api/personas").json()["personas"]:
                files = client.get(f"/api/personas/{persona['id']}/files").json()["files"]
                if files and all(file["status"] != "processing" for file in files):
                    return
            time.sleep(0.2)
    raise RuntimeError("the sample clone was not read within two minutes")


def _start_and_pages(data: Path, rounds: int) -> list[Row]:
    """Measure a second start on `data` up to a usable page, then page loads."""
    studio = Served(data, launcher=True)
    how = "./studio up" if studio.launcher else "python -m clone_studio.serve"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        try:
            answered = studio.start()
            began = time.perf_counter()
            storage = pages.sign_in(browser, studio, CARD)
            usable = answered + time.perf_counter() - began
            url = f"{studio.base}/clones"
            new, warm = pages.loads(browser, storage, url, CARD, rounds)
            bare, _ = pages.loads(browser, storage, f"{studio.base}/api/health", "body", rounds)
        finally:
            studio.stop()
            browser.close()
    rows = _page_rows(new, warm, f"{rounds} rounds; a bare document takes {bare.seconds:.2f} s")
    return [
        {
            "name": "second start to a usable page",
            "value": usable,
            "unit": "s",
            "target": 4,
            "floor": "2 s",
            "peer": "19-21 s",
            "note": f"{how}; API answered after {answered:.1f} s; includes signing in",
        },
        *rows,
    ]


def _page_rows(new: pages.Load, warm: pages.Load, how: str) -> list[Row]:
    return [
        {
            "name": "first page, new browser",
            "value": new.seconds,
            "unit": "s",
            "target": 1.0,
            "floor": "0.5 s",
            "peer": "2.8 s",
            "note": f"All Clones, {how}",
        },
        {
            "name": "first page, warm",
            "value": warm.seconds,
            "unit": "s",
            "target": 0.6,
            "floor": "0.28 s",
            "peer": "2.3 s",
            "note": f"the same in a second tab; {warm.requests} requests",
        },
        {
            "name": "first page, requests",
            "value": new.requests,
            "unit": "",
            "target": 40,
            "floor": "12",
            "peer": "221",
            "note": "new browser",
        },
        {
            "name": "first page, bytes",
            "value": new.received / 1000,
            "unit": "KB",
            "target": 900,
            "floor": "337 KB",
            "peer": "2,700 KB",
            "note": "new browser, as received",
        },
    ]


def _idle(data: Path, seconds: float) -> list[Row]:
    """Measure memory and processor time of a studio that nobody uses and that has no model."""
    if not processes.available():
        return []
    data.mkdir()
    with served(data, models_dir=data) as studio:
        time.sleep(SETTLE_SECONDS)
        pids = processes.tree(studio.pid)
        before, began = processes.cpu_seconds(pids), time.monotonic()
        time.sleep(seconds)
        busy = processes.cpu_seconds(pids) - before
        share = 100 * busy / (time.monotonic() - began)
        memory = [processes.memory_mb(pid) for pid in pids]
    each = " + ".join(f"{one:.0f}" for one in memory)
    return [
        {
            "name": "idle memory",
            "value": sum(memory),
            "unit": "MB",
            "target": 300,
            "floor": "90 MB",
            "peer": "786 MB",
            "note": f"PSS of {len(pids)} processes ({each}), no local model",
        },
        {
            "name": "idle CPU",
            "value": share,
            "unit": "%",
            "target": 1,
            "peer": "0.4-0.8 %",
            "note": f"of one core, over {seconds:.0f} s",
        },
    ]


def _while_indexing(data: Path, megabytes: int) -> list[Row]:
    """Measure the slowest other request, and the memory, while a long text is indexed."""
    with served(data) as studio, studio.client() as client:
        _wait_for_guide(studio)
        created = client.post("/api/personas", json={"name": "Long text"})
        created.raise_for_status()
        persona = created.json()["id"]
        text = long_text(megabytes * 1_000_000)
        with _Probe(studio) as probe:
            began = time.monotonic()
            file_id = upload(client, persona, "long.txt", text)
            wait_ready(client, persona, file_id)
            ready = time.monotonic() - began
        return probe.rows(f"{megabytes} MB of text, ready after {ready:.1f} s")


class _Probe:
    """Asks for `/api/health` all the time and watches the memory of the web process."""

    def __init__(self, studio: Served) -> None:
        self._studio = studio
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._times: list[float] = []
        self._failed = 0
        self._peak = 0.0
        pids = processes.tree(studio.pid) if processes.available() else []
        self._web = max(pids, key=processes.memory_mb, default=0)
        self._before = processes.memory_mb(self._web) if self._web else 0.0

    def __enter__(self) -> "_Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._studio.port, timeout=60)
        while not self._ended.wait(HEALTH_EVERY):
            began = time.perf_counter()
            try:
                connection.request("GET", "/api/health")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                self._failed += 1
                connection.close()
            self._times.append(time.perf_counter() - began)
            if self._web and len(self._times) % 10 == 0:
                self._peak = max(self._peak, processes.memory_mb(self._web))

    def rows(self, note: str) -> list[Row]:
        """Return what was seen."""
        times = sorted(self._times)
        p95 = times[int(0.95 * (len(times) - 1))]
        found: list[Row] = [
            {
                "name": "slowest request while indexing",
                "value": 1000 * times[-1],
                "unit": "ms",
                "target": 150,
                "peer": "27-31 s",
                "note": f"{note}; p95 {1000 * p95:.0f} ms of {len(times)}, {self._failed} failed",
            }
        ]
        if self._web:
            found.append(
                {
                    "name": "memory added while indexing",
                    "value": max(0.0, self._peak - self._before),
                    "unit": "MB",
                    "target": 150,
                    "peer": "1,800 MB",
                    "note": "PSS of the web process, peak less idle",
                }
            )
        return found


def long_text(size: int) -> bytes:
    """Return about `size` bytes of sentences in paragraphs, the same at every call."""
    source = random.Random(7)
    words = [
        "".join(source.choices("abcdefghijklmnoprstuvw", k=source.randint(2, 10)))
        for _ in range(20_000)
    ]
    parts: list[str] = []
    length = 0
    while length < size:
        sentences = [
            " ".join(source.choices(words, k=source.randint(6, 22))).capitalize() + "."
            for _ in range(source.randint(3, 8))
        ]
        parts.append(" ".join(sentences))
        length += len(parts[-1]) + 2
    return "\n\n".join(parts).encode()
