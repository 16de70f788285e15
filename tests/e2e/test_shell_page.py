"""The frame in a real browser: switching, searching, folding, by keyboard and on a phone."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.accessible import faults
from tests.e2e.conftest import Visits
from tests.e2e.served import ServedStudio
from tests.e2e.test_clones_page import PHONE, make_clone

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def switcher(page: Page):
    """The clone dropdown of the top bar."""
    return page.get_by_role("button", name="Clone:")


async def choose(page: Page, name: str) -> None:
    """Choose a clone in the dropdown."""
    await switcher(page).click()
    await page.get_by_role("menuitem", name=name).click()


async def test_switching_keeps_the_page_and_loads_no_document(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        await make_clone(page, "First Clone")
        await make_clone(page, "Second Clone")
        documents: list[str] = []
        page.on(
            "request",
            lambda request: (
                documents.append(request.url) if request.resource_type == "document" else None
            ),
        )
        await choose(page, "First Clone")
        await page.wait_for_url("**/files/first-clone*")
        await expect(switcher(page)).to_contain_text("First Clone")
        await page.get_by_role("link", name="Chat", exact=True).first.click()
        await page.wait_for_url("**/chat/first-clone**")
        await expect(page.get_by_role("heading", name="Chat", exact=True)).to_be_visible()
        await choose(page, "Second Clone")
        await page.wait_for_url("**/chat/second-clone**")
        await expect(page.get_by_role("menu")).to_have_count(0)
        assert documents == []


async def test_the_chosen_clone_is_remembered_across_sessions(
    visits: Visits, served: ServedStudio, browser: Browser
):
    async with visits.visit(served) as page:
        await make_clone(page, "Kept Clone")
        await page.goto("/settings")
        await expect(switcher(page)).to_contain_text("Kept Clone")
        stored = await page.context.storage_state()
    context = await browser.new_context(base_url=served.address, storage_state=stored)
    again = await visits.page(context)
    await again.goto("/settings")
    await expect(switcher(again)).to_contain_text("Kept Clone")
    await again.evaluate("localStorage.setItem('selected_persona_id', 'gone')")
    await again.reload()
    await expect(switcher(again)).not_to_contain_text("No clone yet")
    await context.close()


async def test_the_keyboard_is_enough(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        await make_clone(page, "Keyboard Clone")
        await page.goto("/clones")
        await expect(page.get_by_role("link", name="Keyboard Clone")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("Skip to the page")).to_be_focused()
        await page.keyboard.press("Control+k")
        search = page.get_by_role("dialog").get_by_label("Search", exact=True)
        await expect(search).to_be_focused()
        await page.keyboard.type("keyboard")
        await expect(page.get_by_role("dialog").get_by_role("link")).to_have_count(1)
        assert await faults(page) == []
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/chat/keyboard-clone**")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_escape_closes_and_gives_the_focus_back(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        await page.goto("/settings")
        opener = page.get_by_role("button", name="Sign out everywhere")
        await opener.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(opener).to_be_focused()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")


async def test_the_rail_folds_and_stays_folded(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        await page.goto("/settings")
        rail = page.get_by_role("navigation", name="Main")
        await expect(rail.get_by_text("All Clones")).to_be_visible()
        await page.get_by_role("button", name="Fold the rail").click()
        await expect(rail.get_by_text("All Clones")).to_be_hidden()
        await page.reload()
        await expect(rail.get_by_text("All Clones")).to_be_hidden()
        await page.get_by_role("button", name="Unfold the rail").click()
        await expect(rail.get_by_text("All Clones")).to_be_visible()


async def test_the_drawer_on_a_phone(visits: Visits, served: ServedStudio):
    async with visits.visit(served, viewport=PHONE, has_touch=True) as page:
        await page.goto("/clones")
        await page.get_by_role("button", name="Open the navigation").click()
        drawer = page.get_by_role("dialog")
        await expect(drawer).to_be_visible()
        assert await faults(page) == []
        await drawer.get_by_role("link", name="Settings").click()
        await page.wait_for_url("**/settings*")
        await expect(drawer).to_have_count(0)


async def test_the_first_page_is_light(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        sizes: list[float] = []
        session.on(
            "Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"])
        )
        await page.goto("/clones")
        await expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert len(sizes) <= 40
        assert sum(sizes) <= 900_000


async def test_the_appearance_is_kept_and_there_before_the_first_paint(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served, color_scheme="light") as page:
        await page.goto("/settings")
        await page.get_by_role("button", name="Dark", exact=True).click()
        await expect(page.locator("html")).to_have_class("dark")
        await page.reload(wait_until="commit")
        await expect(page.locator("html")).to_have_class("dark")
        await page.get_by_role("button", name="As the system").click()
        await expect(page.locator("html")).to_have_class("light")
