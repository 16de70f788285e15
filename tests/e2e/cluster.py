"""A studio of several processes: web processes and workers on one database and one Redis.

The clients here do what a good client does: one that loses its connection follows the answer
again, at any process, and forgets what it heard when it is told to.
"""

import asyncio
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import Session, col, func, select

from clone_studio.db import Database
from clone_studio.models import Chunk, ChunkVector, Message, StoredFile
from clone_studio.services.knowledge import chunk
from tests.e2e.served import PROJECT, ServedStudio
from tests.servers.openai_server import Behaviour, OpenAIServer

OWNER = {"email": "ada@example.org", "password": "correct horse battery"}
SLUG = "ben"
ANSWER = " ".join(f"word{number}" for number in range(60)) + " finis."
# A client that could not connect waits so long before it tries another process.
AGAIN_SECONDS = 0.2


@dataclass
class WorkerProcess:
    """`python -m clone_studio.worker`, to be killed and started again."""

    environment: dict[str, str]
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> "WorkerProcess":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "clone_studio.worker"],
            cwd=PROJECT,
            env=self.environment,
            stderr=subprocess.DEVNULL,
        )
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


@dataclass
class Cluster:
    """Two web processes that only serve, and two workers that do the jobs.

    Args:
        data_dir: The folder that all share, for documents and the secret key.
        settings: Environment of every process: database, Redis, language model.
    """

    data_dir: Path
    settings: dict[str, str]
    web: list[ServedStudio] = field(default_factory=list)
    workers: list[WorkerProcess] = field(default_factory=list)

    def start(self) -> "Cluster":
        shared = {
            **self.settings,
            "STUDIO_OWNER_EMAIL": OWNER["email"],
            "STUDIO_OWNER_PASSWORD": OWNER["password"],
        }
        for _ in range(2):
            serving = ServedStudio(self.data_dir, {**shared, "STUDIO_INGEST_WORKERS": "0"})
            self.web.append(serving.start())
        for _ in range(2):
            environment = {**self.web[0].environment(), **shared, "STUDIO_INGEST_WORKERS": "1"}
            self.workers.append(WorkerProcess(environment).start())
        return self

    def stop(self) -> None:
        for one in (*self.workers, *self.web):
            one.stop()

    async def kill_in_turn(self) -> None:
        """Kill each process with -9 and start it again; the next one when it is back."""
        for one in itertools.chain(*zip(self.web, self.workers, strict=True)):
            await asyncio.to_thread(one.kill)
            await asyncio.to_thread(one.start)


class Client:
    """Asks and uploads, at whichever process answers.

    Args:
        cluster: Whose web processes.
        first: The one to try first.
    """

    def __init__(self, cluster: Cluster, token: str, first: int) -> None:
        self._addresses = itertools.cycle(
            [one.address for one in cluster.web[first:] + cluster.web[:first]]
        )
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __aenter__(self) -> "Client":
        self._http = httpx.AsyncClient(headers=self._headers, timeout=httpx.Timeout(10, read=30))
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.aclose()

    async def ask(self, question: str) -> dict[str, Any]:
        """Ask, and follow the answer to its end; returns its id, text and status."""
        heard: dict[str, Any] = {"id": "", "text": "", "status": ""}
        while not heard["status"]:
            try:
                async for name, data in self._events(question, heard["id"]):
                    _hear(heard, name, data)
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_SECONDS)
        return heard

    async def _events(
        self, question: str, message_id: str
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        address = f"{next(self._addresses)}/api/chat/{SLUG}"
        request = ("GET", f"{address}/stream/{message_id}", None)
        if not message_id:
            request = ("POST", address, {"message": question})
        method, url, body = request
        async with self._http.stream(method, url, json=body) as answer:
            answer.raise_for_status()
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))

    async def upload(self, name: str, content: bytes) -> None:
        """Upload a document; one that has arrived already is as good."""
        while True:
            url = f"{next(self._addresses)}/api/personas/{SLUG}/files"
            try:
                answer = await self._http.post(url, files={"file": (name, content)})
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if answer.status_code in {201, 409}:
                return
            await asyncio.sleep(AGAIN_SECONDS)

    async def files(self) -> list[dict[str, Any]]:
        """Return the clone's files."""
        while True:
            try:
                url = f"{next(self._addresses)}/api/personas/{SLUG}/files"
                answer = (await self._http.get(url, params={"limit": 100})).json()
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            files: list[dict[str, Any]] = answer["files"]
            return files

    async def until_settled(self) -> list[dict[str, Any]]:
        """Return the clone's files when nothing is left to do for any of them."""
        while True:
            files = await self.files()
            settled = ("done", "failed")
            if all(one["status"] == "failed" or one["embedding"] in settled for one in files):
                return files
            await asyncio.sleep(AGAIN_SECONDS)


def _hear(heard: dict[str, Any], name: str, data: dict[str, Any]) -> None:
    """Take one event of a stream; every stream tells the text from its beginning."""
    if name == "thread_info":
        heard["id"], heard["text"] = data["messageId"], ""
    elif name == "restart":
        heard["text"] = ""
    elif name == "token":
        heard["text"] += data["text"]
    elif name in {"done", "error"}:
        heard["status"] = data.get("status", "failed")


def sign_in(cluster: Cluster) -> str:
    """Return a token that every process takes, and make the clone that is asked."""
    address = cluster.web[0].address
    made = httpx.post(f"{address}/api/auth/token", json=OWNER, timeout=30)
    made.raise_for_status()
    token = str(made.json()["accessToken"])
    headers = {"Authorization": f"Bearer {token}"}
    clone = {"name": "Ben", "slug": SLUG}
    httpx.post(
        f"{address}/api/personas", json=clone, headers=headers, timeout=30
    ).raise_for_status()
    return token


async def under_fire(
    cluster: Cluster, token: str, questions: Sequence[str], documents: dict[str, bytes], over: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ask and upload, begun evenly over `over` seconds, while each process in turn is killed.

    Returns what each question's client heard, and the files when they are settled.
    """

    async def asking(place: int, question: str) -> dict[str, Any]:
        await asyncio.sleep(over * place / len(questions))
        async with Client(cluster, token, place % 2) as client:
            return await client.ask(question)

    async def uploading(place: int, name: str) -> None:
        await asyncio.sleep(over * place / len(documents))
        async with Client(cluster, token, place % 2) as client:
            await client.upload(name, documents[name])

    killing = asyncio.create_task(cluster.kill_in_turn())
    answers = asyncio.gather(*(asking(place, one) for place, one in enumerate(questions)))
    await asyncio.gather(*(uploading(place, name) for place, name in enumerate(documents)))
    heard = await answers
    await killing
    async with Client(cluster, token, 0) as client:
        return heard, await client.until_settled()


@dataclass(frozen=True)
class Storm:
    """What was left of a studio whose processes were killed in turn.

    `answers` are status and text of each as its client heard them; `files` are name, status and
    state of embedding; `states` are those of all answers in the database, `begun_again` counts
    how many were written more than once, and `wrong` names what documents have too little or
    too much of.
    """

    answers: list[tuple[str, str]]
    files: set[tuple[str, str, str]]
    states: set[str]
    begun_again: int
    wrong: list[str]


def storm(
    folder: Path, stores: dict[str, str], *, answers: int, uploads: int, over: float
) -> Storm:
    """Ask and upload while each process in turn is killed with -9 and started again.

    Args:
        folder: An empty one, for the data folder.
        stores: `DATABASE_URL` and `REDIS_URL`.
        answers: How many questions.
        uploads: How many documents.
        over: Seconds over which both are begun.
    """
    questions = [f"What does the log say about lamp {number}?" for number in range(answers)]
    documents = {f"log-{number}.txt": _document(number) for number in range(uploads)}
    with OpenAIServer(Behaviour(text=ANSWER, delay=0.08)).running() as model:
        writer = {
            "STUDIO_LLM": "openai",
            "OPENAI_BASE_URL": model.address,
            "OPENAI_API_KEY": "sk-test",
            "STUDIO_SPEECH": "off",
        }
        cluster = Cluster(folder / "data", writer | stores).start()
        try:
            token = sign_in(cluster)
            heard, files = asyncio.run(under_fire(cluster, token, questions, documents, over))
        finally:
            cluster.stop()
    database = Database(stores["DATABASE_URL"])
    with database.read() as session:
        rows = session.exec(select(Message).where(Message.role == "assistant")).all()
        wrong = [name for name in documents if not _is_whole(session, name, documents[name])]
    database.dispose()
    return Storm(
        [(one["status"], one["text"]) for one in heard],
        {(one["name"], one["status"], one["embedding"]) for one in files},
        {one.state for one in rows},
        sum(one.attempts > 1 for one in rows),
        wrong,
    )


def _document(number: int, paragraphs: int = 30) -> bytes:
    return "\n\n".join(
        f"Log {number}, entry {entry}: the keeper of lamp {number} winds clock {entry} at dusk. "
        * 4
        for entry in range(paragraphs)
    ).encode()


def _is_whole(session: Session, name: str, content: bytes) -> bool:
    """Say whether the passages are the document, and each has its vectors once."""
    file = session.exec(select(StoredFile).where(StoredFile.name == name)).one()
    rows = select(Chunk).where(Chunk.file_id == file.id).order_by(col(Chunk.position))
    texts = [row.text for row in session.exec(rows)]
    vectors = select(func.count()).select_from(ChunkVector).join(Chunk)
    held = session.exec(vectors.where(Chunk.file_id == file.id)).one()
    return _squeezed("".join(texts)) == _squeezed(content.decode()) and held == sum(
        len(chunk.windows(text)) for text in texts
    )


def _squeezed(text: str) -> str:
    return "".join(text.split())
