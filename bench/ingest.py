"""Taking documents in: how long until they are found, and what the rest of the studio notices."""

import gc
import json
import os
import random
import re
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.data import DataMissing, data_folder
from bench.library import RandomVectors, local_embedder
from bench.processes import memory_mb
from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.errors import StudioError
from clone_studio.models import User
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.services.files import FileInfo
from clone_studio.settings import Settings
from clone_studio.worker import Worker

Row = dict[str, Any]
OWNER = "bench-owner"
MEGABYTE = 1_000_000
# What the manifest of hostile documents expects, and which outcomes are right.
_FAILS = {
    "needs_password": {"encrypted"},
    "no_text_notice": {"no_text"},
    "clear_error": {"no_text", "wrong_type", "corrupted", "encoding", "unsupported", "unreadable"},
}


def run(short: bool) -> list[Row]:
    """Measure and return rows of `name`, `value`, `unit`, `target` and `note`."""
    rows = _sizes(short)
    for measure in (_local, _hostile):
        try:
            rows += measure(short)
        except DataMissing as missing:
            rows.append(_row(measure.__name__.strip("_"), "left out", "", None, str(missing)))
    return rows


def _row(name: str, value: Any, unit: str, target: Any, note: str = "") -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target, "note": note}


@contextmanager
def _studio(embedder: Embedder) -> Iterator[Services]:
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), max_file_mb=100)
        studio = bootstrap.build(settings, embedder=embedder)
        studio.database.migrate()
        with studio.database.write() as session:
            session.add(User(id=OWNER, email="bench@example.org"))
        studio.personas.create(OWNER, {"name": "Bench"})
        worker = Worker(studio, ingesters=2)
        worker.start()
        try:
            yield studio
        finally:
            worker.stop()
            studio.database.dispose()


def _upload(studio: Services, name: str, content: bytes) -> FileInfo:
    pending = studio.files.begin(OWNER, "bench", name, len(content))
    for place in range(0, len(content), MEGABYTE):
        pending.write(content[place : place + MEGABYTE])
    return pending.finish()


def _settled(studio: Services, file_id: str, *, embedded: bool) -> tuple[FileInfo, float]:
    """Wait until a file is ready or failed, and embedded when asked for; return it and seconds."""
    began = time.perf_counter()
    while True:
        info = studio.files.get_for(OWNER, file_id)
        ready = info.state != "processing"
        if ready and (not embedded or info.embedding in {"done", "failed"} or info.error):
            return info, time.perf_counter() - began
        time.sleep(0.01)


@dataclass
class _Bystander:
    """Another user of the same process: reads a list again and again and notes the slowest."""

    studio: Services
    times: list[float] = field(default_factory=list)
    memory: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "_Bystander":
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._thread.join()

    def _read(self) -> None:
        while not self.ended.wait(0.01):
            began = time.perf_counter()
            self.studio.files.list_for(OWNER, "bench")
            self.times.append((time.perf_counter() - began) * 1000)
            self.memory = max(self.memory, memory_mb(os.getpid()))


def prose(size: int) -> bytes:
    """Return English-like text of about `size` bytes, the same each time."""
    generator = random.Random(5)
    words = [
        "".join(generator.choices("etaoinshrdlu", k=generator.randint(2, 10)))
        for _ in range(20_000)
    ]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    parts, length = [], 0
    while length < size:
        drawn = generator.choices(words, weights, k=14)
        end = "\n\n" if generator.random() < 0.15 else " "
        parts.append(" ".join(drawn).capitalize() + "." + end)
        length += len(parts[-1])
    return "".join(parts).encode()


def book(pages: int) -> bytes:
    """Return a PDF of prose with so many pages of about 2,400 characters."""
    text = prose(pages * 2400).decode().replace("\n\n", " ")
    return _pdf_objects([text[place : place + 2400] for place in range(0, pages * 2400, 2400)])


def _pdf_objects(pages: list[str]) -> bytes:
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, text in enumerate(pages):
        lines = "\n".join(f"({text[a : a + 80]}) Tj T*" for a in range(0, len(text), 80))
        content = f"BT /F1 9 Tf 11 TL 40 800 Td\n{lines}\nET"
        bodies += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * index} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    tail = (
        f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}"
        f"trailer << /Size {len(bodies) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF"
    )
    return out + tail.encode()


def _sizes(short: bool) -> list[Row]:
    """Time to take in each size, with an embedder that costs nothing."""
    documents = [("1 MB of text", "one.txt", prose(MEGABYTE), 2.5, 2)]
    documents.append(("a PDF of 300 pages", "book.pdf", book(300), 4, 10))
    if not short:
        documents.append(("10 MB of text", "ten.txt", prose(10 * MEGABYTE), 20, 15))
    rows = []
    with _studio(RandomVectors()) as studio:
        for words, name, content, whole, ready in documents:
            gc.collect()
            before = memory_mb(os.getpid())
            with _Bystander(studio) as other:
                info = _upload(studio, name, content)
                _, found = _settled(studio, info.id, embedded=False)
                done, rest = _settled(studio, info.id, embedded=True)
            note = f"{done.chunk_count} passages; {done.state}"
            rows.append(_row(f"{words}: found by words", round(found, 2), "s", ready, note))
            rows.append(_row(f"{words}: fully indexed", round(found + rest, 2), "s", whole))
        slowest, grown = max(other.times), max(0.0, other.memory - before)
    note = f"of {len(other.times)} reads of a list, while {words} were indexed"
    rows.append(_row("slowest other request", round(slowest, 1), "ms", 150, note))
    rows.append(_row("memory of the web process, more by", round(grown), "MB", 150, note))
    return rows


def _local(short: bool) -> list[Row]:
    """How near the local model's own rate the whole comes."""
    embedder = local_embedder()
    if embedder is None:
        raise DataMissing("needs the local embedding model")
    text = prose(60_000 if short else 300_000)
    lines = [text[place : place + 640].decode() for place in range(0, 64_000, 640)]
    embedder.embed_passages(lines[:4])
    began = time.perf_counter()
    embedder.embed_passages(lines)
    raw = sum(map(len, lines)) / (time.perf_counter() - began) / 1000
    with _studio(embedder) as studio:
        info = _upload(studio, "text.txt", text)
        _, ready = _settled(studio, info.id, embedded=False)
        _, rest = _settled(studio, info.id, embedded=True)
    embedder.close()
    share = len(text) / rest / 1000 / raw * 100
    note = f"{len(text) / rest / 1000:.1f} of {raw:.1f} KB/s; found by words after {ready:.1f} s"
    return [_row("share of the local model's own rate", round(share), "%", 90, note)]


def _hostile(short: bool) -> list[Row]:
    """What becomes of the hostile documents, beside what their manifest expects."""
    folder = data_folder("3_nasty_docs")
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    kinds = (".pdf", ".txt", ".md")
    listed = [one for one in listed if one["file"].endswith(kinds)]
    if short:
        listed = [one for one in listed if one["bytes"] < 300_000]
    wrong, slowest = [], 0.0
    with _studio(RandomVectors()) as studio:
        for one in listed:
            content = (folder / "files" / one["file"]).read_bytes()
            try:
                info, seconds = _settled(
                    studio, _upload(studio, one["file"], content).id, embedded=False
                )
            except StudioError:
                continue
            slowest = max(slowest, seconds)
            if not _as_expected(studio, one, info):
                wrong.append(one["file"])
    good = f"{len(listed) - len(wrong)} of {len(listed)}"
    note = f"slowest {slowest:.1f} s; not as expected: {', '.join(wrong) or 'none'}"
    return [_row("hostile documents as expected", good, "", f"{len(listed)}", note)]


def _as_expected(studio: Services, one: dict[str, Any], info: FileInfo) -> bool:
    if one["expect"] in _FAILS:
        return info.state == "failed" and info.error_code in _FAILS[one["expect"]]
    if one["expect"] == "bounded":
        return info.state != "processing"
    if info.state == "failed":
        return False
    for wanted in one.get("must_contain", ()):
        first = wanted.get("page", 1)
        count = 1 if "page" in wanted else info.page_count
        texts = []
        for start in range(first, first + count, 50):
            texts += [
                page.text for page in studio.files.pages(OWNER, info.id, start, min(50, count))
            ]
        if _folded(wanted["text"]) not in _folded(" ".join(texts)):
            return False
    return True


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip()
