"""Answers by a small model: short prompts, refused in code, citations set in code."""

from collections.abc import AsyncIterator

import pytest

from clone_studio.errors import NotFound
from clone_studio.services.knowledge.evidence import EXCERPT_CHARS
from clone_studio.settings import Settings
from tests.chat_world import (
    OWNER,
    STRANGER,
    VIRTUES,
    PacedModel,
    World,
    build_world,
    passage,
)

QUESTION = "With which of the thirteen virtues does the page begin?"


class SmallModel(PacedModel):
    """A paced model that says it is the one on this machine."""

    kind = "local"


@pytest.fixture
def model() -> SmallModel:
    return SmallModel()


@pytest.fixture
async def world(settings: Settings, model: SmallModel) -> AsyncIterator[World]:
    built = build_world(settings, model)
    yield built
    await built.chat.close()
    built.services.database.dispose()


async def test_a_sentence_of_the_passages_is_cited_though_the_model_forgot(
    world: World, model: SmallModel
) -> None:
    model.say("The thirteen virtues begin with ", "temperance. They were", " sold in Boston [2].")
    model.finish()
    answer = await world.answer(QUESTION)
    assert answer.content == (
        "The thirteen virtues begin with temperance. [1] They were sold in Boston."
    )
    (citation,) = answer.citations
    assert citation["chunkId"] == "chunk-1"
    assert "temperance" in citation["quote"]
    assert answer.usage["mode"] == "model"


async def test_a_long_passage_is_cut_to_what_matters_and_cited_at_its_place(
    world: World, model: SmallModel
) -> None:
    filler = "We went on board the packet and had a fair wind for several days. " * 30
    world.shelf.passages = [passage(1, filler + VIRTUES + " " + filler)]
    model.say("The thirteen virtues begin with temperance.")
    model.finish()
    answer = await world.answer(QUESTION)
    prompt = model.requests[0].turns[-1].content
    assert VIRTUES in prompt
    assert prompt.count("packet") * 60 <= EXCERPT_CHARS
    (citation,) = answer.citations
    start = 100 + len(filler) + VIRTUES.index("The thirteen")
    assert citation["start"] == start


async def test_what_the_passages_do_not_hold_is_not_even_asked(
    world: World, model: SmallModel
) -> None:
    model.finish()
    await world.answer("Which smartphone do you recommend for video calls?")
    assert model.requests[0].turns == ()
    assert model.requests[0].no_answer


async def test_opening_a_clone_warms_what_every_prompt_begins_with(
    world: World, model: SmallModel
) -> None:
    await world.chat.warm(OWNER, "ben")
    model.finish()
    await world.answer(QUESTION)
    assert model.warmed == [model.requests[0].turns[:1]]
    with pytest.raises(NotFound):
        await world.chat.warm(STRANGER, "ben")
