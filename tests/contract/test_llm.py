"""What every language model keeps to: the vendor's, its local twin, and a switch to both."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from clone_studio.providers.llm.protocol import LanguageModel, Quote, TextDelta
from clone_studio.providers.llm.quotes import QuotesModel
from clone_studio.services.switching import SwitchedModel
from tests.servers.local_model import local_model
from tests.servers.models import model_at, request_of, whole
from tests.servers.openai_server import OpenAIServer

QUOTES = (Quote(2, "Temperance: eat not to dullness.", 2.0), Quote(1, "Silence is a virtue.", 1.0))


@pytest.fixture(params=["openai", "local", "quotes", "switched openai", "switched quotes"])
async def model(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LanguageModel]:
    with OpenAIServer().running() as server:
        made: LanguageModel = QuotesModel()
        if "openai" in request.param:
            made = model_at(server)
        elif request.param == "local":
            made = local_model(tmp_path)
        yield SwitchedModel(lambda: made) if "switched" in request.param else made
        await made.close()


async def test_streams_text_then_one_end(model: LanguageModel) -> None:
    text, end = await whole(model, request_of(quotes=QUOTES))
    assert len(text) > 20
    assert end.reason == "stop"
    assert end.model


async def test_marks_the_passages_it_uses(model: LanguageModel) -> None:
    text, _ = await whole(model, request_of(quotes=QUOTES))
    assert "[2]" in text and "[1]" in text


async def test_can_be_closed_after_the_first_piece(model: LanguageModel) -> None:
    async with aclosing(model.stream(request_of(quotes=QUOTES))) as stream:
        first = await anext(stream)
    assert isinstance(first, TextDelta)


async def test_answers_many_at_once(model: LanguageModel) -> None:
    import asyncio

    answers = await asyncio.gather(*(whole(model, request_of(quotes=QUOTES)) for _ in range(10)))
    assert len({text for text, _ in answers}) == 1


async def test_names_its_models_and_says_that_it_works(model: LanguageModel) -> None:
    names = await model.models()
    assert names[0] == model.default_model
    assert (await model.check()).endswith(".")


async def test_has_a_kind_that_pages_can_name(model: LanguageModel) -> None:
    assert model.kind in {"openai", "local", "quotes"}


async def test_can_be_warmed_before_a_question(model: LanguageModel) -> None:
    request = request_of(quotes=QUOTES)
    await model.warm(request.turns[:1])
    assert (await whole(model, request))[0]
