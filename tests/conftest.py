"""What every test stands on: a closed network, its own data folder, and the studio's services."""

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pytest_socket import socket_allow_hosts

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.services.audit import AuditService
from clone_studio.services.auth import AuthService
from clone_studio.services.events import MemoryEventBus
from clone_studio.services.guide import GuideService
from clone_studio.services.passwords import Passwords
from clone_studio.settings import Settings
from tests.postgres import PostgresServer
from tests.servers.redis_server import RedisProcess

OWNER_EMAIL = "ada@example.org"
OWNER_PASSWORD = "correct horse battery"
# Folders whose tests run on SQLite and on PostgreSQL.
ON_BOTH_ENGINES = frozenset({"tests.services", "tests.contract"})
# Of these, tests of what only reads a few settings or rows of the database.
WHATEVER_ENGINE = frozenset(
    {"test_connections", "test_installing", "test_local_answers", "test_speech", "test_voices"}
)
# The settings that the studio reads from its environment begin so.
VARIABLES = (
    "STUDIO_",
    "OPENAI_",
    "ELEVENLABS_",
    "DEFAULT_VOICE_ID",
    "DATABASE_",
    "REDIS_",
    "PINECONE_",
)


def quick_passwords() -> Passwords:
    """Return argon2id at its least cost: the full one takes a tenth of a second a time."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(autouse=True)
def _closed_network() -> Iterator[None]:
    """Nothing but this machine can be reached."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
    yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key or setting of the machine gets into a test."""
    for name in tuple(os.environ):
        kept = name == "STUDIO_BENCH_DATA" or name.startswith("STUDIO_TEST_")
        if name.startswith(VARIABLES) and not kept:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file whose schema was made by the migrations; tests copy it."""
    path = tmp_path_factory.mktemp("schema") / "studio.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a database on both engines, in the folders where the engine matters."""
    folder, _, name = metafunc.module.__name__.rpartition(".")
    both = folder in ON_BOTH_ENGINES and name not in WHATEVER_ENGINE
    if both and "engine_name" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("engines")
        metafunc.parametrize("engine_name", only.args if only else ("sqlite", "postgres"))


@pytest.fixture
def engine_name() -> str:
    """Which database engine a test runs on."""
    return "sqlite"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started when the first test asks for it."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def database_address(engine_name: str, request: pytest.FixtureRequest) -> str | None:
    """The address of an empty database on PostgreSQL; None for SQLite's usual file."""
    if engine_name == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.empty_database()


@pytest.fixture
def settings(tmp_path: Path, migrated_database: Path, database_address: str | None) -> Settings:
    """Settings of a studio in an empty data folder, with no key."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    if database_address is None:
        shutil.copy(migrated_database, data_dir / "studio.db")
    return Settings(
        _env_file=None,
        data_dir=data_dir,
        database_address=database_address,
        owner_email=OWNER_EMAIL,
        owner_password=OWNER_PASSWORD,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The database of `settings`, migrated and empty."""
    opened = Database(settings.database_url)
    yield opened
    opened.dispose()


def with_small_guide(studio: Services) -> Services:
    """Return the services with a guide of one page: reading the real one takes seconds."""
    folder = studio.settings.data_dir / "guide"
    folder.mkdir()
    (folder / "asking.md").write_text("# Asking\n\nType a question and press Enter.")
    guide = GuideService(
        studio.database,
        personas=studio.personas,
        files=studio.files,
        audit=studio.audit,
        folder=folder,
    )
    return dataclasses.replace(studio, guide=guide)


@pytest.fixture
def studio(settings: Settings) -> Iterator[Services]:
    """The services of an empty studio, also for code that asks `bootstrap.services()`."""
    database, events = Database(settings.database_url), MemoryEventBus()
    audit = AuditService(database)
    auth = AuthService(database, settings, audit=audit, events=events, passwords=quick_passwords())
    built = bootstrap.build(settings, database=database, events=events, audit=audit, auth=auth)
    built = with_small_guide(built)
    bootstrap.override(built)
    yield built
    bootstrap.override(None)
    built.database.dispose()


@pytest.fixture(scope="session")
def _redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """One Redis for all tests; started when the first one needs it."""
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def redis_process(_redis_process: RedisProcess) -> Iterator[RedisProcess]:
    """A real Redis, running and empty, that a test may kill, pause and start again."""
    _redis_process.start()
    _redis_process.clear()
    yield _redis_process
    _redis_process.start()
