"""A key that was entered in the studio is nowhere in clear.

It goes in through the page and through the API, is used, refused by a server that repeats it,
replaced and removed; then everything that left the studio or stayed in it is searched.
"""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from clone_studio.api.app import api_app
from clone_studio.bootstrap import Services
from clone_studio.logs import JsonFormatter
from clone_studio.services.auth import SESSION_COOKIE
from clone_studio.state.chat import ChatState
from clone_studio.state.connections import ConnectionsState
from clone_studio.state.health import HealthState
from clone_studio.state.voice import VoiceState
from tests.servers.elevenlabs_server import ElevenLabsServer
from tests.servers.openai_server import OpenAIServer
from tests.state.harness import Harness, Tab

ORIGIN = "http://127.0.0.1:3000"
BY_PAGE = "sk-entered-in-the-page-0123456789-abcd"
BY_API = "sk-entered-by-the-api-0123456789-efgh"
ONLY_TRIED = "sk-only-tried-and-never-saved-0123-ijkl"
VOICE = "sk_voice-entered-in-the-page-0123-mnop"
KEYS = (BY_PAGE, BY_API, ONLY_TRIED)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer().running() as running:
        yield running


@pytest.fixture
def voices() -> Iterator[ElevenLabsServer]:
    with ElevenLabsServer().running() as running:
        yield running


@pytest.fixture
def log(studio: Services) -> Iterator[io.StringIO]:
    """The log as the studio writes it, but of everything: libraries too, down to DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter(studio.stored.secrets))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


@dataclass
class Client:
    """A client of the API that remembers every answer."""

    http: httpx.AsyncClient
    answers: list[str] = field(default_factory=list)

    async def __call__(self, method: str, path: str, **options: object) -> httpx.Response:
        answer = await self.http.request(method, path, **options)  # type: ignore[arg-type]
        self.answers.append(f"{answer.headers} {answer.text}")
        return answer


@pytest.fixture
async def client(studio: Services, cookie: str) -> AsyncIterator[Client]:
    transport = httpx.ASGITransport(app=api_app())
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, headers={"Origin": ORIGIN}
    ) as http:
        http.cookies.set(SESSION_COOKIE, cookie)
        yield Client(http)


async def use_the_page(tab: Tab, server: OpenAIServer) -> None:
    await tab.open()
    typed = {"OPENAI_API_KEY": BY_PAGE, "OPENAI_BASE_URL": server.address}
    await tab.send(ConnectionsState.test, service="openai", key=ONLY_TRIED, address=server.address)
    assert "answers and offers" in tab.value(ConnectionsState, "test_words")
    await tab.send(ConnectionsState.save_keys, form=typed)
    settings = tab.value(ConnectionsState, "settings")
    assert settings["OPENAI_API_KEY"].shown == "sk-…abcd"
    # Wrong in another field: what was typed comes back in no message.
    wrong = {"OPENAI_API_KEY": ONLY_TRIED, "OPENAI_BASE_URL": "nowhere"}
    await tab.send(ConnectionsState.save_keys, form=wrong)
    await tab.send(ConnectionsState.save_keys, form={"OPENAI_API_KEY": f"{ONLY_TRIED} x"})
    assert set(tab.value(ConnectionsState, "errors")) == {"OPENAI_API_KEY"}


async def use_the_voice(tab: Tab, client: Client, server: ElevenLabsServer) -> None:
    """Enter the key of a voice that the server refuses, and have it speak."""
    address = server.address
    typed = {"ELEVENLABS_API_KEY": VOICE, "ELEVENLABS_BASE_URL": address}
    await tab.send(ConnectionsState.test, service="elevenlabs", key=VOICE, address=address)
    assert "does not accept the key" in tab.value(ConnectionsState, "test_words")
    await tab.send(ConnectionsState.save_keys, form=typed)
    assert tab.value(ConnectionsState, "settings")["ELEVENLABS_API_KEY"].shown == "sk_…mnop"
    assert tab.value(ConnectionsState, "speech_words") == "ElevenLabs"
    spoken = await client("POST", "/api/personas/ben/voice/stream", json={"text": "Hello."})
    assert spoken.status_code == 502
    assert {one.headers["xi-api-key"] for one in server.requests} == {VOICE}


async def be_repeated(tab: Tab, client: Client, server: ElevenLabsServer) -> None:
    """Have the voice's server repeat the key where it is listed, tried, spoken and checked."""
    for mode in ("repeat_403", "repeat_422"):
        server.behaviour.mode = mode
        typed = {"service": "elevenlabs", "key": VOICE, "address": server.address}
        await tab.send(ConnectionsState.test, **typed)
        assert tab.value(ConnectionsState, "test_tone") == "danger"
        tried = {"service": "elevenlabs", "settings": {"ELEVENLABS_API_KEY": VOICE}}
        answer = await client("POST", "/api/settings/test", json=tried)
        assert "is wrong" in answer.text
        for path in ("/api/voices", "/api/health", "/api/personas/ben/voice/usage"):
            await client("GET", path)
        await client("POST", "/api/personas/ben/voice/stream", json={"text": f"Good day {mode}."})
        await tab.send(HealthState.check_again)
        await tab.open("/voice/ben")
        assert "is wrong" in tab.value(VoiceState, "list_problem")
        await tab.open("/settings")


async def be_refused(tab: Tab, client: Client, server: OpenAIServer) -> None:
    """Have the server repeat the key, in answers, tests, lists and health."""
    for mode in ("repeat_400", "repeat_401"):
        server.behaviour.mode = mode
        await client("POST", "/api/chat/ben", json={"message": "Who are you?"})
        await tab.send(
            ConnectionsState.test, service="openai", key=ONLY_TRIED, address=server.address
        )
        assert tab.value(ConnectionsState, "test_tone") == "danger"
        await tab.send(ConnectionsState.read_names)
        tried = {"service": "openai", "settings": {"OPENAI_API_KEY": ONLY_TRIED}}
        answer = await client("POST", "/api/settings/test", json=tried)
        assert answer.json()["works"] is False
        await tab.send(HealthState.check_again)
    await tab.open("/chat/ben")
    await tab.open(tab.redirects[-1])
    assert tab.value(ChatState, "clone") == "ben"
    server.behaviour.mode = "normal"


async def use_the_api(client: Client) -> None:
    changes = {"settings": {"OPENAI_API_KEY": BY_API}}
    changed = await client("PUT", "/api/settings", json=changes)
    shown = {one["name"]: one["shown"] for one in changed.json()["settings"]}
    assert shown["OPENAI_API_KEY"] == "sk-…efgh"
    wrong = {"OPENAI_API_KEY": f"{ONLY_TRIED}\u2026", "STUDIO_LLM": ONLY_TRIED}
    refused = await client("PUT", "/api/settings", json={"settings": wrong})
    assert refused.status_code == 422
    await client("POST", "/api/chat/ben", json={"message": "And what do you know?"})
    for path in ("/api/settings", "/api/health", "/api/conversations", "/api/personas"):
        assert (await client("GET", path)).status_code == 200
    threads = (await client("GET", "/api/conversations")).json()["conversations"]
    for thread in threads:
        await client("GET", f"/api/conversations/{thread['id']}/messages")


async def test_an_entered_key_is_nowhere_in_clear(
    studio: Services,
    harness: Harness,
    cookie: str,
    client: Client,
    server: OpenAIServer,
    voices: ElevenLabsServer,
    log: io.StringIO,
) -> None:
    await client("POST", "/api/personas", json={"name": "Ben"})
    tab = harness.tab("a tab", cookie=cookie, path="/settings")
    await use_the_page(tab, server)
    await client("POST", "/api/chat/ben", json={"message": "Who are you?"})
    await be_refused(tab, client, server)
    await use_the_api(client)
    await use_the_voice(tab, client, voices)
    await be_repeated(tab, client, voices)
    logging.getLogger("clone_studio").error("A library repeats %s", BY_API)
    used = {one.headers.get("authorization") for one in server.requests}
    assert {f"Bearer {key}" for key in KEYS} <= used, "each was really sent, so it was in use"
    await studio.llm.close()
    await studio.speech_engine.close()
    # While it runs, what was written last stands in a file beside the database.
    running = {f"running {name}": text for name, text in stored_files(studio).items()}
    await asyncio.to_thread(studio.database.dispose)
    places = {
        "socket": tab.received,
        "api": "".join(client.answers),
        "log": log.getvalue(),
        **running,
        **stored_files(studio),
    }
    assert {"studio.db", "running studio.db-wal"} < places.keys()
    found = [
        (place, key) for place, text in places.items() for key in (*KEYS, VOICE) if key in text
    ]
    assert found == []
    # What is searched is what was written: the masks and the error sentences are there.
    assert "sk-…abcd" in places["socket"] and "sk-…efgh" in places["api"]
    assert "A library repeats …" in places["log"]
    assert "setting.changed" in places["studio.db"]


def stored_files(studio: Services) -> dict[str, str]:
    """Return every byte that the studio keeps, with what is not committed yet."""
    folder = studio.settings.data_dir
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes().decode("latin-1") for path in paths}
