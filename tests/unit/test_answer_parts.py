"""The small parts of an answer: follow-ups, server-sent events, storable text, token counts."""

from collections.abc import AsyncIterator

import pytest

from clone_studio.providers.llm.protocol import ChatTurn, Finished
from clone_studio.providers.llm.sse import EVENT_LIMIT, EventTooLong, event_data
from clone_studio.services.answers.followup import QUERY_CHARS, search_query
from clone_studio.services.answers.storable import StorableStream, storable
from clone_studio.services.usage import estimate_tokens, usage_of

BEFORE = (
    ChatTurn("user", "When was the Courant first printed?"),
    ChatTurn("assistant", "In 1720 or 1721."),
)


@pytest.mark.parametrize(
    "question",
    ["Why?", "And who printed it?", "What did he do with the paper later in his life?", "Und wo?"],
)
def test_a_question_that_leans_on_the_last_one_takes_it_along(question: str) -> None:
    assert search_query(question, BEFORE) == f"{BEFORE[0].content}\n{question}"
    assert search_query(question, ()) == question


def test_a_question_of_its_own_stands_alone() -> None:
    question = "Which of the thirteen virtues did Franklin find hardest?"
    assert search_query(question, BEFORE) == question


def test_both_ends_of_a_very_long_question_are_searched() -> None:
    query = search_query("start " + "x" * 20_000 + " end", ())
    assert query.startswith("start") and query.endswith("end")
    assert len(query) <= QUERY_CHARS + 1


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_may_be_cut_anywhere(size: int) -> None:
    stream = 'data: {"a": "ü\u2028"}\r\n\r\n: comment\n\ndata:two\ndata: lines\nid: 3\n\ndata: end'
    found = [data.decode() async for data in event_data(pieces(stream.encode(), size))]
    assert found == ['{"a": "ü\u2028"}', "two\nlines", "end"]


async def test_an_event_without_end_is_refused() -> None:
    endless = b"data: " + b"x" * (EVENT_LIMIT + 10)
    with pytest.raises(EventTooLong):
        async for _ in event_data(pieces(endless, 65_536)):
            pass


def test_halves_of_characters_are_put_together_or_replaced() -> None:
    stream = StorableStream()
    assert "".join(map(stream.feed, ["a\ud83d", "\ude42b", "\ude42", "\x00c"])) == "a🙂b\ufffdc"
    assert storable("a\ud83d\x00b") == "a?b"


def test_tokens_are_counted_by_the_server_or_estimated() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("four") == 1
    assert estimate_tokens("日本語") == 3
    turns = (ChatTurn("user", "x" * 400),)
    counted = usage_of("model", turns, "text", Finished("stop", 7, 3, "m"))
    assert (counted["promptTokens"], counted["completionTokens"]) == (7, 3)
    assert counted["estimated"] is False
    guessed = usage_of("model", turns, "text", None)
    assert (guessed["promptTokens"], guessed["completionTokens"]) == (104, 1)
    assert guessed["estimated"] is True
