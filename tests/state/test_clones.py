"""All Clones: cards, copying, deleting with the typed name."""

import pytest

from clone_studio.bootstrap import Services
from clone_studio.services.personas import PersonaInfo
from clone_studio.state.base import StudioState
from clone_studio.state.clones import ClonesState
from clone_studio.state.shell import ShellState
from tests.state.harness import Harness, Tab


@pytest.fixture
def user_id(studio: Services, cookie: str) -> str:
    session = studio.auth.session_for(cookie)
    assert session is not None
    return session.user.id


@pytest.fixture
def ada(studio: Services, user_id: str) -> PersonaInfo:
    return studio.personas.create(user_id, {"name": "Ada", "purpose": "Engines"})


@pytest.fixture
async def tab(harness: Harness, cookie: str, ada: PersonaInfo) -> Tab:
    opened = harness.tab("a tab", cookie=cookie, path="/clones")
    await opened.open()
    return opened


async def test_the_cards_show_the_clones(tab: Tab) -> None:
    (row,) = tab.value(ClonesState, "rows")
    assert (row.name, row.slug, row.purpose) == ("Ada", "ada", "Engines")
    assert (row.counts, row.used) == ("0 files · 0 chunks", "Not used yet")
    assert tab.value(ClonesState, "ready") is True


async def test_copying_adds_a_card_and_says_so(tab: Tab, ada: PersonaInfo) -> None:
    await tab.send(ClonesState.duplicate, ref=ada.id)
    names = {row.name for row in tab.value(ClonesState, "rows")}
    assert names == {"Ada", "Ada (copy)"}
    assert {row.name for row in tab.value(ShellState, "clones")} == names
    assert tab.value(ClonesState, "busy") == ""
    (notice,) = tab.value(StudioState, "notices")
    assert "Ada (copy)" in notice.text


async def test_copying_what_is_not_there_is_a_notice(tab: Tab) -> None:
    await tab.send(ClonesState.duplicate, ref="nobody")
    (notice,) = tab.value(StudioState, "notices")
    assert notice.kind == "warning"
    assert tab.value(ClonesState, "busy") == ""


@pytest.mark.parametrize("typed", ["", "ada", "Ad"])
async def test_another_name_deletes_nothing(
    studio: Services, tab: Tab, ada: PersonaInfo, user_id: str, typed: str
) -> None:
    await tab.send(ClonesState.ask_delete, ref=ada.id)
    await tab.send(ClonesState.delete, form={"typed": typed})
    assert "Ada" in tab.value(ClonesState, "delete_error")
    assert tab.value(ClonesState, "delete_open") is True
    assert len(studio.personas.list_for(user_id)) == 1


async def test_the_typed_name_deletes_and_says_what_went(
    studio: Services, tab: Tab, ada: PersonaInfo, user_id: str
) -> None:
    studio.conversations.create(user_id, "ada")
    await tab.send(ClonesState.ask_delete, ref=ada.id)
    await tab.send(ClonesState.delete, form={"typed": "Ada"})
    assert tab.value(ClonesState, "rows") == []
    assert tab.value(ShellState, "clones") == []
    assert tab.value(ClonesState, "delete_open") is False
    (notice,) = tab.value(StudioState, "notices")
    assert notice.title == "Ada was deleted"
    assert "1 thread with 0 messages" in notice.text
    assert studio.personas.list_for(user_id) == []


async def test_deleting_without_asking_first_deletes_nothing(
    studio: Services, tab: Tab, user_id: str
) -> None:
    await tab.send(ClonesState.delete, form={"typed": ""})
    assert len(studio.personas.list_for(user_id)) == 1


async def test_a_notice_can_be_dismissed(tab: Tab) -> None:
    await tab.send(ClonesState.duplicate, ref="nobody")
    (notice,) = tab.value(StudioState, "notices")
    await tab.send(StudioState.dismiss_notice, key=notice.key)
    assert tab.value(StudioState, "notices") == []
