"""A small studio of the knowledge core alone: files, jobs, index and retrieval."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clone_studio.db import Database
from clone_studio.errors import NotFound
from clone_studio.models import Persona, User
from clone_studio.providers.files.disk import DiskFileStore
from clone_studio.providers.search.database import DatabaseSearchIndex
from clone_studio.services.events import MemoryEventBus
from clone_studio.services.files import FileInfo, FileService
from clone_studio.services.job_runner import JobRunner
from clone_studio.services.jobs import JobQueue, RunningJob
from clone_studio.services.knowledge.ingest import Ingester
from clone_studio.services.knowledge.retrieve import Retriever
from tests.knowledge.embedder import WordVectors

MAX_BYTES = 1024 * 1024
ADA, BOB = "user-ada", "user-bob"


@dataclass(frozen=True)
class OnePersona:
    """What the file service needs of a clone."""

    id: str


class Owners:
    """Who owns which clone, without the service of clones."""

    def __init__(self, owned: dict[str, str]) -> None:
        self._owned = owned

    def get_for(self, user_id: str, ref: str) -> OnePersona:
        if self._owned.get(ref) != user_id:
            raise NotFound("There is no such clone.")
        return OnePersona(ref)


@dataclass
class Shelves:
    """Everything, wired; persona `franklin` is Ada's and `emerson` is Bob's."""

    database: Database
    store: DiskFileStore
    index: DatabaseSearchIndex
    embedder: WordVectors
    jobs: JobQueue
    events: MemoryEventBus
    files: FileService
    ingester: Ingester
    retriever: Retriever

    def upload(
        self, name: str, content: bytes, *, user: str = ADA, persona: str = "franklin"
    ) -> FileInfo:
        """Upload a document without having it read yet."""
        pending = self.files.begin(user, persona, name, len(content))
        pending.write(content)
        return pending.finish()

    def add(
        self, name: str, content: bytes, *, user: str = ADA, persona: str = "franklin"
    ) -> FileInfo:
        """Upload a document and do all the work it makes; return how it ended."""
        info = self.upload(name, content, user=user, persona=persona)
        self.work()
        return self.files.get_for(user, info.id)

    def work(self, *kinds: str) -> int:
        """Do every job that is due, in this thread; return how many there were."""
        runner, done = JobRunner(self.jobs, []), 0
        while job := self.jobs.claim(kinds or ("ingest", "embed", "forget")):
            runner.run(job)
            done += 1
        return done

    def claim(self, kind: str = "ingest") -> RunningJob:
        """Take the next job, which has to be there."""
        job = self.jobs.claim([kind])
        assert job is not None
        return job

    def revision(self, persona: str = "franklin") -> int:
        """Return the knowledge revision of a clone."""
        with self.database.read() as session:
            return session.get_one(Persona, persona).knowledge_revision

    @contextmanager
    def running(self) -> Iterator[JobRunner]:
        """Have threads do the work until the block ends."""
        runner = JobRunner(self.jobs, [("ingest",), ("ingest",), ("embed", "forget")])
        runner.start()
        try:
            yield runner
        finally:
            runner.stop()

    def until_settled(self, file_id: str, *, user: str = ADA, seconds: float = 60) -> FileInfo:
        """Wait until the threads are through with a file."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            info = self.files.get_for(user, file_id)
            if info.state == "failed" or info.embedding in {"done", "failed"}:
                return info
            self.jobs.wait(0.05)
        raise AssertionError(f"still {info.state}, {info.stage}, {info.embedding}")


def open_shelves(database: Database, folder: Path, *, owner: str | None = None) -> Shelves:
    """Wire the knowledge core over `database`; documents go below `folder`."""
    index, jobs = DatabaseSearchIndex(database), JobQueue(database, owner=owner)
    store, embedder, events = DiskFileStore(folder / "files"), WordVectors(), MemoryEventBus()
    ingester = Ingester(
        database,
        store=store,
        index=index,
        embedder=embedder,
        jobs=jobs,
        events=events,
        seconds=60,
    )
    ingester.register()
    files = FileService(
        database,
        personas=Owners({"franklin": ADA, "emerson": BOB}),
        store=store,
        index=index,
        jobs=jobs,
        events=events,
        max_bytes=MAX_BYTES,
    )
    retriever = Retriever(database, index=index, embedder=embedder)
    return Shelves(database, store, index, embedder, jobs, events, files, ingester, retriever)


def add_people(database: Database) -> None:
    """Add two users with one clone each."""
    with database.write() as session:
        for user, persona in ((ADA, "franklin"), (BOB, "emerson")):
            session.add(User(id=user, email=f"{user}@example.org"))
            session.flush()
            session.add(Persona(id=persona, user_id=user, slug=persona, name=persona.title()))
