"""A tab's token alone opens nothing: every way to replay it gets nothing."""

import pytest

from clone_studio.bootstrap import Services
from clone_studio.models import User
from clone_studio.services.auth import SESSION_COOKIE
from clone_studio.state.clones import ClonesState
from clone_studio.state.shell import ShellState
from clone_studio.state.sign_in import SignInState
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD
from tests.state.harness import HYDRATE, OPEN_PAGE, Harness, Tab

SECRET = "Words that only Ada may read"


@pytest.fixture
def other_cookie(studio: Services, cookie: str) -> str:
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    studio.auth.set_password("eve", "", "another password", keep_session_id="")
    return studio.auth.sign_in("eve@example.org", "another password", "test").token


@pytest.fixture
async def opened(studio: Services, harness: Harness, cookie: str) -> Tab:
    """Ada's tab, with her clones in its state."""
    owner = studio.auth.ensure_owner()
    assert owner is not None
    studio.personas.create(owner.id, {"name": "Ada", "purpose": SECRET})
    tab = harness.tab("ada's tab", cookie=cookie, path="/clones")
    await tab.open()
    assert SECRET in tab.received
    return tab


async def test_a_signed_in_tab_sees_its_own(opened: Tab) -> None:
    assert opened.redirects == []
    assert opened.value(ShellState, "person") == OWNER_EMAIL


@pytest.mark.parametrize("event", [HYDRATE, OPEN_PAGE])
@pytest.mark.parametrize("cookie_value", [None, "", "made up"])
async def test_the_token_without_a_session_gets_nothing(
    harness: Harness, opened: Tab, event: str, cookie_value: str | None
) -> None:
    thief = harness.tab(opened.token, cookie=cookie_value, path="/clones")
    await thief.raw(event)
    assert SECRET not in thief.received
    assert thief.redirects == ["/login"]


@pytest.mark.parametrize("event", [HYDRATE, OPEN_PAGE])
async def test_the_token_with_anothers_cookie_gets_nothing(
    harness: Harness, opened: Tab, other_cookie: str, event: str
) -> None:
    thief = harness.tab(opened.token, cookie=other_cookie, path="/clones")
    await thief.raw(event)
    assert thief.deltas
    assert SECRET not in thief.received


async def test_a_handler_with_anothers_cookie_runs_for_the_other(
    harness: Harness, opened: Tab, other_cookie: str
) -> None:
    thief = harness.tab(opened.token, cookie=other_cookie, path="/clones")
    await thief.send(ClonesState.open)
    assert SECRET not in thief.received
    assert thief.redirects == ["/"]
    await thief.send(ClonesState.open)
    assert SECRET not in thief.received


@pytest.mark.parametrize("path", ["/clones", "/login", "/login/", "/nowhere"])
async def test_a_claimed_path_opens_no_handler(harness: Harness, opened: Tab, path: str) -> None:
    thief = harness.tab(opened.token, cookie=None, path=path)
    await thief.send(ClonesState.open)
    await thief.send(ShellState.enter)
    assert SECRET not in thief.received
    assert set(thief.redirects) == {"/login"}


async def test_signing_out_everywhere_closes_an_open_socket(studio: Services, opened: Tab) -> None:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    studio.auth.sign_out_everywhere(owner.id)
    before = len(opened.deltas)
    for event in (OPEN_PAGE, HYDRATE):
        await opened.raw(event)
    await opened.send(ClonesState.open)
    assert SECRET not in opened.received_after(before)
    assert set(opened.redirects) == {"/login"}


async def test_a_new_sign_in_of_the_same_person_starts_an_empty_tree(
    studio: Services, harness: Harness, opened: Tab
) -> None:
    again = studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test").token
    tab = harness.tab(opened.token, cookie=again, path="/clones")
    await tab.raw(HYDRATE)
    assert SECRET not in tab.received
    await tab.open()
    assert SECRET in tab.received


async def test_a_browser_cannot_name_its_own_session(harness: Harness, opened: Tab) -> None:
    thief = harness.tab("a new tab", cookie=None, path="/clones")
    for payload in (
        {"vars": {"reflex___state____state._session_id": "x"}},
        {"vars": {f"{ShellState.get_full_name()}._user_id": "x"}, "hashes": None},
    ):
        await thief.raw(OPEN_PAGE, payload)
    assert SECRET not in thief.received
    assert set(thief.redirects) == {"/login"}


async def test_the_cookie_never_reaches_the_page(opened: Tab) -> None:
    assert opened.cookie
    assert opened.cookie not in opened.received
    assert SESSION_COOKIE not in opened.received


async def test_the_sign_in_page_needs_no_session(harness: Harness) -> None:
    tab = harness.tab("nobody", cookie=None, path="/login?reason=link")
    await tab.open()
    assert tab.redirects == []
    assert "already used" in tab.value(SignInState, "reason")
