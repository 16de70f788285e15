"""Signing in and out in a browser, and what a stolen tab token is worth."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from clone_studio import bootstrap
from clone_studio.models import User
from clone_studio.services.auth import SESSION_COOKIE
from clone_studio.settings import Settings
from tests.e2e.served import ServedStudio

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

EMAIL, PASSWORD = "ada@example.org", "correct horse battery"
SECRET = "Words that only Ada may read"
LOGIN = re.compile(r"//[^/]+/login/?$")
HYDRATE = {
    "name": "reflex___state____state.hydrate_and_load",
    "payload": {"vars": {}, "hashes": None},
    "router_data": {"pathname": "/clones", "asPath": "/clones", "query": {}},
}
# Speaks the socket's own protocol from a page of the studio, with that page's cookies.
OPEN_SOCKET = """([token, boot]) => new Promise((resolve) => {
  const address = location.origin.replace(/^http/, "ws");
  const socket = new WebSocket(`${address}/_event/?EIO=4&transport=websocket&token=${token}`);
  window.heard = [];
  window.socket = socket;
  socket.onmessage = ({data}) => {
    if (data === "2") socket.send("3");
    else if (data.startsWith("0")) { socket.send("40/_event," + JSON.stringify({event: boot})); }
    else window.heard.push(data);
    // True comes last, after all that the page loads.
    if (data.includes('"is_hydrated_rx_state_":true')) resolve();
    if (data.includes("_redirect")) resolve();
  };
})"""
SEND = """([event]) => new Promise((resolve) => {
  const before = window.heard.length;
  window.socket.addEventListener("message", ({data}) => {
    if (data.includes("_redirect")) resolve(window.heard.slice(before).join("\\n") + data);
  });
  window.socket.send("42/_event," + JSON.stringify(["event", event]));
})"""


class Account:
    """Somebody with a session of a served studio."""

    def __init__(self, studio: ServedStudio, browser: Browser, cookie: str) -> None:
        self._studio = studio
        self._browser = browser
        self.cookie = cookie

    @asynccontextmanager
    async def page(self, *, signed_in: bool = True) -> AsyncIterator[Page]:
        context: BrowserContext = await self._browser.new_context(
            base_url=self._studio.address, reduced_motion="reduce"
        )
        if signed_in:
            await context.add_cookies(
                [{"name": SESSION_COOKIE, "value": self.cookie, "url": self._studio.address}]
            )
        try:
            yield await context.new_page()
        finally:
            await context.close()


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    """A studio whose owner has a password, and a clone with a secret."""
    settings = {"STUDIO_OWNER_EMAIL": EMAIL, "STUDIO_OWNER_PASSWORD": PASSWORD}
    studio = ServedStudio(tmp_path_factory.mktemp("sessions") / "data", settings).start()
    services = bootstrap.build(Settings(_env_file=None, data_dir=studio.data_dir))
    owner = services.auth.ensure_owner()
    assert owner is not None
    services.personas.create(owner.id, {"name": "Ada", "purpose": SECRET})
    services.database.dispose()
    yield studio
    studio.stop()


@pytest.fixture
def services(with_password: ServedStudio) -> Iterator[bootstrap.Services]:
    """The services over the served studio's own data."""
    built = bootstrap.build(Settings(_env_file=None, data_dir=with_password.data_dir))
    yield built
    built.database.dispose()


@pytest.fixture
def ada(services: bootstrap.Services, with_password: ServedStudio, browser: Browser) -> Account:
    token = services.auth.sign_in(EMAIL, PASSWORD, "test").token
    return Account(with_password, browser, token)


@pytest.fixture
def eve(services: bootstrap.Services, with_password: ServedStudio, browser: Browser) -> Account:
    with services.database.write() as session:
        if session.get(User, "eve") is None:
            session.add(User(id="eve", email="eve@example.org"))
    services.auth.set_password("eve", "another password", "another password", keep_session_id="")
    token = services.auth.sign_in("eve@example.org", "another password", "test").token
    return Account(with_password, browser, token)


async def token_of(page: Page) -> str:
    """Return the token of an open tab, which its browser keeps in the session storage."""
    await expect(page.get_by_text(SECRET)).to_be_visible()
    token = await page.evaluate("() => sessionStorage.getItem('token')")
    assert token
    return str(token)


async def heard(page: Page, token: str) -> str:
    """Open a socket with `token` from `page`; return all that it is told."""
    await page.evaluate(OPEN_SOCKET, [token, HYDRATE])
    return "\n".join(await page.evaluate("() => window.heard"))


async def test_a_wrong_password_is_said_and_the_right_one_opens_the_studio(
    with_password: ServedStudio, browser: Browser
) -> None:
    async with Account(with_password, browser, "").page(signed_in=False) as page:
        await page.goto("/clones")
        await expect(page).to_have_url(LOGIN)
        for password in ("wrong", PASSWORD):
            await page.get_by_label("Email address").fill(EMAIL)
            await page.get_by_label("Password").fill(password)
            await page.get_by_role("button", name="Sign in").click()
            if password == "wrong":
                await expect(page.get_by_role("alert")).to_contain_text("is not right")
        await expect(page.get_by_text(SECRET)).to_be_visible()


async def test_a_link_that_was_used_is_said_calmly(
    with_password: ServedStudio, browser: Browser
) -> None:
    link = with_password.new_link()
    for number in range(2):
        async with Account(with_password, browser, "").page(signed_in=False) as page:
            await page.goto(link)
            if number:
                await expect(page.get_by_role("alert")).to_contain_text("already used")
            else:
                await expect(page.get_by_text(SECRET)).to_be_visible()


async def test_a_tabs_token_without_a_cookie_gets_nothing(ada: Account, eve: Account) -> None:
    async with ada.page() as page, eve.page(signed_in=False) as thief:
        await page.goto("/clones")
        token = await token_of(page)
        await thief.goto("/login")
        told = await heard(thief, token)
        assert SECRET not in told
        assert "/login" in told


async def test_a_tabs_token_with_anothers_cookie_gets_nothing(ada: Account, eve: Account) -> None:
    async with ada.page() as page, eve.page() as thief:
        await page.goto("/clones")
        token = await token_of(page)
        await thief.goto("/clones")
        told = await heard(thief, token)
        assert "is_hydrated" in told
        assert SECRET not in told


async def test_the_token_of_a_closed_tab_gets_nothing(ada: Account, eve: Account) -> None:
    async with ada.page() as page:
        await page.goto("/clones")
        token = await token_of(page)
    for signed_in in (False, True):
        async with eve.page(signed_in=signed_in) as thief:
            await thief.goto("/login")
            assert SECRET not in await heard(thief, token)


async def test_signing_out_everywhere_ends_an_open_socket(
    ada: Account, with_password: ServedStudio
) -> None:
    async with ada.page() as page, ada.page() as other:
        await page.goto("/settings")
        assert SECRET in await heard(page, "a-tab-of-my-own")
        await other.goto("/clones")
        await expect(other.get_by_text(SECRET)).to_be_visible()
        answer = await page.request.post(
            "/api/auth/sign-out-everywhere", headers={"Origin": with_password.address}
        )
        assert answer.ok
        told = await page.evaluate(SEND, [HYDRATE])
        assert SECRET not in told
        assert "/login" in told
        # An open page of the same session is sent away at its next step.
        await other.get_by_role("link", name="Settings").click()
        await expect(other).to_have_url(LOGIN)


async def test_signing_out_leads_to_the_sign_in_page(ada: Account) -> None:
    async with ada.page() as page:
        await page.goto("/clones")
        await page.get_by_role("button", name="Account").click()
        await page.get_by_role("menuitem", name="Sign out").click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()
        await page.goto("/clones")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert await cookies_of(page) == []


async def cookies_of(page: Page) -> list[dict[str, Any]]:
    """Return the session cookies that this browser has."""
    found: list[Any] = list(await page.context.cookies())
    return [one for one in found if one["name"] == SESSION_COOKIE]


async def test_no_script_can_read_the_session(
    with_password: ServedStudio, browser: Browser
) -> None:
    async with Account(with_password, browser, "").page(signed_in=False) as page:
        await page.goto(with_password.new_link())
        await token_of(page)
        (cookie,) = await cookies_of(page)
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        seen = await page.evaluate(
            "() => document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"
            " + document.documentElement.outerHTML"
        )
        assert cookie["value"] not in seen
