"""kill -9 in the middle of work, then a restart: nothing is lost, nothing is there twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import Visits
from tests.e2e.pages import (
    INGEST_MS,
    answers,
    ask,
    file_row,
    finished_answer,
    new_clone,
    open_chat,
    running,
    upload,
)
from tests.e2e.served import ServedStudio
from tests.servers.openai_server import Behaviour, OpenAIServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

# What a browser says while the studio is away.
CUT = ("WebSocket connection", "net::ERR_CONNECTION_", "net::ERR_EMPTY_RESPONSE")
SENTENCE = "Line {} says that ship number {} came in with the tide and left again by night.\n"


@pytest.fixture
def mortal(tmp_path: Path, model_server: OpenAIServer) -> Iterator[ServedStudio]:
    """A studio of its own, to be killed."""
    settings = {
        "STUDIO_LLM": "openai",
        "OPENAI_BASE_URL": model_server.address,
        "OPENAI_API_KEY": "sk-test",
    }
    studio = ServedStudio(tmp_path / "data", settings).start()
    yield studio
    studio.kill()
    model_server.behaviour = Behaviour()


async def test_an_answer_is_written_anew_after_the_restart(
    visits: Visits, mortal: ServedStudio, model_server: OpenAIServer
):
    words = " ".join(f"word{number}" for number in range(400))
    model_server.behaviour = Behaviour(text=f"The beginning is here. {words} finis", delay=0.05)
    visits.complaints.expected = CUT
    async with visits.visit(mortal) as page:
        slug = await new_clone(page, mortal, "Candle")
        await open_chat(page, slug)
        await ask(page, "Tell me something long.")
        await expect(running(page)).to_contain_text("word60", timeout=20_000)
        mortal.kill()
        model_server.behaviour = Behaviour(text="Another beginning. All of it now.")
        mortal.start()
        # The page is not loaded again: it connects by itself and goes on.
        answer = await finished_answer(page)
        await expect(answer).to_contain_text("Another beginning. All of it now.")
        await expect(answer).not_to_contain_text("The beginning is here")
        await expect(answer.locator(".chat-note")).to_have_count(0)
        await expect(page.locator(".chat-question")).to_have_count(1)
        await page.reload()
        await expect(await finished_answer(page)).to_contain_text("All of it now.")


async def test_an_answer_that_cannot_be_written_anew_keeps_what_was_written(
    visits: Visits, mortal: ServedStudio, model_server: OpenAIServer
):
    words = " ".join(f"word{number}" for number in range(400))
    model_server.behaviour = Behaviour(text=f"The beginning is here. {words} finis", delay=0.05)
    visits.complaints.expected = CUT
    async with visits.visit(mortal) as page:
        slug = await new_clone(page, mortal, "Wick")
        await open_chat(page, slug)
        await ask(page, "Tell me something long.")
        await expect(running(page)).to_contain_text("word60", timeout=20_000)
        mortal.kill()
        model_server.behaviour = Behaviour(mode="401")
        mortal.start()
        answer = await finished_answer(page)
        await expect(answer).to_contain_text("The beginning is here. word0 word1 word2")
        await expect(answer.locator(".chat-note")).to_have_attribute("data-state", "interrupted")
        model_server.behaviour = Behaviour(text="All of it now.")
        await answer.get_by_role("button", name="Try again").click()
        await expect(answers(page).last).to_contain_text("All of it now.")


async def test_an_interrupted_ingest_goes_on_by_itself(visits: Visits, mortal: ServedStudio):
    text = "".join(SENTENCE.format(number, number) for number in range(12_000))
    logbook = {"name": "logbook.txt", "mimeType": "text/plain", "buffer": text.encode()}
    visits.complaints.expected = CUT
    async with visits.visit(mortal) as page:
        slug = await new_clone(page, mortal, "Logbook")
        await page.goto(f"/files/{slug}")
        await upload(page, logbook)
        await expect(file_row(page, "logbook.txt")).to_contain_text("Processing", timeout=INGEST_MS)
        mortal.kill()
        mortal.start()
        await page.reload()
        row = file_row(page, "logbook.txt")
        await expect(row).to_contain_text("Ready", timeout=2 * INGEST_MS)
        await expect(row).to_have_count(1)
        found = await page.request.get(f"/api/personas/{slug}/files")
        (file,) = (await found.json())["files"]
        expected = await page.request.get(
            f"/api/personas/{slug}/files/{file['id']}/chunks?limit=200"
        )
        chunks = (await expected.json())["chunks"]
        assert len({(one["page"], one["start"]) for one in chunks}) == len(chunks) > 1
