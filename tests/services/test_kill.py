"""kill -9 in the middle of an ingest: the next process ends the work, nothing lost or doubled."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlmodel import func, select

from clone_studio.db import Database
from clone_studio.models import Chunk, ChunkVector, DocumentPage
from clone_studio.services.knowledge import chunk
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
TEXT = "\n\n".join(
    f"Paragraph {number} tells of lamp {number} and of the keeper who winds it at dusk. " * 6
    for number in range(900)
)


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
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, database.url, str(tmp_path)], cwd=ROOT, env=environment
    )
    watched = DocumentPage if stage == "reading" else ChunkVector
    ends = time.monotonic() + 60
    while rows(database, watched) == 0:
        assert time.monotonic() < ends
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()

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
