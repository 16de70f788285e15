"""kill -9 in the middle of an ingest: the next process ends the work, nothing lost or doubled."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import func, select

from clone_studio.db import Database
from clone_studio.models import Chunk, ChunkVector, DocumentPage
from clone_studio.services.knowledge import chunk
from tests.knowledge.embedders import Choice, Named, switched
from tests.knowledge.shelves import ADA, add_people, open_shelves

ROOT = Path(__file__).resolve().parents[2]
# A process that takes the document in, slowly enough to be killed at any stage.
WORKER = """
import sys, time
from pathlib import Path
from clone_studio.db import Database
from clone_studio.services.job_runner import JobRunner
from tests.knowledge.shelves import open_shelves
shelves = open_shelves(Database(sys.argv[1]), Path(sys.argv[2]))
quick = shelves.embedder.embed_passages
def slow(texts):
    time.sleep(0.05)
    return quick(texts)
shelves.embedder.embed_passages = slow
JobRunner(shelves.jobs, [("ingest",), ("embed",)]).start()
time.sleep(120)
"""
# A process in which another embedding model is chosen, as slow.
REBUILDER = """
import sys, time
from pathlib import Path
from clone_studio.db import Database
from clone_studio.services.job_runner import JobRunner
from tests.knowledge.embedders import Choice, Named, switched
from tests.knowledge.shelves import open_shelves
choice = Choice(Named("new", lambda _: time.sleep(0.1)), Named("old"))
shelves = switched(open_shelves(Database(sys.argv[1]), Path(sys.argv[2])), choice)
shelves.ingester.resume()
JobRunner(shelves.jobs, [("ingest",), ("embed",)]).start()
time.sleep(120)
"""
TEXT = "\n\n".join(
    f"Paragraph {number} tells of lamp {number} and of the keeper who winds it at dusk. " * 6
    for number in range(900)
)


def killed(script: str, database: Database, folder: Path, moment: Callable[[], bool]) -> None:
    """Run a process and kill it at that moment."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", script, database.url, str(folder)], cwd=ROOT, env=environment
    )
    ends = time.monotonic() + 60
    while not moment():
        assert time.monotonic() < ends
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()


def rows(database: Database, table: type) -> int:
    with database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


@pytest.mark.parametrize("stage", ["reading", "embedding"])
def test_a_killed_process_loses_and_doubles_nothing(
    database: Database, tmp_path: Path, stage: str
) -> None:
    add_people(database)
    shelves = open_shelves(database, tmp_path)
    info = shelves.upload("lamps.txt", TEXT.encode())
    watched = DocumentPage if stage == "reading" else ChunkVector
    killed(WORKER, database, tmp_path, lambda: rows(database, watched) > 0)

    assert shelves.jobs.release_dead() >= 1
    embedded_before = rows(database, ChunkVector)
    shelves.work()
    done = shelves.files.get_for(ADA, info.id)
    assert (done.state, done.embedding) == ("ready", "done")
    passages = shelves.files.chunks(ADA, info.id, 200)
    with database.read() as session:
        texts = session.exec(select(Chunk.text).order_by(Chunk.position)).all()
    assert len(texts) == done.chunk_count
    assert "".join("".join(texts).split()) == "".join(TEXT.split())
    windows = sum(len(chunk.windows(text)) for text in texts)
    assert rows(database, ChunkVector) == windows
    assert len(shelves.embedder.seen) == windows - embedded_before
    found = shelves.retriever.retrieve("franklin", "Which paragraph tells of lamp 777?")
    assert "lamp 777" in found[0].text
    assert passages[0].text in TEXT


def test_a_process_killed_while_another_model_is_built_loses_and_doubles_nothing(
    database: Database, tmp_path: Path
) -> None:
    add_people(database)
    choice = Choice(Named("old"), Named("new"))
    room = switched(open_shelves(database, tmp_path), choice)
    room.add("lamps.txt", TEXT.encode())
    windows = rows(database, ChunkVector)
    killed(REBUILDER, database, tmp_path, lambda: rows(database, ChunkVector) > windows)
    assert room.retriever.retrieve("franklin", "lamp 777")[0].ranks["vector"] is not None
    choice.choose("new")
    assert room.jobs.release_dead() >= 1
    room.ingester.resume()
    made = rows(database, ChunkVector) - windows
    assert 0 < made < windows
    room.work()
    assert room.ingester.rebuild.progress() == ()
    assert rows(database, ChunkVector) == 2 * windows
    assert len(choice.named["new"].seen) == windows - made
    assert room.retriever.retrieve("franklin", "lamp 777")[0].ranks["vector"] is not None
    with database.write() as session:
        room.jobs.hurry(session, "forget")
    assert room.work() == 1
    assert rows(database, ChunkVector) == windows
