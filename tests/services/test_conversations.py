"""Threads: lists and pages, renaming, deleting and bringing back, and whose they are."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clone_studio.errors import InvalidInput, NotFound
from clone_studio.models import Conversation, Message
from clone_studio.providers.llm.quotes import QuotesModel
from clone_studio.services.conversations import UNTITLED, ConversationService, title_of
from clone_studio.settings import Settings
from tests.chat_world import OWNER, STRANGER, World, build_world

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    made = build_world(settings, QuotesModel())
    yield made
    made.services.database.dispose()


@pytest.fixture
def threads(world: World) -> ConversationService:
    return world.services.conversations


def add_threads(world: World, count: int, *, same_moment: bool = False) -> list[str]:
    """Add threads, the first one the last active; returns their ids in that order."""
    with world.services.database.write() as session:
        for number in range(count):
            moment = NOON if same_moment else NOON - timedelta(minutes=number)
            session.add(
                Conversation(
                    id=f"thread-{number:03}",
                    persona_id=world.persona.id,
                    user_id=OWNER,
                    title=f"Thread {number}",
                    last_message_at=moment,
                )
            )
    return [f"thread-{number:03}" for number in range(count)]


def test_a_new_thread_is_empty_and_untitled(world: World, threads: ConversationService) -> None:
    made = threads.create(OWNER, "ben")
    assert (made.title, made.message_count, made.persona_name) == (UNTITLED, 0, "Ben")
    assert threads.get_for(OWNER, made.id) == made
    assert threads.last_active(OWNER, "ben") == made.id


@pytest.mark.parametrize("same_moment", [False, True])
def test_pages_hold_every_thread_once(
    world: World, threads: ConversationService, same_moment: bool
) -> None:
    ids = add_threads(world, 45, same_moment=same_moment)
    seen: list[str] = []
    before = None
    while True:
        page = threads.list_for(OWNER, "ben", 20, before)
        seen += [thread.id for thread in page.threads]
        if not page.has_more:
            break
        before = seen[-1]
    assert sorted(seen) == ids
    assert seen == (sorted(ids, reverse=True) if same_moment else ids)


def test_a_moment_is_a_place_in_the_list_too(world: World, threads: ConversationService) -> None:
    add_threads(world, 5)
    page = threads.list_for(OWNER, None, 20, (NOON - timedelta(minutes=2)).isoformat())
    assert [thread.id for thread in page.threads] == ["thread-003", "thread-004"]
    with pytest.raises(InvalidInput, match="time zone"):
        threads.list_for(OWNER, None, 20, "2026-11-23T12:00:00")
    with pytest.raises(NotFound):
        threads.list_for(OWNER, None, 20, "no-such-thread")


def test_a_page_has_a_limit_whatever_is_asked_for(
    world: World, threads: ConversationService
) -> None:
    add_threads(world, 3)
    assert len(threads.list_for(OWNER, None, -5).threads) == 1
    assert len(threads.list_for(OWNER, None, 10**9).threads) == 3


def test_a_list_can_be_of_one_clone(world: World, threads: ConversationService) -> None:
    add_threads(world, 2)
    world.services.personas.create(OWNER, {"name": "Emerson"})
    other = threads.create(OWNER, "emerson")
    assert [thread.id for thread in threads.list_for(OWNER, "emerson").threads] == [other.id]
    assert len(threads.list_for(OWNER).threads) == 3


def add_messages(world: World, thread_id: str, count: int) -> list[str]:
    with world.services.database.write() as session:
        for number in range(count):
            session.add(
                Message(
                    id=f"message-{number:03}",
                    thread_id=thread_id,
                    role="assistant" if number % 2 else "user",
                    content=str(number),
                    created_at=NOON + timedelta(seconds=number // 4),
                )
            )
    return [f"message-{number:03}" for number in range(count)]


def test_messages_are_paged_from_the_end(world: World, threads: ConversationService) -> None:
    thread = threads.create(OWNER, "ben")
    ids = add_messages(world, thread.id, 120)
    newest = threads.messages(OWNER, thread.id)
    assert [message.id for message in newest.messages] == ids[70:]
    assert newest.has_more
    earlier = threads.messages(OWNER, thread.id, 50, newest.messages[0].id)
    first = threads.messages(OWNER, thread.id, 50, earlier.messages[0].id)
    assert [one.id for one in (*first.messages, *earlier.messages)] == ids[:70]
    assert not first.has_more
    assert threads.get_for(OWNER, thread.id).message_count == 120
    with pytest.raises(NotFound):
        threads.messages(OWNER, thread.id, 50, "no-such-message")


def test_renaming(world: World, threads: ConversationService) -> None:
    thread = threads.create(OWNER, "ben")
    assert threads.rename(OWNER, thread.id, "  On\n virtues ").title == "On virtues"
    assert threads.get_for(OWNER, thread.id).title == "On virtues"
    for wrong in (" ", "x" * 121):
        with pytest.raises(InvalidInput):
            threads.rename(OWNER, thread.id, wrong)


def test_a_deleted_thread_can_be_brought_back(world: World, threads: ConversationService) -> None:
    thread = threads.create(OWNER, "ben")
    (message,) = add_messages(world, thread.id, 1)
    threads.delete(OWNER, thread.id)
    assert threads.list_for(OWNER).threads == ()
    assert threads.last_active(OWNER, "ben") is None
    hidden: list[Callable[[], Any]] = [
        lambda: threads.get_for(OWNER, thread.id),
        lambda: threads.messages(OWNER, thread.id),
        lambda: threads.message_for(OWNER, message),
        lambda: threads.rename(OWNER, thread.id, "x"),
        lambda: threads.delete(OWNER, thread.id),
    ]
    for reach in hidden:
        with pytest.raises(NotFound):
            reach()
    assert threads.restore(OWNER, thread.id).id == thread.id
    assert threads.message_for(OWNER, message).content == "0"


def test_somebody_elses_looks_like_nothing(world: World, threads: ConversationService) -> None:
    thread = threads.create(OWNER, "ben")
    (message,) = add_messages(world, thread.id, 1)
    reaches: list[Callable[[str], Any]] = [
        lambda key: threads.get_for(STRANGER, key),
        lambda key: threads.messages(STRANGER, key),
        lambda key: threads.rename(STRANGER, key, "x"),
        lambda key: threads.delete(STRANGER, key),
        lambda key: threads.restore(STRANGER, key),
        lambda key: threads.list_for(STRANGER, None, 20, key),
    ]
    for reach in reaches:
        details = []
        for key in (thread.id, "no-such-thread"):
            with pytest.raises(NotFound) as caught:
                reach(key)
            details.append(caught.value.detail)
        assert details[0] == details[1]
    with pytest.raises(NotFound):
        threads.message_for(STRANGER, message)
    with pytest.raises(NotFound):
        threads.create(STRANGER, "ben")
    with pytest.raises(NotFound):
        threads.list_for(STRANGER, "ben")
    assert threads.list_for(STRANGER).threads == ()


def test_titles_are_cut_between_words() -> None:
    assert title_of("Short  one\n") == "Short one"
    assert title_of("x" * 200) == "x" * 59 + "…"
    assert len(title_of("word " * 100)) <= 60
