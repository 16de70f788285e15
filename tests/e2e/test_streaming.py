"""The same walk with a server that speaks OpenAI's protocol: streaming, stopping, failing."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import Visits
from tests.e2e.pages import (
    answers,
    ask,
    finished_answer,
    open_chat,
    open_first_source,
    question_field,
    running,
)
from tests.e2e.served import ServedStudio
from tests.servers.openai_server import Behaviour, OpenAIServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GUIDE = "studio-guide"
QUESTION = "How do I upload a document?"
PARAGRAPHS = [f"Paragraph {number} tells more about it [1]." for number in range(1, 9)]
TEXT = "\n\n".join(PARAGRAPHS)
SLOW = Behaviour(text=TEXT, delay=0.05)


@pytest.fixture(autouse=True)
def _normal_afterwards(model_server: OpenAIServer) -> Iterator[None]:
    yield
    model_server.behaviour = Behaviour()
    model_server.script.clear()
    model_server.closed_early.clear()


async def test_an_answer_streams_and_its_citation_opens(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer
):
    model_server.behaviour = SLOW
    async with visits.visit(served_with_model) as page:
        await open_chat(page, GUIDE)
        await ask(page, QUESTION)
        await expect(page.locator(".chat-question")).to_have_text(QUESTION)
        await expect(running(page)).to_contain_text(PARAGRAPHS[1][:20])
        await expect(running(page)).not_to_contain_text(PARAGRAPHS[-1])
        answer = await finished_answer(page)
        await expect(answer.locator(".prose p")).to_have_count(len(PARAGRAPHS))
        panel = await open_first_source(page, answer)
        await expect(panel.locator(".passage")).to_be_in_viewport()
        await answer.get_by_role("button", name="show where the time went").click()
        await expect(answer.get_by_role("table")).to_contain_text("First word")


async def test_a_reload_and_a_second_tab_continue_the_same_answer(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer
):
    model_server.behaviour = SLOW
    async with visits.visit(served_with_model) as page:
        await open_chat(page, GUIDE)
        await ask(page, QUESTION)
        await expect(running(page)).to_contain_text(PARAGRAPHS[0][:20])
        await expect(page).not_to_have_url("**/new")
        await page.reload()
        await expect(running(page)).to_contain_text(PARAGRAPHS[0][:20])
        second = await visits.page(page.context)
        await second.goto(page.url)
        await expect(running(second)).to_contain_text(PARAGRAPHS[0][:20])
        for tab in (page, second):
            answer = await finished_answer(tab)
            await expect(answer.locator(".prose p")).to_have_count(len(PARAGRAPHS))
    assert len(model_server.chats()) >= 1


async def test_stop_closes_the_models_stream_and_keeps_the_text(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer
):
    model_server.behaviour = SLOW
    async with visits.visit(served_with_model) as page:
        await open_chat(page, GUIDE)
        await ask(page, QUESTION)
        await expect(running(page)).to_contain_text(PARAGRAPHS[0][:20])
        await page.get_by_role("button", name="Stop").click()
        answer = await finished_answer(page)
        await expect(answer).to_contain_text("Stopped")
        await expect(answer).to_contain_text(PARAGRAPHS[0][:20])
        await expect(answer).not_to_contain_text(PARAGRAPHS[-1])
    assert model_server.closed_early.wait(10)


@pytest.mark.parametrize("mode", ["quota", "500", "cut", "html"])
async def test_a_model_that_fails_is_told_in_words_and_can_be_asked_again(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer, mode: str
):
    model_server.behaviour = Behaviour(mode=mode)
    async with visits.visit(served_with_model) as page:
        await open_chat(page, GUIDE)
        await ask(page, QUESTION)
        failed = await finished_answer(page)
        await expect(failed).not_to_contain_text("secret-upstream")
        model_server.behaviour = Behaviour(text="Better now [1].")
        await failed.get_by_role("button", name="Try again").click()
        await expect(page.get_by_text("Better now")).to_be_visible()


async def test_what_a_model_writes_stays_words(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer
):
    model_server.behaviour = Behaviour(
        text="<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        " [a link](javascript:document.title='owned') ![seen](https://example.org/pixel.png) "
        "<iframe srcdoc=\"<script>parent.document.title='owned'</script>\"></iframe> The end."
    )
    async with visits.visit(served_with_model) as page:
        elsewhere: list[str] = []
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith(served_with_model.address) else elsewhere.append(r.url)
            ),
        )
        await open_chat(page, GUIDE)
        await ask(page, QUESTION)
        answer = await finished_answer(page)
        await expect(answer).to_contain_text("The end.")
        await answer.get_by_text("a link").click()
        await expect(page).not_to_have_title("owned")
        assert elsewhere == []
        assert await answer.locator("img, iframe, script").count() == 0


async def test_a_second_question_waits_for_the_first_answer(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer
):
    model_server.behaviour = SLOW
    async with visits.visit(served_with_model) as page:
        await open_chat(page, GUIDE)
        await ask(page, QUESTION)
        await expect(running(page)).to_be_visible()
        await ask(page, "And another one?")
        await expect(page.get_by_role("alert")).to_contain_text("still answering")
        await expect(question_field(page)).to_have_value("And another one?")
        await finished_answer(page)
        await question_field(page).press("Enter")
        await expect(answers(page)).to_have_count(2, timeout=20_000)


async def test_the_first_paragraph_stands_still_when_it_is_finished(
    visits: Visits, served_with_model: ServedStudio, model_server: OpenAIServer
):
    below = "(text) => text.offsetTop - text.closest('.chat-bubble').offsetTop"
    model_server.behaviour = Behaviour(text="One paragraph and no other one. " * 2, delay=0.1)
    async with visits.visit(served_with_model) as page:
        await open_chat(page, GUIDE)
        await ask(page, QUESTION)
        growing = running(page).locator(".prose p")
        await expect(growing).to_contain_text("One")
        place = await growing.evaluate(below)
        answer = await finished_answer(page)
        assert await answer.locator(".prose p").evaluate(below) == place
