"""The chat page's handlers and pusher: what a tab is shown, when, and how many bytes it costs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.errors import ProviderQuota
from clone_studio.live import Live
from clone_studio.models import Conversation, Message, User
from clone_studio.services.audit import AuditService
from clone_studio.services.auth import AuthService
from clone_studio.services.events import MemoryEventBus
from clone_studio.services.watchers import WATCHERS
from clone_studio.settings import Settings
from clone_studio.state.answer import PARTS, AnswerState, part_name
from clone_studio.state.base import StudioState
from clone_studio.state.chat import ChatState
from clone_studio.state.composer import ComposerState
from clone_studio.state.sources import SourceState
from clone_studio.state.threads import ThreadsState
from clone_studio.state.turns import TURNS, TurnsState, turn_name
from tests.chat_world import PacedModel, Shelf
from tests.conftest import quick_passwords
from tests.state.harness import Harness, Tab

QUESTION = "Which virtue comes first?"


@pytest.fixture
def model() -> PacedModel:
    return PacedModel()


@pytest.fixture
def studio(settings: Settings, model: PacedModel) -> Iterator[Services]:
    """A studio whose model says what the test gives it."""
    database, events = Database(settings.database_url), MemoryEventBus()
    audit = AuditService(database)
    auth = AuthService(database, settings, audit=audit, events=events, passwords=quick_passwords())
    built = bootstrap.build(
        settings,
        database=database,
        events=events,
        audit=audit,
        auth=auth,
        llm=model,
        knowledge=Shelf(),
    )
    bootstrap.override(built)
    yield built
    bootstrap.override(None)
    built.database.dispose()


@pytest.fixture
async def slug(studio: Services, cookie: str) -> AsyncIterator[str]:
    """A clone of the owner's."""
    owner = studio.auth.ensure_owner()
    assert owner is not None
    yield studio.personas.create(owner.id, {"name": "Ben"}).slug
    await studio.chat.close()


@pytest.fixture
async def tab(harness: Harness, cookie: str, slug: str) -> AsyncIterator[Tab]:
    """A tab that shows a new thread, with the pusher running."""
    async with Live(harness, every=0.0).running():  # type: ignore[arg-type]
        opened = harness.tab("tab", cookie=cookie, path=f"/chat/{slug}/new")
        await opened.open()
        yield opened


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for what the tab is told; the suite's time-out bounds it."""
    while True:
        if found := condition():
            return found
        await asyncio.sleep(0.005)


def shown(tab: Tab) -> str:
    """The text of the running answer, as the tab shows it."""
    parts = [tab.value(AnswerState, part_name(index)) for index in range(PARTS)]
    return "".join(parts) + str(tab.value(AnswerState, "tail"))


def turns(tab: Tab) -> list[Any]:
    """The bubbles of what was said in this visit."""
    return [row for index in range(TURNS) for row in tab.value(TurnsState, turn_name(index))]


def bytes_after(tab: Tab, count: int) -> int:
    """How many bytes the tab received after its first `count` deltas."""
    return len(tab.received_after(count))


async def say(tab: Tab, model: PacedModel, *pieces: str) -> None:
    """Let the model say pieces, each one shown before the next."""
    for piece in pieces:
        length = len(shown(tab))
        model.say(piece)
        await until(lambda length=length: len(shown(tab)) > length)


async def settle(tab: Tab, model: PacedModel) -> Any:
    """Let the answer end; returns its bubble."""
    count = len(turns(tab))
    model.finish()
    await until(lambda: len(turns(tab)) > count and not tab.value(AnswerState, "message_id"))
    return turns(tab)[-1]


async def ask(tab: Tab, question: str = QUESTION) -> None:
    await tab.send(ChatState.send, form={"question": question})


async def test_the_question_shows_at_once_and_the_answer_as_it_grows(
    tab: Tab, model: PacedModel
) -> None:
    await ask(tab)
    assert tab.value(AnswerState, "question") == QUESTION
    assert tab.value(AnswerState, "message_id")
    await say(tab, model, "Temperance ", "comes first [1].", "\n\nThe rest follows.")
    assert "Temperance comes first [1](#cite-" in shown(tab)
    row = await settle(tab, model)
    assert row.plain == "Temperance comes first [1].\n\nThe rest follows."
    assert [one.number for one in row.sources] == [1]
    assert [one.role for one in turns(tab)] == ["user", "assistant"]
    assert tab.value(ThreadsState, "rows")[0].title == QUESTION
    assert tab.redirects[-1].endswith(tab.value(ChatState, "thread_id"))


def paragraphs(count: int) -> list[str]:
    """Pieces of an answer of `count` paragraphs, two pieces each."""
    half = "words of a sentence that goes on for a while, " * 2
    return [piece for _ in range(count) for piece in (half, f"{half}and ends.\n\n")]


async def answer_bytes(tab: Tab, model: PacedModel, count: int) -> int:
    """Return the bytes one answer of `count` paragraphs costs the tab."""
    before = len(tab.deltas)
    await ask(tab)
    await say(tab, model, *paragraphs(count))
    await settle(tab, model)
    return bytes_after(tab, before)


async def test_bytes_grow_with_the_answer_and_not_with_its_square(
    tab: Tab, model: PacedModel
) -> None:
    short = await answer_bytes(tab, model, 6)
    long = await answer_bytes(tab, model, 24)
    assert long < 5.5 * short


async def test_bytes_do_not_grow_with_what_was_said_before(tab: Tab, model: PacedModel) -> None:
    first = await answer_bytes(tab, model, 6)
    later = [await answer_bytes(tab, model, 6) for _ in range(4)]
    assert max(later) < 1.2 * first


async def test_a_finished_paragraph_is_sent_once(tab: Tab, model: PacedModel) -> None:
    await ask(tab)
    before = len(tab.deltas)
    await say(tab, model, "The one unmistakable opening.", "\n\n" + "x" * 200, "\n\nNext", " one.")
    sent = [delta for delta in tab.deltas[before:] if "unmistakable" in str(delta)]
    closed = [delta for delta in sent if part_name(0) in str(delta)]
    assert len(closed) == 1
    assert sent[-1] is closed[0]
    await settle(tab, model)


async def test_an_unbroken_block_is_shown_less_often_the_longer_it_is(harness: Harness) -> None:
    live = Live(harness, every=0.1)  # type: ignore[arg-type]
    assert live._pause(100) == pytest.approx(0.1)
    assert live._pause(20_000) == pytest.approx(1.0)


async def test_a_long_thread_shows_its_end_and_more_on_request(
    harness: Harness, studio: Services, cookie: str, slug: str
) -> None:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    thread = studio.conversations.create(owner.id, slug)
    with studio.database.write() as session:
        for number in range(120):
            role = ("user", "assistant")[number % 2]
            session.add(Message(thread_id=thread.id, role=role, content=f"message {number}"))
    tab = harness.tab("tab", cookie=cookie, path=f"/chat/{slug}/{thread.id}")
    await tab.open()
    rows = tab.value(ChatState, "rows")
    assert (len(rows), rows[-1].plain) == (50, "message 119")
    await tab.send(ChatState.earlier)
    assert len(tab.value(ChatState, "rows")) == 100
    assert tab.value(ChatState, "has_earlier")


async def test_a_second_tab_and_a_reload_continue_the_same_answer(
    harness: Harness, cookie: str, slug: str, tab: Tab, model: PacedModel
) -> None:
    await ask(tab)
    await say(tab, model, "The beginning")
    address = f"/chat/{slug}/{tab.value(ChatState, 'thread_id')}"
    for _ in ("the address that the question made", "a reload"):
        await tab.open(address)
    second = harness.tab("second", cookie=cookie, path=address)
    await second.open()
    for one in (tab, second):
        await until(lambda one=one: shown(one) == "The beginning")
    await say(second, model, " and the end.")
    for one in (tab, second):
        await until(lambda one=one: "and the end." in shown(one))
    model.finish()
    for one in (tab, second):
        await until(lambda one=one: turns(one))
        assert turns(one)[-1].plain == "The beginning and the end."


async def test_a_reload_just_after_the_first_question_goes_on(
    harness: Harness, cookie: str, slug: str, tab: Tab, model: PacedModel
) -> None:
    await ask(tab)
    await say(tab, model, "The beginning")
    topic = f"message:{tab.value(AnswerState, 'message_id')}"
    harness.disconnect(tab)
    model.say(" goes")
    await until(lambda: not WATCHERS.of(topic))
    # The address that the question made is opened for the first time by the reload.
    address = f"/chat/{slug}/{tab.value(ChatState, 'thread_id')}"
    again = harness.tab("tab", cookie=cookie, path=address)
    await again.open()
    await until(lambda: shown(again) == "The beginning goes")
    await say(again, model, " on.")
    assert (await settle(again, model)).plain == "The beginning goes on."


async def test_stop_keeps_what_was_said(tab: Tab, model: PacedModel) -> None:
    await ask(tab)
    await say(tab, model, "Only this much")
    await tab.send(ChatState.stop)
    await until(lambda: turns(tab))
    row = turns(tab)[-1]
    assert (row.plain, row.state) == ("Only this much", "stopped")
    assert "Stopped" in row.note
    assert model.closed == 1


async def test_stop_before_the_first_word_claims_nothing(tab: Tab) -> None:
    await ask(tab)
    await tab.send(ChatState.stop)
    await until(lambda: turns(tab))
    assert (turns(tab)[-1].plain, turns(tab)[-1].note) == ("", "Stopped before the first word.")


async def test_a_failure_is_told_in_its_own_words_and_asked_again(
    tab: Tab, model: PacedModel
) -> None:
    await ask(tab)
    model.say(ProviderQuota("The account has no credit left. Add some, then ask again."))
    await until(lambda: turns(tab))
    row = turns(tab)[-1]
    assert (row.state, row.note) == (
        "failed",
        "The account has no credit left. Add some, then ask again.",
    )
    await tab.send(ChatState.try_again, message_id=row.key)
    assert tab.value(AnswerState, "question") == QUESTION
    await say(tab, model, "Temperance.")
    assert (await settle(tab, model)).plain == "Temperance."


async def test_nothing_more_is_pushed_after_signing_out_everywhere(
    studio: Services, tab: Tab, model: PacedModel
) -> None:
    await ask(tab)
    await say(tab, model, "Before. ")
    topic = f"message:{tab.value(AnswerState, 'message_id')}"
    owner = studio.auth.ensure_owner()
    assert owner is not None
    before = len(tab.deltas)
    await asyncio.to_thread(studio.auth.sign_out_everywhere, owner.id)
    await until(lambda: not WATCHERS.of(topic))
    model.say("After.")
    model.finish()
    stored = studio.conversations.message_for
    await until(lambda: stored(owner.id, topic.partition(":")[2]).state == "complete")
    assert "After" not in tab.received_after(before)


async def test_a_tab_that_is_gone_is_forgotten(
    harness: Harness, tab: Tab, model: PacedModel
) -> None:
    await ask(tab)
    await say(tab, model, "Some. ")
    topic = f"message:{tab.value(AnswerState, 'message_id')}"
    harness.disconnect(tab)
    model.say("More.")
    await until(lambda: not WATCHERS.of(topic))
    model.finish()


async def test_anothers_thread_is_not_here(
    harness: Harness, studio: Services, cookie: str, slug: str
) -> None:
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    eves = studio.personas.create("eve", {"name": "Eve"})
    with studio.database.write() as session:
        session.add(Conversation(id="hers", persona_id=eves.id, user_id="eve", title="Secret"))
        session.flush()
        session.add(Message(thread_id="hers", role="user", content="Hers alone"))
    paths = {f"/chat/{slug}/hers": False, f"/chat/{eves.slug}/hers": True, "/chat/nobody": True}
    for path, no_clone in paths.items():
        tab = harness.tab("tab", cookie=cookie, path=path)
        await tab.open()
        assert "not here" in tab.value(ChatState, "missing")
        assert tab.value(ChatState, "no_clone") is no_clone
        assert no_clone or tab.value(ChatState, "new_address") == f"/chat/{slug}/new"
        assert "Hers alone" not in tab.received
        assert "Secret" not in tab.received


@pytest.mark.parametrize("question", ["", "   \n "])
async def test_nothing_is_asked_when_nothing_was_typed(
    tab: Tab, model: PacedModel, question: str
) -> None:
    await ask(tab, question)
    assert not tab.value(AnswerState, "message_id")
    assert not model.requests


async def test_a_question_that_is_too_long_is_refused_where_it_was_typed(
    tab: Tab, model: PacedModel
) -> None:
    version = tab.value(ComposerState, "version")
    await ask(tab, "x" * 100_000)
    assert "100,000 characters" in tab.value(ComposerState, "problem")
    assert tab.value(ComposerState, "version") == version
    assert not model.requests


async def test_a_draft_is_kept_for_its_clone_and_goes_with_the_question(
    tab: Tab, model: PacedModel
) -> None:
    await tab.send(ComposerState.keep, text="To Ada", clone="ada")
    await tab.send(ComposerState.keep, text="Which vir", clone="ben")
    assert tab.value(ComposerState, "drafts") == '{"ada": "To Ada", "ben": "Which vir"}'
    await ask(tab)
    await ask(tab, "Another one?")
    await tab.send(ComposerState.keep, text="Another one?", clone="ben")
    assert "still answering" in tab.value(ComposerState, "problem")
    await tab.send(ComposerState.keep, text=QUESTION, clone="ben")
    assert "Which" not in tab.value(ComposerState, "drafts")
    await say(tab, model, "Temperance.")
    await settle(tab, model)


@pytest.mark.parametrize(
    "href", ["", "#cite-", "javascript:alert(1)", "#cite-" + "a" * 36 + "-1", "#cite-x-1"]
)
async def test_a_made_up_citation_opens_nothing(tab: Tab, href: str) -> None:
    await tab.send(SourceState.open, href=href)
    assert tab.value(SourceState, "shown") is False


async def test_a_source_whose_file_is_gone_shows_the_words_it_gave(
    tab: Tab, model: PacedModel
) -> None:
    await ask(tab)
    await say(tab, model, "Temperance [1].")
    row = await settle(tab, model)
    await tab.send(SourceState.open, href=row.sources[0].href)
    assert tab.value(SourceState, "shown") is True
    assert "deleted" in tab.value(SourceState, "gone")
    assert "temperance" in tab.value(SourceState, "quote")


async def test_threads_are_renamed_deleted_and_restored(tab: Tab, model: PacedModel) -> None:
    await ask(tab)
    await say(tab, model, "Temperance.")
    await settle(tab, model)
    key = tab.value(ThreadsState, "rows")[0].key
    await tab.send(ThreadsState.rename, thread_id=key)
    await tab.send(ThreadsState.save_title, form={"title": "  On virtue "})
    assert tab.value(ThreadsState, "rows")[0].title == "On virtue"
    await tab.send(ThreadsState.delete, thread_id=key)
    assert tab.value(ThreadsState, "rows") == []
    await tab.send(ThreadsState.undo)
    assert [row.key for row in tab.value(ThreadsState, "rows")] == [key]


async def test_a_thread_that_is_not_the_users_cannot_be_deleted(tab: Tab) -> None:
    await tab.send(ThreadsState.delete, thread_id="somebody-else's")
    assert tab.value(StudioState, "notices")[-1].kind == "warning"
    assert tab.value(ThreadsState, "undo_id") == ""
