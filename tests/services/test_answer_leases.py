"""Whose an answer is: processes that end, that come to a stand, and that are told to stop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from clone_studio.db import utc_now
from clone_studio.errors import ProviderInterrupted
from clone_studio.models import Message
from clone_studio.services.answers.leases import MOST_ATTEMPTS
from clone_studio.services.chat import ChatService
from clone_studio.services.jobs import process_owner
from tests.chat_world import OWNER, PacedModel, World, colleague, text_of

# A process of this machine with the number of one that runs, but begun at another time.
HALF = "Temperance is"
DEAD = process_owner().rpartition("|")[0] + "|1"


async def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.01)


@pytest.fixture
def second_model() -> PacedModel:
    return PacedModel()


@pytest.fixture
async def second(world: World, second_model: PacedModel) -> AsyncIterator[ChatService]:
    """Another process of the same studio."""
    chat = colleague(world, second_model, "elsewhere|boot|1|1")
    yield chat
    await chat.close()


def change(world: World, message_id: str, **values: Any) -> None:
    with world.services.database.write() as session:
        row = session.get_one(Message, message_id)
        for name, value in values.items():
            setattr(row, name, value)


def row(world: World, message_id: str) -> Message:
    with world.services.database.read() as session:
        return session.get_one(Message, message_id)


async def half_written(world: World, model: PacedModel) -> str:
    """Begin an answer and have its first half stored."""
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say(HALF)
    await until(lambda: row(world, started.message_id).content)
    return started.message_id


async def test_the_answer_of_a_dead_process_is_written_anew(
    world: World, model: PacedModel, second: ChatService, second_model: PacedModel
) -> None:
    message_id = await half_written(world, model)
    following = asyncio.create_task(world.follow(message_id))
    change(world, message_id, lease_owner=DEAD)
    assert await second.sweep() == 1
    second_model.say("Silence comes second.")
    second_model.finish()
    await until(lambda: row(world, message_id).state == "complete")
    stored = row(world, message_id)
    assert (stored.content, stored.attempts) == ("Silence comes second.", 2)
    events = await following
    names = [event["event"] for event in events]
    assert names.count("restart") == 1 and names[-1] == "done"
    assert text_of(events[names.index("restart") :]) == "Silence comes second."
    assert second_model.requests[0].turns[-1].content.endswith("Which virtue?")
    # The first process notices that the answer is not its own any more.
    await until(lambda: model.closed == 1)


async def test_one_that_comes_back_changes_nothing_any_more(
    world: World, model: PacedModel, second: ChatService, second_model: PacedModel
) -> None:
    message_id = await half_written(world, model)
    change(world, message_id, lease_owner=DEAD)
    await second.sweep()
    model.say("a virtue that nobody hears of.")
    model.finish()
    await until(lambda: model.closed)
    second_model.say("Order.")
    second_model.finish()
    await until(lambda: row(world, message_id).state == "complete")
    assert row(world, message_id).content == "Order."


async def test_what_others_write_is_left_alone(
    world: World, model: PacedModel, second: ChatService
) -> None:
    message_id = await half_written(world, model)
    assert await second.sweep() == 0
    elsewhere = "another-machine|boot|1|1"
    change(world, message_id, lease_owner=elsewhere, lease_until=utc_now() + timedelta(seconds=9))
    assert await second.sweep() == 0
    change(world, message_id, lease_until=utc_now() - timedelta(seconds=1))
    assert await second.sweep() == 1


async def test_closing_hands_answers_over(
    world: World, model: PacedModel, second: ChatService, second_model: PacedModel
) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say("Temperance")
    async with aclosing(world.attach(started.message_id)) as events:  # type: ignore[type-var]
        await anext(events)
        await anext(events)
        await world.chat.close()
    stored = row(world, started.message_id)
    assert (stored.state, stored.content) == ("streaming", "Temperance")
    assert model.closed == 1
    assert await second.sweep() == 1
    second_model.say("Temperance it is.")
    second_model.finish()
    assert text_of([e async for e in second.attach(OWNER, started.message_id)]).endswith("it is.")


async def test_a_second_writing_that_fails_keeps_what_the_first_said(
    world: World, model: PacedModel, second: ChatService, second_model: PacedModel
) -> None:
    message_id = await half_written(world, model)
    change(world, message_id, lease_owner=DEAD)
    second_model.say(ProviderInterrupted("The connection broke."))
    await second.sweep()
    await until(lambda: row(world, message_id).state != "streaming")
    stored = row(world, message_id)
    assert (stored.state, stored.content) == ("interrupted", HALF)


@pytest.mark.parametrize(
    "values",
    [
        {"attempts": MOST_ATTEMPTS},
        {"lease_until": utc_now() - timedelta(hours=1)},
        {"parent_id": None},
    ],
    ids=["tried often", "long ago", "no question"],
)
async def test_what_is_not_worth_it_ends_as_interrupted(
    world: World, model: PacedModel, second: ChatService, values: dict[str, Any]
) -> None:
    message_id = await half_written(world, model)
    change(world, message_id, lease_owner=DEAD, **values)
    assert await second.sweep() == 0
    stored = row(world, message_id)
    assert (stored.state, stored.content) == ("interrupted", HALF)
    assert stored.error is not None and "is kept" in stored.error


async def test_stop_reaches_the_process_that_writes(
    world: World, model: PacedModel, second: ChatService
) -> None:
    await world.chat.keep()
    message_id = await half_written(world, model)
    assert (await second.stop(OWNER, message_id)).state == "stopped"
    assert row(world, message_id).content == HALF
    assert model.closed == 1


async def test_stop_arrives_without_the_bus_too(
    world: World, model: PacedModel, second: ChatService
) -> None:
    # Nobody listens for stops: `keep` was not called. The row alone tells.
    message_id = await half_written(world, model)
    assert (await second.stop(OWNER, message_id)).state == "stopped"
    assert model.closed == 1


async def test_an_answer_without_a_writer_can_be_stopped(
    world: World, model: PacedModel, second: ChatService
) -> None:
    message_id = await half_written(world, model)
    change(world, message_id, lease_owner=DEAD)
    assert (await second.stop(OWNER, message_id)).state == "stopped"
    assert row(world, message_id).content == HALF


async def test_a_long_answer_keeps_its_lease(world: World, model: PacedModel) -> None:
    message_id = await half_written(world, model)
    change(world, message_id, lease_until=utc_now() + timedelta(seconds=2))
    await until(lambda: row(world, message_id).lease_until > utc_now() + timedelta(seconds=10))
