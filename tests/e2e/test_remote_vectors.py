"""Pinecone set up in Settings, and a note under the answer when it is away."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import Visits
from tests.e2e.pages import (
    INGEST_MS,
    answers,
    ask,
    file_row,
    finished_answer,
    new_clone,
    open_chat,
    upload,
)
from tests.e2e.served import ServedStudio
from tests.servers.pinecone_server import KEY, PineconeServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LAMPS = b"# Lamps\n\nThe keeper of the harbour winds the lamp at dusk."


@pytest.fixture
def server() -> Iterator[PineconeServer]:
    with PineconeServer(dimension=384, visible_after=1).running() as running:
        yield running


@pytest.fixture
def remote(
    tmp_path_factory: pytest.TempPathFactory, server: PineconeServer
) -> Iterator[ServedStudio]:
    """A studio whose Pinecone is the stand-in, still without a key."""
    folder = tmp_path_factory.mktemp("remote")
    studio = ServedStudio(folder / "data", {"PINECONE_HOST": server.address}).start()
    yield studio
    studio.stop()


async def files_of(page: Page, slug: str) -> str:
    answer = await page.request.get(f"/api/personas/{slug}/files")
    return (await answer.text()).replace('": ', '":')


async def test_pinecone_is_set_up_used_and_missed(
    visits: Visits, remote: ServedStudio, server: PineconeServer
):
    async with visits.visit(remote) as page:
        slug = await new_clone(page, remote, "Keeper")
        await page.goto("/settings")
        section = page.locator("#vectors")
        await section.get_by_label("Pinecone index").fill("clone-studi")
        await section.get_by_label("Key", exact=True).fill(KEY)
        await section.get_by_role("button", name="Test").click()
        await expect(section.get_by_role("status")).to_contain_text("There is no index")
        await section.get_by_label("Pinecone index").fill(server.name)
        await section.get_by_role("button", name="Test").click()
        await expect(section.get_by_role("status")).to_contain_text("vectors of 384 numbers")
        await section.get_by_role("button", name="Save search").click()
        await expect(section.get_by_text(f"…{KEY[-4:]}")).to_be_visible()
        await page.goto(f"/files/{slug}")
        await upload(page, {"name": "lamps.md", "mimeType": "text/markdown", "buffer": LAMPS})
        await expect(file_row(page, "lamps.md")).to_contain_text("Ready", timeout=INGEST_MS)
        # Ready is what words find; its vectors follow.
        async with asyncio.timeout(INGEST_MS / 1000):
            while '"embedding":"done"' not in await files_of(page, slug):
                await asyncio.sleep(0.1)
        await open_chat(page, slug)
        await ask(page, "Who winds the lamp?")
        await expect(await finished_answer(page)).to_contain_text("winds the lamp")
        server.always = "503"
        await ask(page, "When does the keeper wind the lamp?")
        note = (await finished_answer(page, 2)).locator(".chat-note")
        await expect(note).to_contain_text("Found by words only")
        await expect(answers(page).first.locator(".chat-note")).to_have_count(0)
        await page.goto("/health")
        await page.get_by_role("button", name="Check again").click()
        await expect(page.get_by_text("searched by words only")).to_be_visible()
    assert KEY not in "".join(remote.log)
