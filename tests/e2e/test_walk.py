"""The story of a newcomer with no key: sign in, ask the guide, upload, ask about it."""

import re

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import Visits
from tests.e2e.documents import handbook
from tests.e2e.pages import (
    ANSWER_MS,
    INGEST_MS,
    ask,
    file_row,
    finished_answer,
    new_clone,
    open_chat,
    open_first_source,
    question_field,
    stored_draft,
    upload,
)
from tests.e2e.served import ServedStudio

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GUIDE = "studio-guide"
HANDBOOK = {"name": "harbour.pdf", "mimeType": "application/pdf", "buffer": handbook()}


async def test_the_guide_answers_with_a_citation_that_opens_its_section(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        await page.goto(f"/files/{GUIDE}")
        section = file_row(page, "uploading-documents.md")
        await expect(section).to_contain_text("Ready", timeout=INGEST_MS)
        await open_chat(page, GUIDE)
        await ask(page, "How do I upload a document?")
        answer = await finished_answer(page)
        panel = await open_first_source(page, answer)
        await expect(panel.get_by_role("heading")).to_have_text("uploading-documents.md")
        await expect(panel).to_contain_text("How do I upload a document?")
        await expect(panel.locator(".passage")).to_be_in_viewport()
        await expect(panel.locator(".passage")).to_be_focused()
        await expect(panel).to_contain_text("upload", ignore_case=True)
        await expect(page.get_by_text("Quoting mode")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()


async def test_a_question_makes_a_thread_that_has_its_own_address(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        await open_chat(page, GUIDE)
        await page.get_by_role("button", name="How do I upload a document?", exact=True).click()
        await finished_answer(page)
        await expect(page).not_to_have_url("**/new")
        await page.reload()
        await finished_answer(page)
        await page.goto(f"/chat/{GUIDE}")
        await finished_answer(page)


async def test_an_uploaded_pdf_is_ready_and_cited_at_its_page(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Harbour master")
        await page.goto(f"/files/{slug}")
        await expect(page.get_by_text("Drop a document anywhere")).to_be_visible()
        await upload(page, HANDBOOK)
        await expect(file_row(page, "harbour.pdf")).to_contain_text("Ready", timeout=INGEST_MS)
        await open_chat(page, slug)
        await ask(page, "Who winds the clockwork of the lamp at dusk?")
        panel = await open_first_source(page, await finished_answer(page))
        await expect(panel).to_contain_text("9 of 12")
        await expect(panel.locator(".passage")).to_contain_text("lighthouse keeper")
        original = panel.get_by_role("link", name="Open the original")
        await expect(original).to_have_attribute("href", re.compile(r"/content#page=9$"))
        await panel.get_by_role("button", name="Next page").click()
        await expect(panel).to_contain_text("Chapter 10")
        await panel.get_by_role("button", name="Back to the passage").click()
        await panel.get_by_role("link", name="Open in Files").click()
        await expect(page.locator(".viewer .passage")).to_contain_text("lighthouse keeper")
        await expect(page.get_by_role("complementary", name="Passages")).to_be_visible()


async def test_a_question_that_is_too_long_is_refused_and_kept(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        await open_chat(page, GUIDE)
        question = "why " * 25_000
        await ask(page, question)
        await expect(page.get_by_role("alert")).to_contain_text("20,000 is the most")
        await expect(question_field(page)).to_have_value(question)


async def test_what_was_begun_is_there_after_a_reload(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        await open_chat(page, GUIDE)
        await question_field(page).fill("How do I move")
        await stored_draft(page, "How do I move")
        await page.reload()
        await expect(question_field(page)).to_have_value("How do I move")


async def test_threads_can_be_renamed_deleted_and_brought_back(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Thread keeper")
        await open_chat(page, slug)
        await ask(page, "Is anybody here?")
        await finished_answer(page)
        threads = page.get_by_role("navigation", name="Threads")
        await threads.get_by_text("Is anybody here?").hover()
        await threads.get_by_role("button", name="Rename").click()
        await threads.get_by_label("Title of the thread").fill("Roll call")
        await page.keyboard.press("Enter")
        await expect(threads.get_by_role("link", name="Roll call")).to_be_visible()
        await threads.get_by_text("Roll call").hover()
        await threads.get_by_role("button", name="Delete").click()
        await expect(threads.get_by_role("link", name="Roll call")).to_be_hidden()
        await threads.get_by_role("button", name="Undo").click()
        await threads.get_by_role("link", name="Roll call").click()
        await expect(await finished_answer(page)).to_be_visible(timeout=ANSWER_MS)


async def test_switching_the_clone_loads_no_document_and_is_remembered(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Second voice")
        await page.goto(f"/files/{GUIDE}")
        documents: list[str] = []
        page.on(
            "request",
            lambda r: documents.append(r.url) if r.resource_type == "document" else None,
        )
        await page.get_by_role("button", name="Clone:").click()
        await page.get_by_role("menuitem", name="Second voice").click()
        await expect(page).to_have_url(f"{served.address}/files/{slug}")
        await expect(page.get_by_text("Drop a document anywhere")).to_be_visible()
        assert documents == []
        await page.reload()
        await expect(page.get_by_role("button", name="Clone: Second voice")).to_be_visible()
        remembered = await page.context.storage_state()
        again = await visits.context(served, storage_state=remembered)
        other = await visits.page(again)
        await other.goto("/")
        await expect(other.get_by_role("button", name="Clone: Second voice")).to_be_visible()
        await again.close()
