"""What a person does on the pages, in the words of the pages."""

import asyncio
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.e2e.served import ServedStudio

ANSWER_MS = 20_000
INGEST_MS = 60_000


async def new_clone(page: Page, studio: ServedStudio, name: str) -> str:
    """Make a clone through the API, as this browser's user; returns its slug."""
    answer = await page.request.post(
        "/api/personas", data={"name": name}, headers={"Origin": studio.address}
    )
    assert answer.ok, await answer.text()
    return str((await answer.json())["slug"])


async def open_chat(page: Page, slug: str) -> None:
    """Open a new thread with a clone."""
    await page.goto(f"/chat/{slug}/new")
    await expect(question_field(page)).to_be_visible()


def question_field(page: Page) -> Locator:
    """The field for the next question."""
    return page.get_by_label("Your question")


async def ask(page: Page, question: str) -> None:
    """Type a question and send it with Enter."""
    await question_field(page).fill(question)
    await question_field(page).press("Enter")


def answers(page: Page) -> Locator:
    """The clone's finished answers."""
    return page.locator(".chat-turn-clone:not(.chat-running)")


def running(page: Page) -> Locator:
    """The answer in progress."""
    return page.locator(".chat-running")


async def finished_answer(page: Page, number: int = 1) -> Locator:
    """Wait until `number` answers are finished; returns the last of them."""
    await expect(answers(page)).to_have_count(number, timeout=ANSWER_MS)
    return answers(page).last


async def open_first_source(page: Page, answer: Locator) -> Locator:
    """Click the first citation in the text; returns the source panel."""
    await answer.locator(".prose button.cite").first.click()
    panel = page.get_by_role("complementary", name="Source")
    await expect(panel).to_be_visible()
    return panel


async def upload(page: Page, *files: dict[str, Any] | Path) -> None:
    """Pick files on the files page."""
    await page.locator("input[type=file]").set_input_files(list(files))  # type: ignore[arg-type]


def file_row(page: Page, name: str) -> Locator:
    """The table's row of one file."""
    return page.get_by_role("row").filter(has_text=name)


async def stored_draft(page: Page, text: str) -> None:
    """Wait until the browser has stored an unsent question."""
    async with asyncio.timeout(10):
        while text not in await page.evaluate("() => localStorage.studio_chat_drafts ?? ''"):
            await page.evaluate("() => new Promise(requestAnimationFrame)")
