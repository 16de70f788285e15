"""Hearing answers: speech of this machine, and every way in which ElevenLabs can fail."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.conftest import Visits
from tests.e2e.pages import ask, finished_answer, open_chat
from tests.e2e.served import ServedStudio
from tests.servers.elevenlabs_server import KEY, Behaviour, ElevenLabsServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GUIDE = "studio-guide"
QUESTION = "How do I upload a document?"
# The model is read from disk by a busy machine.
SPEECH_MS = 60_000
# Listens to what the page plays until it is loud and has moved on.
HEAR = """async () => {
  const audio = document.querySelector("audio");
  const context = new AudioContext();
  await context.resume();
  const meter = context.createAnalyser();
  context.createMediaStreamSource(audio.captureStream()).connect(meter);
  const samples = new Float32Array(meter.fftSize);
  const start = audio.currentTime;
  let loudest = 0;
  while (!audio.ended && (loudest < 0.02 || audio.currentTime < start + 1)) {
    meter.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
    loudest = Math.max(loudest, Math.sqrt(power));
    await new Promise(requestAnimationFrame);
  }
  await context.close();
  return { loudest, moved: audio.currentTime - start };
}"""
SENTENCES = {
    "401": "does not accept the key",
    "quota": "no characters left",
    "402": "no characters left",
    "404": "does not have this voice",
    "422": "did not accept the request",
    "429": "is busy",
    "hang": "did not answer in time",
    "500": "failed (status 500)",
}


@pytest.fixture(scope="module")
def voices() -> Iterator[ElevenLabsServer]:
    """A server that speaks ElevenLabs' protocol."""
    with ElevenLabsServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def served_with_voices(
    tmp_path_factory: pytest.TempPathFactory, voices: ElevenLabsServer
) -> Iterator[ServedStudio]:
    """A studio that speaks by `voices`."""
    settings = {
        "STUDIO_SPEECH": "elevenlabs",
        "ELEVENLABS_API_KEY": KEY,
        "ELEVENLABS_BASE_URL": voices.address,
        "STUDIO_SPEECH_TIMEOUT_SECONDS": "1",
    }
    studio = ServedStudio(tmp_path_factory.mktemp("voices") / "data", settings).start()
    yield studio
    studio.stop()


async def answered(page: Page) -> Locator:
    await open_chat(page, GUIDE)
    await ask(page, QUESTION)
    return await finished_answer(page)


def press(answer: Locator, name: str) -> Locator:
    return answer.get_by_role("button", name=name)


async def hear(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate(HEAR)
    return found


async def test_an_answer_is_audible_without_any_key(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        answer = await answered(page)
        await press(answer, "Listen").click()
        await expect(press(answer, "Pause")).to_be_visible(timeout=SPEECH_MS)
        heard = await hear(page)
        assert heard["loudest"] > 0.02
        assert heard["moved"] >= 1
        await press(answer, "Pause").click()
        await press(answer, "Go on").click()
        await expect(answer.get_by_label("Volume")).to_be_visible()
        await press(answer, "Stop").click()
        await expect(press(answer, "Listen")).to_be_visible()
        assert await page.evaluate("() => document.querySelector('audio').paused")


async def test_one_answer_is_heard_at_a_time(visits: Visits, served_with_voices: ServedStudio):
    async with visits.visit(served_with_voices) as page:
        first = await answered(page)
        await ask(page, "Which file types can I upload?")
        second = await finished_answer(page, 2)
        first = page.locator(".chat-turn-clone").first
        await press(first, "Listen").click()
        await expect(press(first, "Pause")).to_be_visible()
        await press(second, "Listen").dblclick()
        await expect(press(second, "Pause")).to_be_visible()
        await expect(press(first, "Listen")).to_be_visible()
        assert await page.locator("audio").count() == 1
        # Leaving the page ends it.
        await page.get_by_role("link", name="All Clones", exact=True).click()
        await page.wait_for_function("() => document.querySelector('audio').paused")


async def test_each_failure_is_told_beside_the_text_and_can_be_tried_again(
    visits: Visits, served_with_voices: ServedStudio, voices: ElevenLabsServer
):
    async with visits.visit(served_with_voices) as page:
        answer = await answered(page)
        text = await answer.locator(".prose").inner_text()
        button = "Listen"
        for mode, words in SENTENCES.items():
            voices.behaviour = Behaviour(mode=mode)
            await press(answer, button).click()
            await expect(answer.get_by_role("status")).to_contain_text(words)
            assert await answer.locator(".prose").inner_text() == text
            button = "Try again"
        voices.behaviour = Behaviour()


@pytest.mark.parametrize("mode", ["stall", "cut"])
async def test_a_stream_that_breaks_goes_on_at_the_next_sentence(
    visits: Visits, served_with_voices: ServedStudio, voices: ElevenLabsServer, mode: str
):
    async with visits.visit(served_with_voices) as page:
        answer = await answered(page)
        voices.behaviour = Behaviour(mode=mode)
        await press(answer, "Listen").click()
        await expect(answer.get_by_role("status")).to_contain_text("stopped in the middle")
        voices.behaviour = Behaviour()
        said = len(voices.spoken())
        await press(answer, "Go on").click()
        await expect(press(answer, "Pause")).to_be_visible()
        assert (await hear(page))["loudest"] > 0.02
        texts = [body["text"] for body in voices.spoken()]
        assert texts[said - 1] not in texts[said:]
