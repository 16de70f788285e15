"""The local language model's process: one answer at a time, stopped, crashed, idle, missing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from clone_studio.errors import (
    ModelMissing,
    ProviderDown,
    ProviderInterrupted,
    ProviderRefused,
    ProviderTimeout,
)
from clone_studio.providers.llm.automatic import AutomaticModel
from clone_studio.providers.llm.local import LocalLanguageModel, threads_for
from clone_studio.providers.llm.protocol import ChatRequest, Quote, TextDelta
from clone_studio.providers.llm.quotes import QuotesModel
from clone_studio.providers.model_catalogue import Engine
from tests.servers.local_model import WORKER, local_model, put, tiny
from tests.servers.models import request_of, whole


@pytest.fixture
async def model(tmp_path: Path) -> AsyncIterator[LocalLanguageModel]:
    made = local_model(tmp_path)
    yield made
    await made.close()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def _lines(folder: Path, name: str) -> list[str]:
    path = folder / "tiny-llm" / name
    return path.read_text().splitlines() if path.exists() else []


async def test_the_end_has_the_counts_and_the_models_name(model: LocalLanguageModel) -> None:
    text, end = await whole(model, request_of("say one two three"))
    assert text == "one two three"
    assert (end.reason, end.completion_tokens, end.model) == ("stop", 3, "tiny-llm")
    assert end.prompt_tokens


async def test_the_bound_on_tokens_is_kept_and_named(model: LocalLanguageModel) -> None:
    text, end = await whole(model, request_of("say one two three", max_tokens=2))
    assert (text, end.reason) == ("one two ", "length")


async def test_without_a_prompt_the_child_is_not_even_started(
    model: LocalLanguageModel, tmp_path: Path
) -> None:
    text, end = await whole(model, ChatRequest((), "", no_answer="I do not know."))
    assert (text, end.completion_tokens) == ("I do not know.", 0)
    assert _lines(tmp_path, "started") == []


async def test_closing_the_stream_stops_the_child_for_the_next_question(
    model: LocalLanguageModel, tmp_path: Path
) -> None:
    async with aclosing(model.stream(request_of("slow " + "word " * 5))) as stream:
        assert isinstance(await anext(stream), TextDelta)
    text, _ = await whole(model, request_of("say next"))
    assert text == "next"
    assert len(_lines(tmp_path, "started")) == 1


async def test_questions_are_answered_in_the_order_in_which_they_came(
    model: LocalLanguageModel, tmp_path: Path
) -> None:
    asked = [f"say {number}" for number in range(6)]
    await asyncio.gather(*(whole(model, request_of(one)) for one in asked))
    assert _lines(tmp_path, "asked") == asked


async def test_a_queue_that_is_too_long_is_refused_with_a_sentence(
    tmp_path: Path,
) -> None:
    model = local_model(tmp_path, most_waiting=1)
    async with aclosing(model.stream(request_of("slow a b"))) as stream:
        await anext(stream)
        with pytest.raises(ProviderDown, match="Ask again in a minute"):
            await whole(model, request_of("say x"))
    await model.close()


async def test_a_crash_is_an_error_and_the_next_question_starts_it_again(
    model: LocalLanguageModel, tmp_path: Path
) -> None:
    with pytest.raises(ProviderDown, match="ended unexpectedly"):
        await whole(model, request_of("die"))
    with pytest.raises(ProviderInterrupted, match="What was written is kept"):
        await whole(model, request_of("die after this"))
    assert (await whole(model, request_of("say again")))[0] == "again"
    assert len(_lines(tmp_path, "started")) == 3


async def test_a_child_that_hangs_is_ended(tmp_path: Path) -> None:
    model = local_model(tmp_path, seconds=2.0)
    await whole(model, request_of("say hello"))
    with pytest.raises(ProviderTimeout, match="2 seconds"):
        await whole(model, request_of("hang"))
    assert (await whole(model, request_of("say again")))[0] == "again"
    await model.close()


async def test_a_prompt_that_is_too_long_says_what_to_do(model: LocalLanguageModel) -> None:
    with pytest.raises(ProviderRefused, match="Shorten the clone's prompts"):
        await whole(model, request_of("long"))
    assert (await whole(model, request_of("say fine")))[0] == "fine"


async def test_the_child_ends_when_nobody_asks(tmp_path: Path) -> None:
    model = local_model(tmp_path, idle=0.05)
    await whole(model, request_of("say one"))
    await _until(lambda: model._talk is None)
    await whole(model, request_of("say two"))
    assert len(_lines(tmp_path, "started")) == 2
    await model.close()


async def test_warming_gives_way_to_a_question(model: LocalLanguageModel, tmp_path: Path) -> None:
    turns = request_of().turns[:1]
    warming = asyncio.create_task(model.warm(turns))
    await asyncio.sleep(0)
    text, _ = await whole(model, request_of("say now"))
    await warming
    assert text == "now"
    await model.warm(turns)
    assert _lines(tmp_path, "asked")[-1] == ""
    assert len(_lines(tmp_path, "started")) == 1


async def test_a_missing_model_is_named_and_warming_it_is_quiet(tmp_path: Path) -> None:
    model = LocalLanguageModel(tmp_path, worker=WORKER, model=tiny())
    await model.warm(request_of().turns)
    for attempt in (whole(model, request_of()), model.check()):
        with pytest.raises(ModelMissing, match="models install llm"):
            await attempt


async def test_a_model_without_its_engine_is_not_ready(tmp_path: Path) -> None:
    # The lock pins pytest, in a version that nobody has.
    (tmp_path / "lock.txt").write_text("pytest==0.0.0\n")
    engine = Engine("pytest", str(tmp_path / "lock.txt"))
    made = tiny(engine=engine)
    put(made, tmp_path)
    model = LocalLanguageModel(tmp_path, worker=WORKER, model=made)
    with pytest.raises(ModelMissing, match="or not all of it"):
        await model.check()


async def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    model = local_model(tmp_path, b"broken")
    with pytest.raises(ModelMissing, match="could not be loaded"):
        await whole(model, request_of())


async def test_the_automatic_choice_follows_the_installation(tmp_path: Path) -> None:
    model = tiny()
    made = AutomaticModel(LocalLanguageModel(tmp_path, worker=WORKER, model=model), QuotesModel())
    assert (made.kind, made.default_model) == ("quotes", "quotes")
    put(model, tmp_path)
    assert (made.kind, await made.models()) == ("local", ["tiny-llm"])
    assert (await whole(made, request_of("say hello")))[0] == "hello"
    # What was prepared for quoting is quoted, even when the model has arrived since.
    quoted, _ = await whole(made, ChatRequest((), "", quotes=(Quote(1, "A quote.", 1.0),)))
    assert "A quote." in quoted
    await made.close()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (4, 3), (64, 8)])
def test_the_pages_keep_a_core_where_there_is_one_to_spare(cores: int, threads: int) -> None:
    assert threads_for(cores) == threads
