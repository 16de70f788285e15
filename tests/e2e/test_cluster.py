"""Several processes on one database and one Redis: what happens to each is nobody's loss.

`./studio bench --only cluster` does the same with 50 answers and 20 documents.
"""

from pathlib import Path

from tests.e2e.cluster import ANSWER, storm
from tests.postgres import PostgresServer
from tests.servers.redis_server import RedisProcess

ANSWERS, UPLOADS, OVER_SECONDS = 14, 6, 14.0


def test_processes_that_are_killed_in_turn_lose_and_double_nothing(
    tmp_path: Path, postgres: PostgresServer, redis_process: RedisProcess
) -> None:
    stores = {"DATABASE_URL": postgres.new_database(), "REDIS_URL": redis_process.url}
    left = storm(tmp_path, stores, answers=ANSWERS, uploads=UPLOADS, over=OVER_SECONDS)
    assert left.answers == [("complete", ANSWER)] * ANSWERS
    assert left.files == {(f"log-{number}.txt", "ready", "done") for number in range(UPLOADS)}
    assert left.states == {"complete"}
    assert left.wrong == []
    # Else the kills hit nothing, and this proves nothing.
    assert left.begun_again > 0
