"""The gates in front of pages and sockets, and the headers on every answer."""

from urllib.parse import parse_qs

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from clone_studio.bootstrap import Services
from clone_studio.security_headers import SecurityHeaders, content_policy
from clone_studio.services.auth import SESSION_COOKIE
from clone_studio.session_gate import PageGate, SocketGate
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Content-Security-Policy": "sandbox"} if scope["path"] == "/own" else None
    await PlainTextResponse("hello", headers=headers)(scope, receive, send)


@pytest.fixture
def cookies(studio: Services) -> list[str]:
    studio.auth.ensure_owner()
    return [studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "t").token for _ in range(2)]


def client(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://studio")


@pytest.mark.parametrize("path", ["/", "/clones", "/chat/ada/1", "/settings/", "/nowhere"])
async def test_a_page_needs_a_session(cookies: list[str], path: str) -> None:
    async with client(PageGate(hello)) as browser:
        answer = await browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        browser.cookies.set(SESSION_COOKIE, cookies[0])
        assert (await browser.get(path)).text == "hello"


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/login/",
        "/assets/app.js",
        "/styles/base.css",
        "/api/personas",
        "/_event",
        "/ping",
    ],
)
async def test_what_the_sign_in_page_needs_is_open(studio: Services, path: str) -> None:
    async with client(PageGate(hello)) as browser:
        assert (await browser.get(path)).text == "hello"


async def token_seen(token: str, cookie: str | None) -> str:
    """Return the token that Reflex would see for a socket with `token` and `cookie`."""
    seen: list[str] = []

    async def reflex(scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode())
        assert query["EIO"] == ["4"]
        seen.extend(query["token"])

    async def nothing() -> Message:
        return {"type": "websocket.connect"}

    async def nowhere(message: Message) -> None:
        raise AssertionError(message)

    headers = [(b"cookie", f"{SESSION_COOKIE}={cookie}".encode())] if cookie else []
    scope = {
        "type": "websocket",
        "path": "/_event/",
        "headers": headers,
        "query_string": f"EIO=4&token={token}".encode(),
    }
    await SocketGate(reflex)(scope, nothing, nowhere)
    return seen[0]


async def test_a_sockets_token_is_bound_to_its_session(cookies: list[str]) -> None:
    mine = await token_seen("t", cookies[0])
    assert mine == await token_seen("t", cookies[0])
    others = [
        await token_seen("t", cookies[1]),
        await token_seen("t", None),
        await token_seen("t", "made-up"),
        await token_seen(mine, cookies[1]),
        await token_seen(mine, None),
    ]
    assert mine not in others
    assert "t" not in {mine, *others}


async def test_headers_are_on_every_answer_and_do_not_loosen_its_own() -> None:
    policy = content_policy(["'sha256-abc='"])
    async with client(SecurityHeaders(hello, policy)) as browser:
        plain, own = await browser.get("/"), await browser.get("/own")
    assert plain.headers["content-security-policy"] == policy
    assert own.headers["content-security-policy"] == "sandbox"
    for answer in (plain, own):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_the_policy_allows_named_scripts_alone() -> None:
    rules = dict(
        rule.split(" ", 1) for rule in content_policy(["'sha256-abc='", "'sha256-x='"]).split("; ")
    )
    assert rules["script-src"] == "'self' 'sha256-abc=' 'sha256-x='"
    assert rules["object-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert not any("unsafe-eval" in rule or "*" in rule for rule in rules.values())
    assert [name for name, rule in rules.items() if "unsafe-inline" in rule] == ["style-src"]
