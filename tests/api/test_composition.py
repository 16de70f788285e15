"""The studio as it is served: pages, API and sockets behind the same gates and headers."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp, Message

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.clone_studio import app
from clone_studio.models import Conversation
from clone_studio.models import Message as StoredMessage
from clone_studio.services.auth import SESSION_COOKIE
from clone_studio.session_gate import SessionMiddleware
from clone_studio.settings import Settings
from tests.api.conftest import alive
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD, with_small_guide
from tests.servers.redis_server import RedisProcess
from tests.state.harness import Harness

EVIL = "https://evil.example"


@pytest.fixture
def served(whole: ASGIApp, studio: Services) -> ASGIApp:
    """The whole application over an empty studio."""
    return whole


def browser_of(application: ASGIApp, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=application),
        base_url="http://127.0.0.1:3000",
        headers=headers,
    )


async def test_the_policy_is_on_page_api_and_static(served: ASGIApp) -> None:
    async with browser_of(served) as browser:
        for path in (
            "/api/health",
            "/api/nothing",
            "/login",
            "/assets/none.js",
            "/clones",
            "/ping",
        ):
            headers = (await browser.get(path)).headers
            assert headers["content-security-policy"].startswith("default-src 'self'"), path
            assert headers["x-content-type-options"] == "nosniff", path
            assert "unsafe-eval" not in headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/_upload", "/_upload/x", "/upload"])
async def test_reflexs_own_upload_is_not_there(
    served: ASGIApp, studio: Services, path: str
) -> None:
    studio.auth.ensure_owner()
    token = studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test").token
    async with browser_of(served, Cookie=f"{SESSION_COOKIE}={token}") as browser:
        assert (await browser.get(path)).status_code == 404
        assert (await browser.post(path)).status_code in {404, 405}


@pytest.mark.parametrize("path", ["/api/health", "/api/auth/token", "/ping", "/_event/"])
async def test_other_origins_are_not_allowed(served: ASGIApp, path: str) -> None:
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    async with browser_of(served) as browser:
        for answer in (
            await browser.options(path, headers=asked),
            await browser.get(path, headers={"Origin": EVIL}),
        ):
            assert answer.headers.get("access-control-allow-origin") not in {"*", EVIL}


async def test_a_socket_from_another_origin_is_refused(served: ASGIApp, studio: Services) -> None:
    async def dialogue(origin: str) -> list[str]:
        said: list[str] = []
        events: asyncio.Queue[Message] = asyncio.Queue()
        await events.put({"type": "websocket.connect"})
        ended = asyncio.Event()

        async def send(message: Message) -> None:
            said.append(message["type"])
            ended.set()

        scope = {
            "type": "websocket",
            "path": "/_event/",
            "raw_path": b"/_event/",
            "root_path": "",
            "scheme": "ws",
            "query_string": b"EIO=4&transport=websocket&token=t",
            "headers": [
                (b"host", b"127.0.0.1:3000"),
                (b"origin", origin.encode()),
                (b"connection", b"upgrade"),
                (b"upgrade", b"websocket"),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 3000),
            "subprotocols": [],
            "asgi": {"version": "3.0"},
            "state": {},
        }
        task = asyncio.create_task(served(scope, events.get, send))
        await asyncio.wait([task, asyncio.create_task(ended.wait())], return_when="FIRST_COMPLETED")
        await events.put({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait([task])
        return said

    async with alive(served):
        assert "websocket.accept" in await dialogue("http://127.0.0.1:3000")
        assert "websocket.accept" not in await dialogue(EVIL)


async def test_starting_prepares_and_takes_up_what_was_interrupted(
    served: ASGIApp, studio: Services
) -> None:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    persona = studio.personas.create(owner.id, {"name": "Ada"})
    with studio.database.write() as session:
        thread = Conversation(persona_id=persona.id, user_id=owner.id)
        session.add(thread)
        session.flush()
        session.add(
            StoredMessage(
                id="cut", thread_id=thread.id, role="assistant", content="So far", state="streaming"
            )
        )
    waiting = studio.files.add_text(persona.id, "a.md", "# A\n\nThe engine weaves.")
    async with (
        asyncio.timeout(60),
        studio.events.subscribe(f"persona:{persona.id}") as heard,
        alive(served),
    ):
        cut = studio.conversations.message_for(owner.id, "cut")
        assert (cut.state, cut.content) == ("interrupted", "So far")
        async for _, event in heard:
            if event["state"] != "processing":
                break
        assert studio.files.get_for(owner.id, waiting.id).state == "ready"


async def test_it_starts_works_and_ends_while_redis_does_not(
    whole: ASGIApp, settings: Settings, redis_process: RedisProcess
) -> None:
    redis_process.pause()
    settings = settings.model_copy(update={"redis_url": SecretStr(redis_process.url)})
    built = with_small_guide(bootstrap.build(settings))
    bootstrap.override(built)
    try:
        async with asyncio.timeout(60):
            async with alive(whole), browser_of(whole) as browser:
                answer = await browser.get("/api/health")
            assert answer.status_code == 200
            (part,) = (one for one in answer.json()["parts"] if one["name"] == "cache")
            assert part["status"] == "degraded"
            assert redis_process.place in part["detail"]
            assert redis_process.url not in answer.text
    finally:
        bootstrap.override(None)


def test_the_session_is_checked_before_anything_else() -> None:
    assert isinstance(app._middlewares[0], SessionMiddleware)


async def test_a_failing_handler_says_so_without_code(studio: Services) -> None:
    studio.auth.ensure_owner()
    token = studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test").token
    handled = app.backend_exception_handler(RuntimeError("inside"))
    async with Harness(app).running() as harness:
        tab = harness.tab("t", cookie=token)
        await tab.send(handled.handler)
        assert "went wrong" in tab.received
        assert "inside" not in tab.received
