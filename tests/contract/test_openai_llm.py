"""The OpenAI provider on good days and bad ones, through the real SDK over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from clone_studio.errors import (
    ProviderDown,
    ProviderError,
    ProviderInterrupted,
    ProviderQuota,
    ProviderRefused,
    ProviderTimeout,
)
from clone_studio.providers.llm.openai import NO_KEY, OpenAIModel
from clone_studio.providers.llm.protocol import TextDelta
from clone_studio.settings import Settings
from tests.servers.models import KEY, model_at, request_of, settings_for, whole
from tests.servers.openai_server import DEFAULT_TEXT, Behaviour, OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer().running() as running:
        yield running


@pytest.fixture
async def model(server: OpenAIServer) -> AsyncIterator[OpenAIModel]:
    made = model_at(server)
    yield made
    await made.close()


async def failing(model: OpenAIModel, kind: type[ProviderError]) -> tuple[str, ProviderError]:
    """Return the text that came before the error, and the error."""
    text = ""
    with pytest.raises(kind) as caught:
        async for event in model.stream(request_of()):
            assert isinstance(event, TextDelta)
            text += event.text
    assert caught.value.detail.endswith(".")
    assert len(caught.value.detail) < 400
    return text, caught.value


async def test_streams_the_whole_text_and_the_usage(model: OpenAIModel) -> None:
    text, end = await whole(model, request_of())
    assert text == DEFAULT_TEXT
    assert (end.prompt_tokens, end.completion_tokens) == (321, 45)


async def test_text_may_hold_any_line_separator(model: OpenAIModel, server: OpenAIServer) -> None:
    server.behaviour.text = "one\u2028two\x85three\r\nfour 日本語 🙂"
    server.behaviour.piece_chars = 1
    assert (await whole(model, request_of()))[0] == server.behaviour.text


async def test_usage_is_unknown_when_the_server_gives_none(
    model: OpenAIModel, server: OpenAIServer
) -> None:
    server.behaviour.usage = False
    _, end = await whole(model, request_of())
    assert end.prompt_tokens is None


async def test_sends_what_the_default_model_takes(model: OpenAIModel, server: OpenAIServer) -> None:
    await whole(model, request_of(temperature=0.7, max_tokens=300))
    (body,) = server.chats()
    assert body["model"] == "gpt-6-luna"
    assert body["max_completion_tokens"] == 300
    assert body["reasoning_effort"] == "none"
    assert body["temperature"] == 0.7
    assert body["stream_options"] == {"include_usage": True}
    assert "max_tokens" not in body
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("name", "sent", "left_out"),
    [
        ("gpt-6-astra", {"reasoning_effort": "low"}, {"temperature", "max_tokens"}),
        ("gpt-6.2-sol", {"reasoning_effort": "low"}, {"temperature", "max_tokens"}),
        ("gpt-5-mini", {"reasoning_effort": "minimal"}, {"temperature", "max_tokens"}),
        ("gpt-5.1", {"reasoning_effort": "none"}, {"max_tokens"}),
        ("gpt-4o", {"max_tokens": 300}, {"reasoning_effort", "max_completion_tokens"}),
        ("openai/gpt-6-luna", {"max_completion_tokens": 300}, {"max_tokens"}),
        ("qwen2.5:7b", {"max_tokens": 300, "temperature": 0.7}, {"reasoning_effort"}),
    ],
)
async def test_sends_each_family_what_it_takes(
    model: OpenAIModel,
    server: OpenAIServer,
    name: str,
    sent: dict[str, object],
    left_out: set[str],
) -> None:
    await whole(model, request_of(model=name, temperature=0.7, max_tokens=300))
    (body,) = server.chats()
    assert sent.items() <= body.items()
    assert left_out.isdisjoint(body)


async def test_leaves_out_what_the_model_refuses_and_remembers(
    model: OpenAIModel, server: OpenAIServer
) -> None:
    server.behaviour.unsupported = ("temperature", "reasoning_effort", "max_completion_tokens")
    for _ in range(2):
        assert (await whole(model, request_of(max_tokens=300)))[0] == DEFAULT_TEXT
    bodies = server.chats()
    assert len(bodies) == 5, "three refusals, one answer, and then an answer at once"
    assert bodies[-1]["max_tokens"] >= 300
    assert {"temperature", "reasoning_effort", "max_completion_tokens"}.isdisjoint(bodies[-1])


async def test_a_parameter_that_cannot_be_left_out_is_an_error(
    model: OpenAIModel, server: OpenAIServer
) -> None:
    server.behaviour.unsupported = ("messages",)
    _, error = await failing(model, ProviderRefused)
    assert "Unsupported parameter" in error.detail
    assert len(server.chats()) == 1


async def test_a_server_of_ones_own_needs_no_key(server: OpenAIServer) -> None:
    model = model_at(server, openai_api_key=None)
    await whole(model, request_of())
    assert server.requests[0].headers["authorization"] == f"Bearer {NO_KEY}"
    await model.close()


async def test_without_key_and_url_it_says_what_to_set() -> None:
    model = OpenAIModel(Settings(_env_file=None, llm="openai"))
    _, error = await failing(model, ProviderRefused)
    assert "OPENAI_API_KEY" in error.detail


async def test_an_empty_variable_counts_as_none(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    model = OpenAIModel(Settings(_env_file=None))
    assert model.place == "api.openai.com"
    assert settings_for(server).openai_base_url == server.address


@pytest.mark.parametrize(
    ("mode", "kind", "words", "requests"),
    [
        ("401", ProviderRefused, "OPENAI_API_KEY", 1),
        ("404", ProviderRefused, "gpt-6-luna does not exist", 1),
        ("context", ProviderRefused, "too long", 1),
        ("quota", ProviderQuota, "no credit left", 1),
        ("429", ProviderDown, "no more requests", 2),
        ("500", ProviderDown, "has a problem", 2),
        ("503", ProviderDown, "has a problem", 2),
        ("html", ProviderDown, "has a problem", 2),
    ],
)
async def test_each_refusal_has_its_sentence(
    model: OpenAIModel,
    server: OpenAIServer,
    mode: str,
    kind: type[ProviderError],
    words: str,
    requests: int,
) -> None:
    server.behaviour.mode = mode
    _, error = await failing(model, kind)
    assert words in error.detail
    assert type(error) is kind
    assert len(server.chats()) == requests, "only what may pass is tried again, once"
    assert "sk-" not in error.detail and "html" not in error.detail
    assert "nginx" not in error.detail


async def test_a_passing_failure_is_not_noticed(model: OpenAIModel, server: OpenAIServer) -> None:
    server.script = [Behaviour(mode="503")]
    assert (await whole(model, request_of()))[0] == DEFAULT_TEXT


async def test_a_server_that_is_down(server: OpenAIServer, unused_tcp_port: int) -> None:
    model = model_at(server, openai_base_url=f"http://127.0.0.1:{unused_tcp_port}/v1")
    _, error = await failing(model, ProviderDown)
    assert f"127.0.0.1:{unused_tcp_port}" in error.detail
    assert "OPENAI_BASE_URL" in error.detail
    with pytest.raises(ProviderDown):
        await model.check()
    await model.close()


async def test_a_server_that_never_answers(server: OpenAIServer) -> None:
    server.behaviour.mode = "hang"
    model = model_at(server, llm_timeout_seconds=0.2)
    began = time.monotonic()
    await failing(model, ProviderTimeout)
    assert time.monotonic() - began < 5
    assert len(server.chats()) == 1, "a second try would double the wait"
    await model.close()


@pytest.mark.parametrize("mode", ["cut", "short", "error", "garbage"])
async def test_what_came_before_the_end_of_a_broken_stream_is_kept(
    model: OpenAIModel, server: OpenAIServer, mode: str
) -> None:
    server.behaviour.mode = mode
    text, error = await failing(model, ProviderInterrupted)
    assert text and DEFAULT_TEXT.startswith(text) and text != DEFAULT_TEXT
    assert "is kept" in error.detail
    assert len(server.chats()) == 1


async def test_a_stream_that_stalls(server: OpenAIServer) -> None:
    server.behaviour.mode = "stall"
    model = model_at(server, llm_timeout_seconds=0.3)
    text, error = await failing(model, ProviderInterrupted)
    assert text
    assert "stopped sending" in error.detail
    await model.close()


async def test_closing_ends_the_servers_work(model: OpenAIModel, server: OpenAIServer) -> None:
    server.behaviour.text = "word " * 5000
    server.behaviour.delay = 0.01
    async with aclosing(model.stream(request_of())) as stream:
        await anext(stream)
    assert await asyncio.to_thread(server.closed_early.wait, 5)


async def test_a_refusal_is_the_answer(model: OpenAIModel, server: OpenAIServer) -> None:
    server.behaviour = Behaviour(mode="refusal", text="I cannot help with that.")
    assert (await whole(model, request_of()))[0] == "I cannot help with that."


async def test_a_filtered_answer(model: OpenAIModel, server: OpenAIServer) -> None:
    server.behaviour.mode = "filter"
    assert (await whole(model, request_of()))[1].reason == "content_filter"
    server.behaviour.mode = "filter_empty"
    _, error = await failing(model, ProviderRefused)
    assert error.code == "content_filter"


async def test_an_answer_that_reached_its_limit(model: OpenAIModel, server: OpenAIServer) -> None:
    server.behaviour.mode = "length"
    assert (await whole(model, request_of()))[1].reason == "length"


async def test_an_empty_answer_is_an_error(model: OpenAIModel, server: OpenAIServer) -> None:
    server.behaviour.mode = "empty"
    _, error = await failing(model, ProviderError)
    assert "empty answer" in error.detail


async def test_models_leave_out_what_is_shut_down_or_does_not_chat(
    model: OpenAIModel, server: OpenAIServer
) -> None:
    server.shut_down_models = {"gpt-4o": "2020-01-01", "gpt-6-astra": "2999-01-01"}
    assert await model.models() == ["gpt-6-luna", "gpt-6-astra"]


async def test_check_names_a_model_that_is_not_offered(server: OpenAIServer) -> None:
    model = model_at(server, chat_model="gpt-7")
    with pytest.raises(ProviderRefused, match=r"does not offer the model gpt-7"):
        await model.check()
    assert await model.models() == ["gpt-6-luna", "gpt-6-astra", "gpt-4o"]
    await model.close()


async def test_an_address_that_is_no_model_server(server: OpenAIServer) -> None:
    model = model_at(server, openai_base_url=server.address.removesuffix("/v1"))
    _, error = await failing(model, ProviderRefused)
    assert "ends in /v1" in error.detail
    with pytest.raises(ProviderRefused):
        await model.check()
    await model.close()


async def test_a_crowd_gets_every_piece(model: OpenAIModel, server: OpenAIServer) -> None:
    server.behaviour.text = "word " * 100
    server.behaviour.delay = 0.002
    answers = await asyncio.gather(*(whole(model, request_of()) for _ in range(40)))
    assert {text for text, _ in answers} == {"word " * 100}
