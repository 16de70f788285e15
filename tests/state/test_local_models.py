"""Settings, the models on this machine: installing one, and a model server that was found."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.models import User
from clone_studio.provider_choice import MAKERS
from clone_studio.providers.local_models import LocalModels
from clone_studio.providers.model_sources import Sources
from clone_studio.services.connections import Connections
from clone_studio.services.installing import ModelInstaller
from clone_studio.state.connections import ConnectionsState
from clone_studio.state.local_models import LocalModelsState
from clone_studio.state.shell import ShellState
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD
from tests.servers.local_model import tiny
from tests.servers.model_hub import ModelHub
from tests.servers.openai_server import OpenAIServer
from tests.state.harness import Harness, Tab

WEIGHTS = b"weights" * 1000
MODEL = replace(tiny(WEIGHTS), is_optional=True)


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with ModelHub({"x": WEIGHTS}).running() as running:
        yield running


@pytest.fixture
def ollama() -> Iterator[OpenAIServer]:
    with OpenAIServer().running() as running:
        yield running


@pytest.fixture
async def world(
    studio: Services, hub: ModelHub, ollama: OpenAIServer, tmp_path: Path
) -> AsyncIterator[Services]:
    """A studio that knows one small model, and finds a model server on this machine."""
    models = LocalModels(tmp_path / "models", (MODEL,), Sources(hub.address))
    built = replace(
        studio,
        local_models=models,
        installer=ModelInstaller(models, studio.database, audit=studio.audit),
        connections=Connections(
            studio.stored,
            llm=studio.llm,
            embedder=studio.embedder,
            speech_engine=studio.speech_engine,
            makers=MAKERS,
            rebuild=studio.ingester.rebuild,
            ollama=ollama.address,
        ),
    )
    bootstrap.override(built)
    yield built
    await built.llm.close()


@pytest.fixture
async def tab(world: Services, harness: Harness, cookie: str) -> Tab:
    opened = harness.tab("a tab", cookie=cookie, path="/settings")
    await opened.open()
    return opened


def value(tab: Tab, name: str):
    return tab.value(LocalModelsState, name)


async def test_installing_shows_how_it_ended(tab: Tab) -> None:
    assert value(tab, "words") == "0 of 1 here"
    assert value(tab, "rows")[0].licence == "MIT"
    await tab.send(LocalModelsState.install, name="tiny-llm")
    assert value(tab, "rows")[0].is_here
    assert (value(tab, "words"), value(tab, "installing")) == ("1 of 1 here", "")


async def test_a_failure_stands_beside_the_model(tab: Tab, hub: ModelHub) -> None:
    hub.files.clear()
    await tab.send(LocalModelsState.install, name="tiny-llm")
    assert value(tab, "failed") == "tiny-llm"
    assert "could not be fetched" in value(tab, "failure")
    hub.files["x"] = WEIGHTS
    await tab.send(LocalModelsState.install, name="tiny-llm")
    assert (value(tab, "failed"), value(tab, "rows")[0].is_here) == ("", True)


async def test_a_name_that_is_not_offered_is_not_fetched(tab: Tab, hub: ModelHub) -> None:
    await tab.send(LocalModelsState.install, name="all-MiniLM-L6-v2")
    assert hub.asked == []


async def test_a_server_on_this_machine_is_offered_and_never_taken(
    world: Services, tab: Tab, ollama: OpenAIServer
) -> None:
    offered = value(tab, "offered")
    assert offered in value(tab, "offered_models")
    assert tab.value(ConnectionsState, "models_words") == "Quotes only"
    assert ollama.chats() == []
    assert not world.stored.in_force().openai_base_url
    await tab.send(LocalModelsState.use_offered)
    assert world.stored.in_force().openai_base_url == ollama.address
    assert tab.value(ConnectionsState, "models_words") == offered
    assert tab.value(ShellState, "model") == offered
    assert value(tab, "offered") == ""


async def test_with_a_key_no_server_is_looked_for_and_none_gets_it(
    world: Services, harness: Harness, cookie: str, ollama: OpenAIServer
) -> None:
    with world.database.read() as session:
        owner = session.exec(select(User.id).where(User.email == OWNER_EMAIL)).one()
    world.stored.change(owner, {"OPENAI_API_KEY": "sk-proj-0123456789-abcdefghij"})
    assert await world.connections.nearby(owner) is None
    assert ollama.requests == []


async def test_nobody_but_the_owner_sees_or_installs(
    world: Services, harness: Harness, hub: ModelHub, ollama: OpenAIServer
) -> None:
    with world.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    world.auth.set_password("eve", "", OWNER_PASSWORD, keep_session_id="")
    cookie = world.auth.sign_in("eve@example.org", OWNER_PASSWORD, "test").token
    tab = harness.tab("eve's", cookie=cookie, path="/settings")
    await tab.open()
    for event, payload in (
        (LocalModelsState.install, {"name": "tiny-llm"}),
        (LocalModelsState.stop, {}),
        (LocalModelsState.look_nearby, {}),
        (LocalModelsState.use_offered, {}),
    ):
        await tab.send(event, **payload)
    assert (value(tab, "allowed"), value(tab, "rows"), value(tab, "offered")) == (False, [], "")
    assert hub.asked == []
    assert ollama.requests == []
