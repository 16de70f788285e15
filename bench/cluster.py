"""Two web processes and two workers, killed in turn: what is lost, and what is there twice."""

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.e2e.cluster import ANSWER, storm
from tests.postgres import PostgresServer
from tests.servers.redis_server import RedisProcess

Row = dict[str, Any]


def run(short: bool) -> list[Row]:
    """Measure and return rows of `name`, `value`, `unit`, `target` and `note`."""
    answers, uploads, over = (14, 6, 14.0) if short else (50, 20, 20.0)
    postgres = PostgresServer()
    try:
        with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
            redis = RedisProcess(Path(folder))
            redis.start()
            try:
                stores = {"DATABASE_URL": postgres.new_database(), "REDIS_URL": redis.url}
                began = time.monotonic()
                left = storm(Path(folder), stores, answers=answers, uploads=uploads, over=over)
                seconds = time.monotonic() - began
            finally:
                redis.kill()
    finally:
        postgres.stop()
    whole = sum(one == ("complete", ANSWER) for one in left.answers)
    ready = sum(one[1:] == ("ready", "done") for one in left.files)
    note = f"each of 4 processes killed once with -9; {seconds:.0f} s in all"
    return [
        _row(f"answers whole, of {answers}", whole, answers, note),
        _row("answers that another process began anew", left.begun_again, None),
        _row("answers in another state in the database", len(left.states - {"complete"}), 0),
        _row(f"documents ready and embedded, of {uploads}", ready, uploads),
        _row("documents with a passage lost or doubled", len(left.wrong), 0),
    ]


def _row(name: str, value: int, target: int | None, note: str = "") -> Row:
    return {"name": name, "value": value, "unit": "", "target": target, "note": note}
