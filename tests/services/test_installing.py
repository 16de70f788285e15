"""Installing a local model while the studio runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from clone_studio.db import Database
from clone_studio.errors import Conflict, NotFound
from clone_studio.models import User
from clone_studio.providers.local_models import LocalModels
from clone_studio.providers.model_sources import Sources
from clone_studio.services.audit import AuditService
from clone_studio.services.installing import ModelInstaller
from tests.servers.local_model import tiny
from tests.servers.model_hub import ModelHub

WEIGHTS = b"weights" * 1000
OWNER = "owner"


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with ModelHub({"x": WEIGHTS}).running() as running:
        yield running


@pytest.fixture
async def installer(
    database: Database, hub: ModelHub, tmp_path: Path
) -> AsyncIterator[ModelInstaller]:
    with database.write() as session:
        session.add(User(id=OWNER, email="ada@example.org", is_owner=True))
        session.add(User(id="stranger", email="eve@example.org"))
    models = LocalModels(tmp_path / "models", (tiny(WEIGHTS),), Sources(hub.address))
    made = ModelInstaller(models, database, audit=AuditService(database))
    yield made
    hub.open.set()
    await made.close()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def _state(installer: ModelInstaller) -> str:
    return installer.last.state if installer.last else ""


async def test_a_model_is_installed_and_noted(
    installer: ModelInstaller, database: Database, tmp_path: Path
) -> None:
    await installer.begin(OWNER, "tiny-llm")
    await _until(lambda: _state(installer) != "running")
    assert _state(installer) == "installed"
    assert (tmp_path / "models" / "tiny-llm" / "model.gguf").read_bytes() == WEIGHTS


async def test_one_at_a_time_and_only_for_the_owner(
    installer: ModelInstaller, hub: ModelHub
) -> None:
    with pytest.raises(NotFound):
        await installer.begin("stranger", "tiny-llm")
    assert hub.asked == []
    hub.open.clear()
    await installer.begin(OWNER, "tiny-llm")
    assert _state(installer) == "running"
    with pytest.raises(Conflict, match="being installed already"):
        await installer.begin(OWNER, "tiny-llm")
    with pytest.raises(NotFound):
        await installer.stop("stranger")
    assert _state(installer) == "running"


async def test_it_can_be_stopped_and_begun_again(installer: ModelInstaller, hub: ModelHub) -> None:
    hub.open.clear()
    await installer.begin(OWNER, "tiny-llm")
    await _until(lambda: bool(hub.asked))
    stopping = asyncio.create_task(installer.stop(OWNER))
    await asyncio.sleep(0)
    await _until(lambda: installer.is_stopping)
    hub.open.set()
    await stopping
    assert _state(installer) == "stopped"
    await installer.begin(OWNER, "tiny-llm")
    await _until(lambda: _state(installer) == "installed")


async def test_a_failure_says_what_to_do(installer: ModelInstaller, hub: ModelHub) -> None:
    hub.files.clear()
    await installer.begin(OWNER, "tiny-llm")
    await _until(lambda: _state(installer) == "failed")
    assert installer.last
    assert "could not be fetched" in installer.last.problem


async def test_an_unknown_model_fails_with_a_sentence(installer: ModelInstaller) -> None:
    await installer.begin(OWNER, "../../etc")
    await _until(lambda: _state(installer) == "failed")
    assert installer.last
    assert "no local model called" in installer.last.problem
