"""Settings for the owner: keys and services, and models."""

from collections.abc import Iterator

import pytest

from clone_studio.bootstrap import Services
from clone_studio.models import User
from clone_studio.state.connections import ConnectionsState
from clone_studio.state.shell import ShellState
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD
from tests.servers.openai_server import OpenAIServer
from tests.servers.pinecone_server import KEY as PINECONE_KEY
from tests.servers.pinecone_server import PineconeServer
from tests.state.harness import Harness, Tab

KEY = "sk-proj-0123456789-abcdefghij-WXYZ"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer().running() as running:
        yield running


@pytest.fixture
async def tab(harness: Harness, cookie: str) -> Tab:
    opened = harness.tab("a tab", cookie=cookie, path="/settings")
    await opened.open()
    return opened


def row(tab: Tab, name: str):
    return tab.value(ConnectionsState, "settings")[name]


async def test_it_opens_with_what_is_in_force(tab: Tab) -> None:
    assert row(tab, "STUDIO_CHAT_MODEL").shown == "gpt-6-luna"
    assert not any(one.is_set for one in tab.value(ConnectionsState, "settings").values())
    assert tab.value(ConnectionsState, "models_words") == "Quotes only"
    assert tab.value(ConnectionsState, "keys_words") == "No service"


async def test_a_saved_connection_is_named_everywhere(
    studio: Services, tab: Tab, server: OpenAIServer
) -> None:
    form = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.address}
    await tab.send(ConnectionsState.save_keys, form=form)
    assert row(tab, "OPENAI_API_KEY").shown == "sk-…WXYZ"
    assert tab.value(ConnectionsState, "keys_tone") == "success"
    assert tab.value(ConnectionsState, "models_words") == "gpt-6-luna"
    assert tab.value(ConnectionsState, "names")[0] == "gpt-6-luna"
    assert tab.value(ShellState, "model") == "gpt-6-luna"
    form_key = tab.value(ConnectionsState, "form_key")
    # The key field is empty or absent in this form: the stored key stays.
    await tab.send(ConnectionsState.save_keys, form={"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""})
    assert row(tab, "OPENAI_API_KEY").shown == "sk-…WXYZ"
    assert row(tab, "OPENAI_BASE_URL").shown == ""
    assert tab.value(ConnectionsState, "form_key") == form_key + 1
    await tab.send(ConnectionsState.remove_key, name="OPENAI_API_KEY")
    assert tab.value(ShellState, "model") == "Quotes only"
    await studio.llm.close()


async def test_a_save_that_fails_names_the_field_and_leaves_the_form_alone(tab: Tab) -> None:
    await tab.send(ConnectionsState.replace_key, name="OPENAI_API_KEY")
    before = tab.value(ConnectionsState, "form_key")
    form = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "nowhere"}
    await tab.send(ConnectionsState.save_keys, form=form)
    assert set(tab.value(ConnectionsState, "errors")) == {"OPENAI_BASE_URL"}
    assert tab.value(ConnectionsState, "form_key") == before
    assert tab.value(ConnectionsState, "replacing") == "OPENAI_API_KEY"
    assert not row(tab, "OPENAI_API_KEY").is_set


async def test_a_test_speaks_of_what_is_typed(tab: Tab, server: OpenAIServer) -> None:
    await tab.send(ConnectionsState.test, service="openai", key=KEY, address=server.address)
    assert "answers and offers 3 models" in tab.value(ConnectionsState, "test_words")
    assert tab.value(ConnectionsState, "test_tone") == "success"
    server.behaviour.mode = "401"
    await tab.send(ConnectionsState.test, service="openai", key=KEY, address=server.address)
    assert "does not accept the API key" in tab.value(ConnectionsState, "test_words")
    await tab.send(ConnectionsState.test, service="openai", key="", address="nowhere")
    assert tab.value(ConnectionsState, "test_words") == ""
    assert set(tab.value(ConnectionsState, "errors")) == {"OPENAI_BASE_URL"}
    assert tab.value(ConnectionsState, "testing") == ""
    assert KEY not in tab.received


async def test_models_are_saved_and_a_default_is_not_stored(studio: Services, tab: Tab) -> None:
    form = {
        "STUDIO_LLM": "auto",
        "STUDIO_CHAT_MODEL": "llama3.2",
        "STUDIO_EMBEDDINGS": "auto",
        "STUDIO_EMBEDDING_MODEL": "text-embedding-3-small",
    }
    await tab.send(ConnectionsState.save_models, form=form)
    rows = tab.value(ConnectionsState, "settings")
    assert [name for name, one in rows.items() if one.is_set] == ["STUDIO_CHAT_MODEL"]
    await tab.send(ConnectionsState.save_models, form={"STUDIO_LLM": "telepathy"})
    assert set(tab.value(ConnectionsState, "errors")) == {"STUDIO_LLM"}


async def test_nobody_but_the_owner(studio: Services, harness: Harness, cookie: str) -> None:
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    studio.auth.set_password("eve", "", OWNER_PASSWORD, keep_session_id="")
    other = studio.auth.sign_in("eve@example.org", OWNER_PASSWORD, "test").token
    tab = harness.tab("of eve", cookie=other, path="/settings")
    await tab.open()
    assert tab.value(ConnectionsState, "allowed") is False
    await tab.send(ConnectionsState.save_keys, form={"OPENAI_API_KEY": KEY})
    await tab.send(ConnectionsState.remove_key, name="OPENAI_API_KEY")
    await tab.send(
        ConnectionsState.test, service="openai", key=KEY, address="http://127.0.0.1:9/v1"
    )
    assert studio.stored.in_force().openai_api_key is None
    assert tab.value(ConnectionsState, "settings") == {}
    assert OWNER_EMAIL not in tab.received


async def test_pinecone_is_tested_and_saved_with_its_index(studio: Services, tab: Tab) -> None:
    with PineconeServer(dimension=384).running() as server:
        await tab.send(
            ConnectionsState.test, service="pinecone", key=PINECONE_KEY, address="bad" * 20
        )
        assert set(tab.value(ConnectionsState, "errors")) == {"PINECONE_INDEX"}
        form = {
            "STUDIO_VECTORS": "database",
            "PINECONE_API_KEY": PINECONE_KEY,
            "PINECONE_INDEX": server.name,
        }
        await tab.send(ConnectionsState.save_keys, form=form)
    assert row(tab, "PINECONE_API_KEY").shown == f"…{PINECONE_KEY[-4:]}"
    assert row(tab, "PINECONE_INDEX").shown == "clone-studio"
    assert tab.value(ConnectionsState, "vectors_words") == "The database"
    await tab.send(ConnectionsState.save_keys, form={"STUDIO_VECTORS": "auto"})
    assert tab.value(ConnectionsState, "vectors_words") == "Pinecone"
    assert PINECONE_KEY not in tab.received
    await tab.send(ConnectionsState.remove_key, name="PINECONE_API_KEY")
    assert tab.value(ConnectionsState, "vectors_words") == "The database"
