"""Several processes on one database and one Redis: what happens to each is nobody's loss."""

import asyncio
from pathlib import Path

from sqlmodel import func, select

from clone_studio.db import Database
from clone_studio.models import Chunk, ChunkVector, Message, StoredFile
from clone_studio.services.knowledge import chunk
from tests.e2e.cluster import Cluster, sign_in, under_fire
from tests.servers.openai_server import Behaviour, OpenAIServer

ANSWER = " ".join(f"word{number}" for number in range(60)) + " finis."
ANSWERS, UPLOADS, OVER_SECONDS = 14, 6, 14.0


def document(number: int, paragraphs: int = 30) -> bytes:
    return "\n\n".join(
        f"Log {number}, entry {entry}: the keeper of lamp {number} winds clock {entry} at dusk. "
        * 4
        for entry in range(paragraphs)
    ).encode()


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_processes_that_are_killed_in_turn_lose_and_double_nothing(tmp_path: Path) -> None:
    questions = [f"What does the log say about lamp {number}?" for number in range(ANSWERS)]
    documents = {f"log-{number}.txt": document(number) for number in range(UPLOADS)}
    with OpenAIServer(Behaviour(text=ANSWER, delay=0.08)).running() as model:
        cluster = Cluster(
            tmp_path / "data",
            {
                "STUDIO_LLM": "openai",
                "OPENAI_BASE_URL": model.address,
                "OPENAI_API_KEY": "sk-test",
                "STUDIO_SPEECH": "off",
            },
        ).start()
        try:
            token = sign_in(cluster)
            heard, files = asyncio.run(
                under_fire(cluster, token, questions, documents, OVER_SECONDS)
            )
        finally:
            cluster.stop()
    assert [(one["status"], one["text"]) for one in heard] == [("complete", ANSWER)] * ANSWERS
    assert {(one["name"], one["status"], one["embedding"]) for one in files} == {
        (name, "ready", "done") for name in documents
    }
    database = Database(cluster.database_url)
    check_rows(database, documents)
    database.dispose()


def check_rows(database: Database, documents: dict[str, bytes]) -> None:
    with database.read() as session:
        answers = session.exec(select(Message).where(Message.role == "assistant")).all()
        assert {one.state for one in answers} == {"complete"}
        assert len(answers) >= ANSWERS
        # Else the kills hit nothing, and this proves nothing.
        assert max(one.attempts for one in answers) > 1
        for file in session.exec(select(StoredFile).where(StoredFile.name.in_(documents))).all():
            rows = select(Chunk).where(Chunk.file_id == file.id).order_by(Chunk.position)
            texts = [row.text for row in session.exec(rows)]
            assert squeezed("".join(texts)) == squeezed(documents[file.name].decode())
            vectors = select(func.count()).select_from(ChunkVector).join(Chunk)
            held = session.exec(vectors.where(Chunk.file_id == file.id)).one()
            assert held == sum(len(chunk.windows(text)) for text in texts)
