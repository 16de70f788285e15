"""Clones in a real browser: making, editing and deleting one, with the policy on."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.accessible import faults
from tests.e2e.conftest import Visits
from tests.e2e.served import ServedStudio

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"width": 390, "height": 844}


async def make_clone(page: Page, name: str) -> None:
    """Make a clone through the form; its files page opens."""
    await page.goto("/clones/new")
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("button", name="Create clone").click()
    await page.wait_for_url("**/files/**")


async def test_a_clone_is_made_edited_and_deleted(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        await make_clone(page, "Mary Shelley")
        await expect(page.get_by_text("Mary Shelley is there.")).to_be_visible()
        await page.goto("/clones/mary-shelley")
        await page.get_by_label("Purpose").fill("Talks about her monsters.")
        await page.get_by_label("Your right to make this clone").fill("She is long dead.")
        await page.get_by_role("button", name="Save changes").click()
        await expect(page.get_by_text("Mary Shelley was saved.")).to_be_visible()
        await page.get_by_role("link", name="All Clones", exact=True).first.click()
        card = page.get_by_role("article").filter(has_text="Mary Shelley")
        await expect(card).to_contain_text("Talks about her monsters.")
        await expect(card).to_contain_text("Consent")
        await card.get_by_role("button", name="Actions for Mary Shelley").click()
        await page.get_by_role("menuitem", name="Delete").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("textbox").fill("mary")
        await dialog.get_by_role("button", name="Delete this clone").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("Mary Shelley")
        await dialog.get_by_role("textbox").fill("Mary Shelley")
        await dialog.get_by_role("button", name="Delete this clone").click()
        await expect(page.get_by_text("Mary Shelley was deleted")).to_be_visible()
        await expect(card).to_have_count(0)


async def test_faults_stand_beside_their_fields_and_what_was_typed_stays(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        await page.goto("/clones/new")
        await page.get_by_label("Purpose").fill("p" * 400)
        await page.get_by_role("button", name="Create clone").click()
        await expect(page.get_by_label("Name", exact=True)).to_be_focused()
        await expect(page.get_by_role("alert").filter(has_text="Name is needed")).to_be_visible()
        await expect(page.get_by_role("alert").filter(has_text="at most 300")).to_be_visible()
        await expect(page.get_by_label("Purpose")).to_have_value("p" * 400)
        assert await faults(page) == []


async def test_a_draft_survives_leaving_and_reloading(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        await page.goto("/clones/new")
        await page.get_by_label("Name", exact=True).fill("Half a Name")
        await expect(page.get_by_text("Your draft is kept")).to_be_visible()
        await page.get_by_role("link", name="Settings", exact=True).first.click()
        await page.wait_for_url("**/settings*")
        await page.goto("/clones/new")
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Half a Name")
        await page.get_by_role("button", name="Discard them").click()
        await expect(page.get_by_label("Name", exact=True)).to_have_value("")


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("path", ["/clones", "/clones/new", "/settings", "/nowhere"])
async def test_pages_are_accessible(visits: Visits, served: ServedStudio, path: str, mode: str):
    async with visits.visit(served, color_scheme=mode) as page:
        await page.goto(path)
        # A deep link is an empty shell, without a title, until its scripts have run.
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.locator("[aria-busy=true]")).to_have_count(0)
        await expect(page.locator("html")).to_have_class(mode)
        assert await faults(page) == []


@pytest.mark.parametrize("path", ["/clones", "/clones/new", "/settings", "/health"])
async def test_a_phone_needs_no_sideways_scrolling(visits: Visits, served: ServedStudio, path: str):
    async with visits.visit(served, viewport=PHONE, has_touch=True) as page:
        await page.goto(path)
        await expect(page.locator("[aria-busy=true]")).to_have_count(0)
        width = await page.locator("#page").evaluate("area => area.scrollWidth")
        assert width <= PHONE["width"]
        assert await faults(page) == []
