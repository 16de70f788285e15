"""Choosing a clone's voice and hearing the difference, without any key."""

import itertools

import numpy as np
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import Visits
from tests.e2e.pages import ask, finished_answer, new_clone, open_chat
from tests.e2e.served import ServedStudio
from tests.e2e.test_listening import SPEECH_MS, hear, press
from tests.servers.hearing import heard, loudness

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def choose(page: Page, slug: str, name: str) -> None:
    """Find a voice by its name and give it to a clone."""
    await page.goto(f"/voice/{slug}")
    await page.get_by_label("Search voices").fill(name)
    await page.get_by_role("button", name=f"Use {name}").click()
    await expect(page.get_by_text(f"speaks as {name} from now on")).to_be_visible()


async def answer_audio(page: Page, studio: ServedStudio, slug: str) -> bytes:
    """Ask a clone; returns the audio of its newest answer, as the speaker button gets it."""
    await open_chat(page, slug)
    await ask(page, "Who are you?")
    await finished_answer(page)
    threads = await (await page.request.get("/api/conversations")).json()
    thread = threads["conversations"][0]["id"]
    found = await (await page.request.get(f"/api/conversations/{thread}/messages")).json()
    message = found["messages"][-1]["id"]
    audio = await page.request.get(f"/api/speech/{message}", timeout=SPEECH_MS)
    assert audio.ok, await audio.text()
    return await audio.body()


def likeness(one: bytes, other: bytes) -> float:
    """Return how alike two spectra are: 1 for the same voice with the same words."""
    return float(np.corrcoef(_spectrum(one), _spectrum(other))[0, 1])


def _spectrum(mp3: bytes) -> list[float]:
    samples, rate = heard(mp3)
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    edges = np.geomspace(80, 8000, 41)
    pairs = itertools.pairwise(edges)
    return [float(np.log(power[(hertz >= a) & (hertz < b)].sum() + 1e-9)) for a, b in pairs]


async def test_two_clones_with_two_voices_differ_and_a_changed_voice_is_used_next(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        slugs = [await new_clone(page, served, name) for name in ("First", "Second")]
        await choose(page, slugs[0], "Bella")
        await choose(page, slugs[1], "George")
        first = await answer_audio(page, served, slugs[0])
        second = await answer_audio(page, served, slugs[1])
        assert min(loudness(first), loudness(second)) > 0.02
        assert likeness(first, second) < 0.8
        await choose(page, slugs[0], "George")
        changed = await answer_audio(page, served, slugs[0])
        assert likeness(changed, second) > 0.95


async def test_sliders_survive_a_reload_and_the_playground_is_heard(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Player")
        await page.goto(f"/voice/{slug}")
        await page.get_by_label("Speed").fill("115")
        await expect(page.get_by_role("button", name="Reset")).to_be_enabled()
        await page.reload()
        await expect(page.get_by_label("Speed")).to_have_value("115")
        await page.get_by_role("button", name="Reset").click()
        await expect(page.get_by_label("Speed")).to_have_value("100")
        playground = page.get_by_role("region", name="Playground")
        await playground.get_by_label("Text to hear").fill("Tell me and I forget, teach me.")
        await playground.get_by_role("button", name="Speak").click()
        await expect(press(playground, "Pause")).to_be_visible(timeout=SPEECH_MS)
        assert (await hear(page))["loudest"] > 0.02
        await expect(playground.get_by_role("status").last).to_contain_text("First sound after")
        await expect(playground.get_by_role("link", name="Download")).to_be_visible()
        await expect(page.get_by_role("region", name="Characters spoken")).to_contain_text("31")
