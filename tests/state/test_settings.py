"""Settings: the account, the password, the places where one is signed in."""

import pytest

from clone_studio.bootstrap import Services
from clone_studio.errors import NotSignedIn
from clone_studio.state.settings import SettingsState
from clone_studio.state.shell import ShellState
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD
from tests.state.harness import Harness, Tab


@pytest.fixture
async def tab(harness: Harness, cookie: str) -> Tab:
    opened = harness.tab("a tab", cookie=cookie, path="/settings")
    await opened.open()
    return opened


async def test_the_account_is_shown_and_saved(tab: Tab) -> None:
    assert tab.value(SettingsState, "email") == OWNER_EMAIL
    form = {"name": "Ada Lovelace", "email": "countess@example.org"}
    await tab.send(SettingsState.save_account, form=form)
    assert tab.value(SettingsState, "email") == "countess@example.org"
    assert tab.value(ShellState, "person") == "Ada Lovelace"


async def test_a_wrong_address_is_said_beside_its_field(tab: Tab) -> None:
    await tab.send(SettingsState.save_account, form={"name": "Ada", "email": "nowhere"})
    assert set(tab.value(SettingsState, "account_errors")) == {"email"}
    assert tab.value(SettingsState, "email") == OWNER_EMAIL


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"current": "wrong", "new": "a longer one", "again": "a longer one"}, "current"),
        ({"current": OWNER_PASSWORD, "new": "short", "again": "short"}, "new"),
        ({"current": OWNER_PASSWORD, "new": "a longer one", "again": "another one"}, "again"),
    ],
)
async def test_a_password_that_will_not_do(
    studio: Services, tab: Tab, form: dict[str, str], field: str
) -> None:
    await tab.send(SettingsState.save_password, form=form)
    assert set(tab.value(SettingsState, "password_errors")) == {field}
    studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test")


async def test_a_new_password_signs_out_everywhere_else(
    studio: Services, tab: Tab, cookie: str
) -> None:
    other = studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test").token
    form = {"current": OWNER_PASSWORD, "new": "a much longer one", "again": "a much longer one"}
    await tab.send(SettingsState.save_password, form=form)
    assert tab.value(SettingsState, "password_errors") == {}
    assert studio.auth.session_for(other) is None
    assert studio.auth.session_for(cookie) is not None
    with pytest.raises(NotSignedIn):
        studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test")
    assert "much longer" not in tab.received


async def test_another_place_can_be_signed_out(
    studio: Services, harness: Harness, cookie: str
) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0"
    other = studio.auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "test", agent)
    tab = harness.tab("a tab", cookie=cookie, path="/settings")
    await tab.open()
    places = {row.browser: row for row in tab.value(SettingsState, "places")}
    assert places["Firefox on Linux"].is_here is False
    assert sum(row.is_here for row in places.values()) == 1
    await tab.send(SettingsState.end_session, session_id=other.session.id)
    assert studio.auth.session_for(other.token) is None
    assert len(tab.value(SettingsState, "places")) == 1


async def test_somebody_elses_session_cannot_be_ended(tab: Tab) -> None:
    await tab.send(SettingsState.end_session, session_id="somebody else's")
    assert len(tab.value(SettingsState, "places")) == 1
