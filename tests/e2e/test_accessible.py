"""The chat, files, prompts and voice pages against WCAG 2.1 AA: wide and narrow, light and dark."""

import pytest
from playwright.async_api import expect

from tests.e2e.accessible import faults
from tests.e2e.conftest import Visits
from tests.e2e.pages import INGEST_MS, ask, file_row, finished_answer, open_chat, open_first_source
from tests.e2e.served import ServedStudio

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GUIDE = "studio-guide"
PAGE = "uploading-documents.md"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 820, 390])
async def test_the_pages_of_a_clone_meet_the_guidelines(
    visits: Visits, served: ServedStudio, width: int, scheme: str
):
    size = {"width": width, "height": 860}
    look = {"viewport": size, "color_scheme": scheme, "reduced_motion": "reduce"}
    async with visits.visit(served, **look) as page:
        await page.goto(f"/files/{GUIDE}")
        await expect(file_row(page, PAGE)).to_contain_text("Ready", timeout=INGEST_MS)
        assert await faults(page) == []
        await page.get_by_role("link", name=PAGE).click()
        await expect(page.locator(".viewer .page-text")).to_be_visible()
        assert await faults(page) == []
        await page.goto(f"/prompts/{GUIDE}")
        await page.get_by_role("button", name="View v1").click()
        opened = page.get_by_role("region", name="Version v1").get_by_role("heading")
        await expect(opened).to_be_in_viewport()
        await expect(opened).to_be_focused()
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("heading", name="As the model gets it")).to_be_in_viewport()
        assert await faults(page) == []
        await page.goto(f"/voice/{GUIDE}")
        await expect(page.get_by_role("heading", name="Sarah").first).to_be_visible()
        assert await faults(page) == []
        await open_chat(page, GUIDE)
        assert await faults(page) == []
        await ask(page, "How do I upload a document?")
        answer = await finished_answer(page)
        await answer.get_by_role("button", name="show where the time went").click()
        panel = await open_first_source(page, answer)
        await expect(panel.locator(".passage")).to_be_in_viewport()
        assert await faults(page) == []
        across = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert across <= 0
