"""Editing a prompt, activating it and asking again: the answer is another one, and back."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, WebSocket, expect

from tests.e2e.conftest import Visits
from tests.e2e.pages import ask, finished_answer, new_clone, open_chat, stored_draft
from tests.e2e.served import ServedStudio
from tests.servers.openai_server import Behaviour, OpenAIServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

RHYMES = "You are {{ persona.name }}, and you answer in rhymes."


@asynccontextmanager
async def second_of(socket: WebSocket, event: str) -> AsyncIterator[None]:
    """Wait until the page has sent two events of this name since the block began."""
    sent: list[str] = []

    def is_second(frame: str | bytes) -> bool:
        sent.extend([str(frame)] if f".{event}" in str(frame) else [])
        return len(sent) == 2

    async with socket.expect_event("framesent", is_second):
        yield


async def answer(page: Page, slug: str) -> str:
    """Ask, and return what the model was told, which is what it answers."""
    await open_chat(page, slug)
    await ask(page, "Who are you?")
    return await (await finished_answer(page)).locator(".prose").inner_text()


async def test_an_activated_prompt_answers_and_restoring_brings_the_old_one_back(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer
):
    model_server.behaviour = Behaviour(mode="echo")
    async with visits.visit(served_with_model) as page:
        slug = await new_clone(page, served_with_model, "Rhymer")
        other = await new_clone(page, served_with_model, "Other")
        await page.goto(f"/prompts/{slug}")
        editor = page.get_by_label("Text of this layer")
        await editor.fill("You are {{ nobody }}.")
        await expect(page.locator(".prompt-line")).to_contain_text("nobody")
        await editor.fill(RHYMES)
        await expect(page.locator(".prompt-line")).to_have_count(0)
        await expect(page.get_by_text("What you typed is kept")).to_be_visible()
        await page.reload()
        await expect(editor).to_have_value(RHYMES)
        await page.get_by_label("What changed, and why").fill("Rhymes")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("v2 was saved last; v1 answers")).to_be_visible()
        assert "in rhymes" not in await answer(page, slug)
        await page.goto(f"/prompts/{slug}")
        await page.get_by_role("button", name="Activate v2").click()
        await expect(page.get_by_role("tab", name="System v2")).to_be_visible()
        assert "You are Rhymer, and you answer in rhymes." in await answer(page, slug)
        assert "in rhymes" not in await answer(page, other)
        await page.goto(f"/prompts/{slug}")
        await page.get_by_role("button", name="Restore v1").click()
        await expect(page.get_by_text("restored from v1", exact=True)).to_be_visible()
        assert "in rhymes" not in await answer(page, slug)
    model_server.behaviour = Behaviour()


async def test_what_is_typed_a_moment_before_leaving_stays_where_it_was_typed(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Typist")
        other = await new_clone(page, served, "Neighbour")
        async with page.expect_websocket() as opened:
            await page.goto(f"/prompts/{slug}")
        socket, editor = await opened.value, page.get_by_label("Text of this layer")
        await expect(editor).to_be_visible()
        # One of typing follows the one of leaving the field.
        async with second_of(socket, "typed"):
            await editor.press_sequentially("XX")
            await page.get_by_role("tab", name="RAG").click()
        await expect(page.get_by_role("tab", name="RAG")).to_have_attribute("aria-selected", "true")
        await page.get_by_role("tab", name="User").click()
        await expect(editor).not_to_have_value(re.compile("^XX"))
        await expect(page.locator(".tab__dot")).to_have_count(1)
        await page.get_by_role("tab", name="System").click()
        await expect(editor).to_have_value(re.compile("^XX"))
        async with second_of(socket, "typed"):
            await editor.press_sequentially("YY")
            await page.get_by_role("button", name="Typist").click()
            await page.get_by_role("menuitem", name="Neighbour").click()
        await page.wait_for_url(f"**/prompts/{other}")
        await page.reload()
        await expect(editor).to_have_value(re.compile("^You are"))
        await expect(page.locator(".tab__dot")).to_have_count(0)
        question = page.get_by_label("Your question")
        await open_chat(page, slug)
        await question.fill("Only for Typist")
        await page.get_by_role("button", name="Typist").click()
        await page.get_by_role("menuitem", name="Neighbour").click()
        await stored_draft(page, "Only for Typist")
        await open_chat(page, other)
        await expect(question).to_have_value("")
        await open_chat(page, slug)
        await expect(question).to_have_value("Only for Typist")
