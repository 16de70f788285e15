import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from clone_studio.bootstrap import Services
from clone_studio.db import utc_now
from clone_studio.errors import ModelMissing, ProviderDown
from clone_studio.models import Job, Persona, StoredFile, User
from clone_studio.providers.cache.protocol import Cache
from clone_studio.providers.cache.redis import RedisCache
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.llm.openai import OpenAIModel
from clone_studio.providers.llm.protocol import LanguageModel
from clone_studio.providers.speech.local import LocalSpeech
from clone_studio.providers.speech.off import NoSpeech
from clone_studio.services.audit import AuditService
from clone_studio.services.health import (
    AGAIN_SECONDS,
    CHECK_SECONDS,
    Health,
    HealthService,
    Part,
)
from clone_studio.services.stored_settings import StoredSettings
from clone_studio.services.workload import STUCK_AFTER
from tests.chat_world import PacedModel
from tests.servers.models import KEY, model_at
from tests.servers.openai_server import OpenAIServer
from tests.servers.redis_server import PASSWORD, RedisProcess, server_at
from tests.services.test_speech import Parrot


class Meaning:
    """An embedding model that can be missing."""

    model = "stand-in"
    dimension = 2
    missing = False
    checks = 0

    def embed_query(self, text: str) -> Vectors:
        raise AssertionError(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError(texts)

    def check(self) -> str:
        self.checks += 1
        if self.missing:
            raise ModelMissing("The model has not been fetched.")
        return "It works."

    def close(self) -> None:
        """Nothing is open."""


class Asked(PacedModel):
    """A language model that counts how often it was asked, and may not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0
        self.down = False
        self.free = asyncio.Event()
        self.free.set()

    async def check(self) -> str:
        self.checks += 1
        await self.free.wait()
        if self.down:
            raise ProviderDown("The server cannot be reached.")
        return "It answers."


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meaning() -> Meaning:
    return Meaning()


@pytest.fixture
def llm() -> Asked:
    return Asked()


@pytest.fixture
async def health(
    studio: Services, llm: Asked, meaning: Meaning, clock: Clock
) -> AsyncIterator[HealthService]:
    made = service(studio, llm, meaning, clock)
    yield made
    await made.close()


def service(
    studio: Services,
    llm: LanguageModel,
    meaning: Meaning,
    clock: Clock,
    *,
    cache: Cache | None = None,
    deadline: float = 20,
) -> HealthService:
    return HealthService(
        studio.stored,
        studio.database,
        cache=cache or studio.cache,
        llm=llm,
        embedder=meaning,
        speech_engine=Parrot(),
        vectors=studio.remote_vectors,
        clock=clock,
        deadline=deadline,
    )


def part(health: Health, name: str) -> Part:
    return next(one for one in health.parts if one.name == name)


async def test_all_is_well(health: HealthService) -> None:
    report = await health.report()
    assert report.status == "ok"
    assert [one.name for one in report.parts] == [
        "database",
        "cache",
        "language model",
        "embedding model",
        "speech",
        "search",
        "jobs",
        "disk",
    ]
    assert {one.status for one in report.parts} == {"ok"}
    assert "memory of this process" in part(report, "cache").detail
    assert "schema 0" in part(report, "database").detail
    assert part(report, "language model").detail == "It answers."


async def test_without_a_model_it_says_how_to_have_one(studio: Services) -> None:
    found = part(await studio.health.report(), "language model")
    assert found.status == "ok"
    assert "quotes" in found.detail and "Settings" in found.fix


async def test_a_missing_model_is_said_with_its_repair_and_checked_again_later(
    health: HealthService, meaning: Meaning, clock: Clock
) -> None:
    meaning.missing = True
    report = await health.report()
    found = part(report, "embedding model")
    assert (found.status, report.status) == ("degraded", "degraded")
    assert "has not been fetched" in found.detail
    assert "./studio models install" in found.fix
    meaning.missing = False
    assert part(await health.report(), "embedding model").status == "degraded"
    assert meaning.checks == 1
    clock.now += CHECK_SECONDS
    assert (await health.report()).status == "ok"


async def test_the_language_model_is_asked_once_a_minute_for_everybody(
    health: HealthService, llm: Asked, clock: Clock
) -> None:
    llm.down = True
    reports = await asyncio.gather(*(health.report() for _ in range(20)))
    assert llm.checks == 1
    assert {part(one, "language model").status for one in reports} == {"degraded"}
    assert "cannot be reached" in part(reports[0], "language model").detail
    llm.down = False
    clock.now += AGAIN_SECONDS
    assert part(await health.report(), "language model").status == "degraded"
    assert part(await health.report(again=True), "language model").status == "ok"
    assert part(await health.report(again=True), "language model").status == "ok"
    assert llm.checks == 2


async def test_a_model_that_does_not_answer_delays_nobody_and_is_shown_when_it_does(
    studio: Services, llm: Asked, meaning: Meaning, clock: Clock
) -> None:
    health = service(studio, llm, meaning, clock, deadline=0.2)
    llm.free.clear()
    async with asyncio.timeout(5):
        found = part(await health.report(), "language model")
    assert found.status == "degraded"
    assert "No answer came" in found.detail and found.fix
    clock.now += CHECK_SECONDS
    await health.report()
    assert llm.checks == 1, "the first question still stands"
    llm.free.set()
    assert part(await health.report(), "language model").detail == "It answers."
    await health.close()


async def test_redis_is_told_with_its_place_and_without_its_password(
    studio: Services,
    llm: Asked,
    meaning: Meaning,
    clock: Clock,
    redis_process: RedisProcess,
) -> None:
    cache = RedisCache(server_at(redis_process.url))
    health = service(studio, llm, meaning, clock, cache=cache)
    found = part(await health.report(), "cache")
    assert found.detail.startswith(f"Redis at {redis_process.place} answers in ")
    assert (found.status, found.fix) == ("ok", "")
    redis_process.kill()
    clock.now += CHECK_SECONDS
    report = await health.report()
    found = part(report, "cache")
    assert found.detail == (
        f"Redis at {redis_process.place} does not answer; the studio works from memory."
    )
    assert (found.status, report.status) == ("degraded", "degraded")
    assert "REDIS_URL" in found.fix
    assert PASSWORD not in found.detail + found.fix
    redis_process.start()
    clock.now += CHECK_SECONDS
    assert part(await health.report(), "cache").status == "ok"
    cache.close()


async def test_another_model_is_asked_at_once(
    studio: Services, health: HealthService, llm: Asked
) -> None:
    studio.auth.ensure_owner()
    await health.report()
    with studio.database.read() as session:
        owner = session.exec(User.__table__.select()).one().id
    studio.stored.change(owner, {"STUDIO_CHAT_MODEL": "llama3.2"})
    await health.report()
    assert llm.checks == 2


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer().running() as running:
        yield running


async def test_a_refused_key_is_said_without_the_key(
    studio: Services, server: OpenAIServer, meaning: Meaning, clock: Clock
) -> None:
    server.behaviour.mode = "401"
    model: OpenAIModel = model_at(server)
    health = service(studio, model, meaning, clock)
    async with asyncio.timeout(20):
        found = part(await health.report(), "language model")
        while "No answer came" in found.detail:
            found = part(await health.report(), "language model")
    assert "does not accept the API key" in found.detail
    assert KEY not in found.detail + found.fix
    await health.close()
    await model.close()


async def test_a_lost_database_and_disk_are_down(studio: Services, tmp_path, llm: Asked) -> None:
    gone = studio.settings.model_copy(update={"data_dir": tmp_path / "gone"})
    stored = StoredSettings(studio.database, gone, audit=AuditService(studio.database))
    studio.database.dispose()
    shutil.rmtree(studio.settings.data_dir)
    health = await HealthService(
        stored,
        studio.database,
        cache=studio.cache,
        llm=llm,
        embedder=Meaning(),
        speech_engine=NoSpeech(),
        vectors=studio.remote_vectors,
        clock=Clock(),
    ).report()
    assert health.status == "down"
    assert part(health, "database").status == "down"
    assert part(health, "disk").status == "down"
    assert all(one.fix for one in health.parts if one.status == "down")


def put(studio: Services, *rows: object) -> None:
    with studio.database.write() as session:
        session.add(User(id="owner", email="ada@example.org"))
        session.flush()
        session.add(Persona(id="ben", user_id="owner", slug="ben", name="Ben"))
        session.flush()
        session.add_all(rows)


def file(number: int, **values: object) -> StoredFile:
    given = {
        "id": f"file-{number}",
        "persona_id": "ben",
        "name": f"{number}.md",
        "media_type": "text/markdown",
        "size": 10,
        "sha256": f"{number:064}",
        "storage_key": str(number),
        "state": "ready",
        "chunk_count": 40,
        "embedding": "done",
    }
    return StoredFile(**{**given, **values})


async def test_what_waits_for_meaning_is_counted(studio: Services, health: HealthService) -> None:
    waiting = {"embedding": "pending", "chunk_count": 1200}
    put(studio, file(1), file(2, **waiting), file(3, state="failed", chunk_count=9))
    found = part(await health.report(), "search")
    assert found.status == "ok"
    assert found.detail.startswith("1,200 of 1,240 passages wait")


async def test_files_without_meaning_are_named(studio: Services, health: HealthService) -> None:
    put(studio, file(1), file(2, embedding="failed"))
    found = part(await health.report(), "search")
    assert (found.status, found.detail[:12]) == ("degraded", "1 of 2 files")
    assert found.fix


async def test_failed_and_forgotten_jobs_are_said(studio: Services, health: HealthService) -> None:
    put(studio, Job(kind="ingest", subject_id="1", state="failed"))
    found = part(await health.report(), "jobs")
    assert (found.status, "1 failed" in found.detail) == ("degraded", True)
    old = utc_now() - 2 * STUCK_AFTER
    with studio.database.write() as session:
        session.add(Job(kind="ingest", subject_id="2", run_after=old))
    found = part(await health.report(), "jobs")
    assert "nobody takes them up" in found.detail
    with studio.database.write() as session:
        session.add(Job(kind="embed", subject_id="3", state="running"))
    assert "nobody" not in part(await health.report(), "jobs").detail


async def test_speech_that_is_missing_is_said_with_its_repair(
    studio: Services, llm: Asked, tmp_path: Path
) -> None:
    for engine, status, words in (
        (LocalSpeech(tmp_path), "degraded", "models install speech"),
        (NoSpeech(), "ok", "switched off"),
    ):
        health = await HealthService(
            studio.stored,
            studio.database,
            cache=studio.cache,
            llm=llm,
            embedder=Meaning(),
            speech_engine=engine,
            vectors=studio.remote_vectors,
        ).report()
        speech = part(health, "speech")
        assert speech.status == status
        assert words in speech.detail + speech.fix
