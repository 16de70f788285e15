"""Signing in and out in a real browser, through forms that the browser posts itself."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.accessible import faults
from tests.e2e.conftest import Complaints
from tests.e2e.served import ServedStudio

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

EMAIL, PASSWORD = "ada@example.org", "correct horse battery"


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    """A studio of its own: signing out everywhere would end other tests' sessions."""
    settings = {"STUDIO_OWNER_EMAIL": EMAIL, "STUDIO_OWNER_PASSWORD": PASSWORD}
    studio = ServedStudio(tmp_path_factory.mktemp("owned") / "data", settings).start()
    yield studio
    studio.stop()


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await page.get_by_label("Email address").fill(EMAIL)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def test_signing_in_and_out(browser: Browser, owned: ServedStudio):
    complaints = Complaints()
    context = await browser.new_context(base_url=owned.address, reduced_motion="reduce")
    page = await context.new_page()
    complaints.listen(page)
    await page.goto("/settings")
    await page.wait_for_url(re.compile("/login"))
    await expect(page.get_by_text("./studio link")).to_be_visible()
    assert await faults(page) == []
    await sign_in(page, "not the password")
    await page.wait_for_url(re.compile("/login.*reason=wrong"))
    await expect(page.get_by_role("alert")).to_contain_text("not right")
    assert await faults(page) == []
    await sign_in(page)
    # The start leads on to the first page: a menu that was opened before would close again.
    await page.wait_for_url(re.compile("/(clones|settings)"))
    await expect(page.get_by_role("heading", level=1)).not_to_have_text("Opening the studio")
    cookies = {cookie["name"]: cookie for cookie in await context.cookies()}
    assert cookies["studio_session"]["httpOnly"] is True
    await page.get_by_role("button", name="Account", exact=True).click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await page.wait_for_url(re.compile("/login.*reason=out"))
    await expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    assert await context.cookies() == []
    assert complaints == []
    await context.close()


async def test_signing_out_everywhere(browser: Browser, owned: ServedStudio):
    one = await browser.new_context(base_url=owned.address)
    other = await browser.new_context(base_url=owned.address)
    page, elsewhere = await one.new_page(), await other.new_page()
    for tab in (page, elsewhere):
        await tab.goto("/login")
        await sign_in(tab)
        await expect(tab.get_by_role("button", name="Account", exact=True)).to_be_visible()
    await page.goto("/settings")
    await page.get_by_role("button", name="Sign out everywhere").click()
    await page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    await page.wait_for_url(re.compile("/login.*reason=everywhere"))
    await elsewhere.goto("/settings")
    await elsewhere.wait_for_url(re.compile("/login"))
    await one.close()
    await other.close()
