"""Settings and Files while another embedding model is built."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from clone_studio.bootstrap import Services
from clone_studio.models import User
from clone_studio.services.job_runner import JobRunner
from clone_studio.services.rebuilding import OTHERS, Cost
from clone_studio.state.base import StudioState
from clone_studio.state.connections import ConnectionsState
from clone_studio.state.files import FilesState
from clone_studio.state.rebuild import RebuildState, cost_words
from tests.conftest import OWNER_PASSWORD
from tests.knowledge.tiny_model import write_model
from tests.servers.openai_server import Behaviour, OpenAIServer
from tests.state.harness import Harness, Tab

MODEL, OLD = "text-embedding-3-small", "all-MiniLM-L6-v2"
FORM = {"STUDIO_EMBEDDINGS": "openai"}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer().running() as running:
        yield running


@pytest.fixture
async def tab(
    studio: Services, harness: Harness, cookie: str, server: OpenAIServer
) -> AsyncIterator[Tab]:
    """A tab on Settings; two clones of the owner and one of Eve have a document each."""
    write_model(studio.settings.local_models_dir / OLD)
    owner = studio.auth.ensure_owner()
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    for user_id, name in ((owner.id, "Ada"), (owner.id, "Ben"), ("eve", "Secret")):
        persona = studio.personas.create(user_id, {"name": name})
        studio.files.add_text(persona.id, "post.md", f"Letters of {name} are sorted on Tuesday.")
    await work(studio)
    await studio.connections.change(owner.id, {"OPENAI_BASE_URL": server.address})
    opened = harness.tab("a tab", cookie=cookie, path="/settings")
    await opened.open()
    yield opened
    await studio.llm.close()
    studio.knowledge.close()
    studio.embedder.close()


async def work(studio: Services) -> None:
    """Do every job that is due."""

    def run() -> None:
        while job := studio.jobs.claim(("ingest", "embed")):
            JobRunner(studio.jobs, []).run(job)

    await asyncio.to_thread(run)


def said(tab: Tab) -> str:
    return " ".join(one.text for one in tab.value(StudioState, "notices"))


async def test_the_cost_is_said_before(tab: Tab) -> None:
    assert "3 passages of all clones are embedded again" in tab.value(ConnectionsState, "costs")
    assert tab.value(ConnectionsState, "key_decides") is True
    assert tab.value(RebuildState, "active") is False
    assert cost_words(Cost(0, 0, 0)) == ""
    assert "about 20 minutes" in cost_words(Cost(30_000, 1227, 6_750_000))
    assert "6,750,000 tokens" in cost_words(Cost(30_000, 1227, 6_750_000))
    assert "about 3 hours" in cost_words(Cost(300_000, 12_270, 67_500_000))


async def test_a_failure_is_shown_and_tried_again(
    studio: Services, tab: Tab, server: OpenAIServer
) -> None:
    server.behaviour = Behaviour(mode="401")
    owner = studio.auth.ensure_owner()
    await studio.connections.change(owner.id, FORM)
    await work(studio)
    await tab.open()
    assert tab.value(RebuildState, "active") is True
    assert (tab.value(RebuildState, "new"), tab.value(RebuildState, "old")) == (MODEL, OLD)
    assert tab.value(RebuildState, "words") == "0 of 3 passages"
    assert "refused the key" in tab.value(RebuildState, "error")
    names = [row.name for row in tab.value(RebuildState, "rows")]
    assert names == ["Ada", "Ben", OTHERS], "no clone of others is named"
    assert "Secret" not in tab.received
    files = await opened(tab, "/files/ben")
    assert f"{OLD} answers until then" in files.value(FilesState, "rebuild")
    assert "stands still" in files.value(FilesState, "rebuild")
    server.behaviour = Behaviour()
    tab.path = "/files/ben"
    await tab.send(RebuildState.try_again)
    assert tab.value(RebuildState, "error") == ""
    assert "Until then all-MiniLM-L6-v2 answers" in (await opened(tab, "/files/ben")).value(
        FilesState, "rebuild"
    )
    await work(studio)
    assert (await opened(tab, "/files/ben")).value(FilesState, "rebuild") == ""
    await tab.open("/settings")
    assert tab.value(RebuildState, "active") is False
    assert "uses one model again" in said(tab)


async def opened(tab: Tab, path: str) -> Tab:
    """Show another page in the tab."""
    await tab.open(path)
    return tab


async def test_going_back_keeps_the_old_model(
    studio: Services, tab: Tab, server: OpenAIServer
) -> None:
    owner = studio.auth.ensure_owner()
    await studio.connections.change(owner.id, FORM)
    before = tab.value(ConnectionsState, "form_key")
    await tab.send(ConnectionsState.go_back)
    assert f"{OLD} is the embedding model again." in said(tab)
    assert tab.value(ConnectionsState, "meaning_by") == OLD
    assert tab.value(ConnectionsState, "form_key") == before + 1
    assert tab.value(RebuildState, "active") is False
    await tab.send(ConnectionsState.go_back)
    assert "No other embedding model is being built." in said(tab)
    assert [one.path for one in server.requests if "embeddings" in one.path] == []


async def test_others_see_and_do_nothing(
    studio: Services, tab: Tab, harness: Harness, server: OpenAIServer
) -> None:
    await studio.connections.change(studio.auth.ensure_owner().id, FORM)
    studio.auth.set_password("eve", "", OWNER_PASSWORD, keep_session_id="")
    cookie = studio.auth.sign_in("eve@example.org", OWNER_PASSWORD, "test").token
    other = harness.tab("of eve", cookie=cookie, path="/settings")
    await other.open()
    assert other.value(RebuildState, "active") is False
    await other.send(RebuildState.try_again)
    await other.send(ConnectionsState.go_back)
    assert studio.embedder.model == MODEL
    assert "Ben" not in other.received
