"""Clients of the API: one signed in by cookie, one that nobody knows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message

from clone_studio.api.app import api_app
from clone_studio.bootstrap import Services
from clone_studio.clone_studio import app
from clone_studio.models import User
from clone_studio.services.auth import SESSION_COOKIE
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD

ORIGIN = "http://127.0.0.1:3000"


def client_of_api() -> httpx.AsyncClient:
    """Return a client that talks to the API in-process, from the studio's own origin."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=api_app()),
        base_url=ORIGIN,
        headers={"Origin": ORIGIN},
    )


@dataclass
class Person:
    """Somebody with a client of their own."""

    client: httpx.AsyncClient
    user_id: str = ""
    cookie: str = ""


@pytest.fixture(scope="session")
def whole() -> ASGIApp:
    """The whole application, without the built page."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("__REFLEX_SKIP_COMPILE", "1")
        application: ASGIApp = app()
        return application


@asynccontextmanager
async def alive(application: ASGIApp) -> AsyncIterator[None]:
    """Run the application's lifespan, as a server does."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope: dict[str, Any] = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running = asyncio.create_task(application(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    yield
    await to_app.put({"type": "lifespan.shutdown"})
    assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
    await running


@pytest.fixture
async def nobody(studio: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a session."""
    async with client_of_api() as client:
        yield client


@pytest.fixture
async def owner(studio: Services) -> AsyncIterator[Person]:
    """The owner, signed in by cookie."""
    studio.auth.ensure_owner()
    signed_in = studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test")
    async with client_of_api() as client:
        client.cookies.set(SESSION_COOKIE, signed_in.token)
        yield Person(client, signed_in.session.user.id, signed_in.token)


@pytest.fixture
async def stranger(studio: Services, owner: Person) -> AsyncIterator[Person]:
    """Another account, signed in by cookie."""
    password = "another password"
    with studio.database.write() as session:
        session.add(User(id="stranger", email="eve@example.org"))
    studio.auth.set_password("stranger", "", password, keep_session_id="")
    signed_in = studio.auth.sign_in("eve@example.org", password, "test")
    async with client_of_api() as client:
        client.cookies.set(SESSION_COOKIE, signed_in.token)
        yield Person(client, "stranger", signed_in.token)
