"""Served studios and a browser; whatever the browser complains about fails the test."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.e2e.served import ServedStudio
from tests.servers.openai_server import OpenAIServer

WIDE = {"width": 1440, "height": 900}
# The studio reads its guide at its first start, beside whatever else this machine does.
expect.set_options(timeout=20_000)
# A browser tells of each answer that is an error; the pages show those in words.
ANSWER_STATUS = "Failed to load resource: the server responded with a status of"


class Complaints(list[str]):
    """What pages said on their console, raised, or tried against the policy.

    `expected` holds what a test itself brings about, such as a connection that it cuts.
    """

    expected: tuple[str, ...] = ()

    def listen(self, page: Page) -> None:
        """Collect the complaints of one page."""
        page.on("pageerror", lambda error: self.append(f"raised: {error}"))
        page.on("console", self._heard)

    def _heard(self, message: object) -> None:
        kind, text = message.type, message.text  # type: ignore[attr-defined]
        if kind != "error" or text.startswith(ANSWER_STATUS):
            return
        if not any(words in text for words in self.expected):
            self.append(text)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    """A studio without a key: it answers in quotes."""
    studio = ServedStudio(tmp_path_factory.mktemp("quoting") / "data").start()
    yield studio
    studio.stop()


@pytest.fixture(scope="session")
def model_server() -> Iterator[OpenAIServer]:
    """A server that speaks OpenAI's protocol."""
    with OpenAIServer().running() as server:
        yield server


@pytest.fixture(scope="session")
def served_with_model(
    tmp_path_factory: pytest.TempPathFactory, model_server: OpenAIServer
) -> Iterator[ServedStudio]:
    """A studio whose answers are written by `model_server`."""
    settings = {"STUDIO_LLM": "openai", "OPENAI_BASE_URL": model_server.address}
    studio = ServedStudio(
        tmp_path_factory.mktemp("model") / "data", {**settings, "OPENAI_API_KEY": "sk-test"}
    ).start()
    yield studio
    studio.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests."""
    path = os.environ.get("STUDIO_BROWSER") or shutil.which("chromium")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield launched
        await launched.close()


class Visits:
    """Opens browsers that are signed in to a studio, and watches what they complain about."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self.complaints = Complaints()

    @asynccontextmanager
    async def visit(self, studio: ServedStudio, **options: object) -> AsyncIterator[Page]:
        """Open a page of a signed-in browser of its own."""
        context = await self.context(studio, **options)
        try:
            yield await self.page(context)
        finally:
            await context.close()

    async def context(self, studio: ServedStudio, **options: object) -> BrowserContext:
        """Return a browser that is signed in; sign-in happens once for each studio."""
        stored = self._folder / f"{studio.port}.json"
        settings = {"base_url": studio.address, "viewport": WIDE, "storage_state": stored}
        if not stored.exists():
            first = await self._browser.new_context(base_url=studio.address, viewport=WIDE)
            page = await self.page(first)
            await page.goto(studio.link)
            await expect(page.get_by_role("button", name="Account")).to_be_visible()
            await first.storage_state(path=stored)
            await first.close()
        return await self._browser.new_context(**{**settings, **options})

    async def page(self, context: BrowserContext) -> Page:
        """Open a page whose complaints are collected."""
        page = await context.new_page()
        self.complaints.listen(page)
        return page


@pytest.fixture(scope="session")
def cookie_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where signed-in browsers are remembered between tests."""
    return tmp_path_factory.mktemp("browsers")


@pytest_asyncio.fixture(loop_scope="session")
async def visits(browser: Browser, cookie_folder: Path) -> AsyncIterator[Visits]:
    """Signed-in browsers; at the end nothing may have been complained about."""
    made = Visits(browser, cookie_folder)
    yield made
    assert made.complaints == []
