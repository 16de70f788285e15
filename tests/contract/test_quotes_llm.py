"""The model of a studio that has none."""

from clone_studio.providers.llm.protocol import Quote
from clone_studio.providers.llm.quotes import NO_ANSWER, QuotesModel
from tests.servers.models import request_of, whole


async def test_says_that_these_are_quotes_and_cites_each() -> None:
    quotes = (Quote(3, "Eat not\nto   dullness.", 2.0), Quote(1, "Speak not but to benefit.", 1.0))
    text, end = await whole(QuotesModel(), request_of(quotes=quotes))
    lead, first, second = text.split("\n\n")
    assert "my own material" in lead
    assert first == "> “Eat not to dullness.” [3]"
    assert second == "> “Speak not but to benefit.” [1]"
    assert (end.model, end.prompt_tokens) == ("quotes", 0)


async def test_says_what_the_clone_says_when_there_is_nothing() -> None:
    assert (await whole(QuotesModel(), request_of()))[0] == "No idea."
    assert (await whole(QuotesModel(), request_of(no_answer="")))[0] == NO_ANSWER


async def test_a_number_of_the_document_is_no_citation() -> None:
    text, _ = await whole(QuotesModel(), request_of(quotes=(Quote(1, "As shown in [2].", 1.0),)))
    assert "\\[2]" in text
    assert text.endswith("[1]")
