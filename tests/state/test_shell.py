"""The frame of every page: the active clone, what is remembered, search, the account."""

from typing import Any

import pytest
from reflex_base.constants.state import FIELD_MARKER

from clone_studio.bootstrap import Services
from clone_studio.services.personas import PersonaInfo
from clone_studio.state.finder import FinderState
from clone_studio.state.shell import ShellState
from tests.conftest import OWNER_EMAIL
from tests.state.harness import OPEN_PAGE, Harness, Tab


@pytest.fixture
def user_id(studio: Services, cookie: str) -> str:
    session = studio.auth.session_for(cookie)
    assert session is not None
    return session.user.id


@pytest.fixture
def clones(studio: Services, user_id: str) -> dict[str, PersonaInfo]:
    names = ("Ada Lovelace", "Benjamin Franklin", "Grace Hopper")
    made = (studio.personas.create(user_id, {"name": name}) for name in names)
    return {one.slug: one for one in made}


def tab_with(harness: Harness, cookie: str, path: str) -> Tab:
    return harness.tab("a tab", cookie=cookie, path=path)


async def open_with_storage(tab: Tab, **stored: str) -> None:
    """Open a page in a browser whose local storage holds these vars of the frame."""
    name = ShellState.get_full_name()
    given = {f"{name}.{var}{FIELD_MARKER}": value for var, value in stored.items()}
    await tab.raw(OPEN_PAGE, {"vars": given, "hashes": None})


def active(tab: Tab) -> list[str]:
    rows: list[Any] = tab.value(ShellState, "clones")
    return [row.name for row in rows if row.is_active]


async def test_the_address_decides_the_active_clone(
    harness: Harness, cookie: str, clones: dict[str, PersonaInfo]
) -> None:
    tab = tab_with(harness, cookie, "/files/benjamin-franklin")
    await tab.open()
    assert active(tab) == ["Benjamin Franklin"]
    assert tab.value(ShellState, "chat_href") == "/chat/benjamin-franklin"
    remembered = tab.value(ShellState, "selected_persona_id")
    assert remembered == clones["benjamin-franklin"].id


async def test_a_uuid_is_accepted_where_a_slug_is(
    harness: Harness, cookie: str, clones: dict[str, PersonaInfo]
) -> None:
    tab = tab_with(harness, cookie, f"/files/{clones['grace-hopper'].id}")
    await tab.open()
    assert active(tab) == ["Grace Hopper"]


async def test_switching_keeps_the_kind_of_page(
    harness: Harness, cookie: str, clones: dict[str, PersonaInfo]
) -> None:
    tab = tab_with(harness, cookie, "/files/ada-lovelace")
    await tab.open()
    rows = tab.value(ShellState, "clones")
    assert {row.href for row in rows} == {f"/files/{slug}" for slug in clones}


async def test_the_remembered_clone_is_active_on_pages_without_one(
    harness: Harness, cookie: str, clones: dict[str, PersonaInfo]
) -> None:
    tab = tab_with(harness, cookie, "/settings")
    await open_with_storage(tab, selected_persona_id=clones["grace-hopper"].id)
    assert active(tab) == ["Grace Hopper"]


@pytest.mark.parametrize("stored", ["", "gone", "9f1c0a52-0000-4000-8000-000000000000"])
async def test_a_clone_that_is_gone_falls_back_to_the_first(
    harness: Harness, cookie: str, clones: dict[str, PersonaInfo], stored: str
) -> None:
    tab = tab_with(harness, cookie, "/settings")
    await open_with_storage(tab, selected_persona_id=stored)
    first = tab.value(ShellState, "clones")[0]
    assert active(tab) == [first.name]
    assert tab.value(ShellState, "selected_persona_id") == first.key


async def test_without_a_clone_every_way_leads_to_the_clones(harness: Harness, cookie: str) -> None:
    tab = tab_with(harness, cookie, "/settings")
    await tab.open()
    assert tab.value(ShellState, "clones") == []
    assert tab.value(ShellState, "chat_href") == "/clones"
    assert tab.value(ShellState, "files_href") == "/clones"


@pytest.mark.parametrize(
    ("stored", "target"),
    [
        ("/settings", "/settings"),
        ("", "/clones"),
        ("//evil.example", "/clones"),
        ("/api/auth/sign-out", "/clones"),
    ],
)
async def test_the_start_leads_on_to_the_last_page(
    harness: Harness, cookie: str, stored: str, target: str
) -> None:
    tab = tab_with(harness, cookie, "/")
    await open_with_storage(tab, last_page=stored)
    assert tab.redirects == [target]


async def test_the_frame_names_who_is_signed_in_and_what_answers(
    harness: Harness, cookie: str
) -> None:
    tab = tab_with(harness, cookie, "/settings")
    await tab.open()
    assert tab.value(ShellState, "person") == OWNER_EMAIL
    assert tab.value(ShellState, "model") == "Quotes only"


async def test_the_rail_folds_and_is_remembered(harness: Harness, cookie: str) -> None:
    tab = tab_with(harness, cookie, "/settings")
    await tab.open()
    await tab.send(ShellState.toggle_rail)
    assert tab.value(ShellState, "rail") == "folded"
    await tab.send(ShellState.toggle_rail)
    assert tab.value(ShellState, "rail") == ""


async def test_the_search_finds_clones_and_pages_by_their_words(
    harness: Harness, cookie: str, clones: dict[str, PersonaInfo]
) -> None:
    tab = tab_with(harness, cookie, "/clones")
    await tab.open()
    await tab.send(FinderState.show)
    assert {row.kind for row in tab.value(FinderState, "found")} == {"page", "clone"}
    await tab.send(FinderState.find, query="frank ben")
    found = tab.value(FinderState, "found")
    assert [(row.title, row.href) for row in found] == [
        ("Benjamin Franklin", "/chat/benjamin-franklin")
    ]
    await tab.send(FinderState.find, query="no such thing")
    assert tab.value(FinderState, "found") == []


async def test_the_search_finds_threads_of_the_active_clone(
    studio: Services, harness: Harness, cookie: str, user_id: str, clones: dict[str, PersonaInfo]
) -> None:
    thread = studio.conversations.create(user_id, "ada-lovelace")
    studio.conversations.rename(user_id, thread.id, "Notes on the engine")
    tab = tab_with(harness, cookie, "/files/ada-lovelace")
    await tab.open()
    await tab.send(FinderState.show)
    await tab.send(FinderState.find, query="ENGINE")
    found = tab.value(FinderState, "found")
    assert [(row.kind, row.group, row.href) for row in found] == [
        ("thread", "Threads", f"/chat/ada-lovelace/{thread.id}")
    ]
