"""Asking a clone: what is streamed, what is stored, and what happens when things go wrong."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from clone_studio.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    ProviderInterrupted,
    ProviderQuota,
    TooLarge,
)
from clone_studio.services.events import Event, MemoryEventBus
from clone_studio.settings import Settings
from tests.chat_world import (
    OWNER,
    STRANGER,
    VIRTUES,
    PacedModel,
    World,
    build_world,
    text_of,
)


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for a condition of the database or the model; the suite's time-out bounds it."""
    while True:
        if found := await asyncio.to_thread(condition):
            return found
        await asyncio.sleep(0.01)


async def test_an_answer_is_streamed_and_stored_with_its_sources(
    world: World, model: PacedModel
) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue comes first?")
    model.say("Temperance is the first of ", "the thirteen virtues [", "1]. Nothing else [9].")
    model.finish()
    events = await world.follow(started.message_id)
    names = [event["event"] for event in events]
    assert names[0] == "thread_info"
    assert names[-2:] == ["citations", "done"]
    assert text_of(events) == "Temperance is the first of the thirteen virtues [1]. Nothing else."

    stored = world.message(started.message_id)
    assert stored.content == text_of(events)
    assert (stored.state, stored.model, stored.error) == ("complete", "paced-1", None)
    (citation,) = stored.citations
    assert citation == events[-2]["citations"][0]
    assert (citation["number"], citation["chunkId"], citation["page"]) == (1, "chunk-1", 71)
    assert citation["quote"] == VIRTUES[citation["start"] - 100 : citation["end"] - 100]
    assert "temperance" in citation["quote"]
    assert stored.usage["mode"] == "model"
    assert (stored.usage["promptTokens"], stored.usage["completionTokens"]) == (100, 20)
    assert stored.usage["estimated"] is False
    assert events[-1]["usage"] == stored.usage
    assert events[-1]["status"] == "complete"
    assert {"retrieve.search", "prompt.render", "llm.first_token", "llm.last_token", "total"} <= {
        span["name"] for span in stored.spans
    }


async def test_a_mark_behind_the_full_stop_cites_the_sentence_before(
    world: World, model: PacedModel
) -> None:
    model.say("Eat not to dullness, says temperance. [1] My brother began a newspaper.[2]")
    model.finish()
    answer = await world.answer("Which virtue?")
    temperance, newspaper = answer.citations
    assert temperance["quote"].startswith("The thirteen virtues begin with temperance")
    assert newspaper["quote"].startswith("My brother had")


async def test_the_first_question_names_the_thread(world: World, model: PacedModel) -> None:
    model.say("Yes.")
    model.finish()
    answer = await world.answer(
        "Which of  the\nvirtues comes first, and why that one of all those?"
    )
    thread = world.services.conversations.get_for(OWNER, answer.thread_id)
    assert thread.title == "Which of the virtues comes first, and why that one of all…"
    assert thread.message_count == 2
    assert world.services.personas.get_for(OWNER, "ben").last_used_at is not None


async def test_readers_may_come_at_any_time_and_miss_nothing(
    world: World, model: PacedModel
) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    early = asyncio.create_task(world.follow(started.message_id))
    words = [f"word{number} " for number in range(60)]
    late: list[asyncio.Task[list[dict[str, Any]]]] = []
    for number, word in enumerate(words):
        model.say(word)
        await asyncio.sleep(0)
        if number % 10 == 0:
            late.append(asyncio.create_task(world.follow(started.message_id)))
            await until(lambda: True)
    model.finish()
    for events in await asyncio.gather(early, *late):
        assert text_of(events) == "".join(words).strip() + " "
        assert events[-1]["event"] == "done"
    again = await world.follow(started.message_id)
    assert [event["event"] for event in again] == ["thread_info", "token", "done"]


async def test_a_reader_that_leaves_ends_nothing(world: World, model: PacedModel) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say("Tempe")
    async with aclosing(world.attach(started.message_id)) as events:  # type: ignore[type-var]
        assert (await anext(events))["event"] == "thread_info"
        assert (await anext(events))["text"] == "Tempe"
    model.say("rance.")
    model.finish()
    assert text_of(await world.follow(started.message_id)) == "Temperance."
    assert world.message(started.message_id).state == "complete"


async def test_a_caller_that_leaves_while_asking_still_gets_an_answer(
    world: World, model: PacedModel
) -> None:
    asking = asyncio.create_task(world.chat.start(OWNER, "ben", "Which virtue?"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until(lambda: model.requests)
    model.say("Temperance.")
    model.finish()
    (thread,) = world.services.conversations.list_for(OWNER).threads
    await until(
        lambda: (
            world.services.conversations.messages(OWNER, thread.id).messages[-1].state == "complete"
        )
    )


async def test_text_is_in_the_database_while_it_is_written(world: World, model: PacedModel) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say("Temperance comes first")
    half = await until(lambda: world.message(started.message_id).content)
    assert half == "Temperance comes first"
    assert world.message(started.message_id).state == "streaming"
    model.finish()
    await world.follow(started.message_id)


async def test_stop_closes_the_models_stream_and_keeps_the_text(
    world: World, model: PacedModel
) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say("Temperance [1] and")
    async with aclosing(world.attach(started.message_id)) as events:  # type: ignore[type-var]
        await anext(events)
        await anext(events)
        stopped, _ = await asyncio.gather(
            world.chat.stop(OWNER, started.message_id), world.chat.stop(OWNER, started.message_id)
        )
        rest = [event async for event in events]
    assert model.closed == 1
    assert (stopped.state, stopped.content) == ("stopped", "Temperance [1] and")
    assert stopped.citations[0]["chunkId"] == "chunk-1"
    assert stopped.usage["estimated"] is True
    assert (rest[-1]["event"], rest[-1]["status"]) == ("done", "stopped")
    assert (await world.chat.stop(OWNER, started.message_id)).state == "stopped"


async def test_an_answer_can_be_stopped_before_its_first_word(
    world: World, model: PacedModel
) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    stopped = await world.chat.stop(OWNER, started.message_id)
    assert (stopped.state, stopped.content) == ("stopped", "")
    model.say("Yes.")
    model.finish()
    assert (await world.answer("And now?", started.thread_id)).content == "Yes."


async def test_a_failure_before_the_first_word(world: World, model: PacedModel) -> None:
    model.say(ProviderQuota("There is no credit left. Add some."))
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    events = await world.follow(started.message_id)
    assert [event["event"] for event in events] == ["thread_info", "error"]
    assert events[-1]["title"] == "No credit left"
    assert events[-1]["detail"] == "There is no credit left. Add some."
    assert events[-1]["retryable"] is False
    assert await world.follow(started.message_id) == events
    stored = world.message(started.message_id)
    assert (stored.state, stored.error) == ("failed", "There is no credit left. Add some.")


async def test_a_stream_that_breaks_keeps_what_came(world: World, model: PacedModel) -> None:
    model.say("Temperance [1] comes", ProviderInterrupted("The connection broke."))
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    events = await world.follow(started.message_id)
    assert text_of(events) == "Temperance [1] comes"
    assert [event["event"] for event in events[-2:]] == ["citations", "error"]
    assert events[-1]["retryable"] is True
    stored = world.message(started.message_id)
    assert (stored.state, stored.content) == ("interrupted", "Temperance [1] comes")


async def test_what_nobody_foresaw_ends_the_answer_too(world: World, model: PacedModel) -> None:
    model.say(RuntimeError("secret detail"))
    answer = await world.answer("Which virtue?")
    assert answer.state == "failed"
    assert answer.error is not None and "secret" not in answer.error
    model.say("Yes.")
    model.finish()
    assert (await world.answer("Again?", answer.thread_id)).state == "complete"


async def test_one_answer_at_a_time_in_a_thread(world: World, model: PacedModel) -> None:
    started = await world.chat.start(OWNER, "ben", "First?")
    with pytest.raises(Conflict, match="still answering"):
        await world.chat.start(OWNER, "ben", "Second?", started.thread_id)
    other = await world.chat.start(OWNER, "ben", "In another thread?")
    for _ in range(2):
        model.say("Yes.")
        model.finish()
    await asyncio.gather(world.follow(started.message_id), world.follow(other.message_id))
    assert len(world.services.conversations.messages(OWNER, started.thread_id).messages) == 2


async def test_questions_that_cannot_be_asked(world: World, settings: Settings) -> None:
    for empty in ("", "  \n", "\x00"):
        with pytest.raises(InvalidInput, match="empty"):
            await world.chat.start(OWNER, "ben", empty)
    with pytest.raises(TooLarge, match="100,000 characters"):
        await world.chat.start(OWNER, "ben", "x" * 100_000)
    assert world.services.conversations.list_for(OWNER).threads == ()


async def test_any_characters_may_be_asked(world: World, model: PacedModel) -> None:
    model.say("Yes \ud83d ok.")
    model.finish()
    answer = await world.answer("Half \ud83d pair, \x00 zero, \u202e turned, 日本語 <script>")
    assert answer.state == "complete"
    question = world.message(str(answer.parent_id))
    assert question.content == "Half ? pair,  zero, \u202e turned, 日本語 <script>"


async def test_nobody_reaches_what_is_not_theirs(world: World, model: PacedModel) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    with pytest.raises(NotFound):
        await world.chat.start(STRANGER, "ben", "Mine?")
    with pytest.raises(NotFound):
        await world.chat.start(STRANGER, world.persona.id, "Mine?", started.thread_id)
    with pytest.raises(NotFound):
        await world.chat.stop(STRANGER, started.message_id)
    with pytest.raises(NotFound):
        await anext(world.chat.attach(STRANGER, started.message_id))
    with pytest.raises(NotFound):
        await world.chat.start(OWNER, "ben", "Where?", "no-such-thread")
    world.services.personas.create(OWNER, {"name": "Emerson"})
    with pytest.raises(NotFound):
        await world.chat.start(OWNER, "emerson", "Whose thread?", started.thread_id)


async def test_a_clone_deleted_in_mid_answer(world: World, model: PacedModel) -> None:
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say("Temperance")
    following = asyncio.create_task(world.follow(started.message_id))
    await until(lambda: world.message(started.message_id).content)
    await asyncio.to_thread(world.services.personas.delete, OWNER, "ben")
    model.finish()
    events = await following
    assert events[-1]["event"] == "error"


class _BusWithoutCitations(MemoryEventBus):
    """A bus that loses what an answer cites, as one between processes may."""

    def publish(self, topic: str, event: Event) -> None:
        if event["type"] != "citations":
            super().publish(topic, event)


async def test_a_reader_gets_the_citations_whatever_the_bus_loses(
    settings: Settings, model: PacedModel
) -> None:
    world = build_world(settings, model, events=_BusWithoutCitations())
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    model.say("Temperance is the first of the thirteen virtues [1].")
    model.finish()
    events = await world.follow(started.message_id)
    assert [event["event"] for event in events[-2:]] == ["citations", "done"]
    assert len(events[-2]["citations"]) == 1
    await world.chat.close()
    world.services.database.dispose()


class _LeakyBus(MemoryEventBus):
    """A bus that loses every second piece of text, as one may whose listener is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def publish(self, topic: str, event: Event) -> None:
        self.count += 1
        if event["type"] != "token" or self.count % 2:
            super().publish(topic, event)


async def test_a_reader_gets_the_whole_text_whatever_the_bus_loses(
    settings: Settings, model: PacedModel
) -> None:
    bus = _LeakyBus()
    world = build_world(settings, model, events=bus)
    started = await world.chat.start(OWNER, "ben", "Which virtue?")
    following = asyncio.create_task(world.follow(started.message_id))
    for number in range(8):
        model.say(f"word{number} ")
        await until(lambda sent=number + 1: bus.count >= sent)
    model.finish()
    assert text_of(await following) == "".join(f"word{number} " for number in range(8))
    await world.chat.close()
    world.services.database.dispose()
