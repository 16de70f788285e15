"""What tests ask of a stand-in model server: settings that point to it, prompts, whole answers."""

from pydantic import SecretStr

from clone_studio.providers.llm.openai import OpenAIModel
from clone_studio.providers.llm.protocol import (
    ChatRequest,
    ChatTurn,
    Finished,
    LanguageModel,
    TextDelta,
)
from clone_studio.settings import Settings
from tests.servers.openai_server import OpenAIServer

KEY = "sk-test-0123456789"


def settings_for(server: OpenAIServer, **values: object) -> Settings:
    """Return settings of a studio that uses `server`."""
    given = {"openai_base_url": server.address, "openai_api_key": SecretStr(KEY)} | values
    return Settings(_env_file=None, **given)


def model_at(server: OpenAIServer, **values: object) -> OpenAIModel:
    """Return the provider as a studio that uses `server` would build it."""
    return OpenAIModel(settings_for(server, **values))


def request_of(question: str = "What are the virtues?", **values: object) -> ChatRequest:
    """Return a prompt with a system text and one question."""
    turns = (ChatTurn("system", "You are Ben."), ChatTurn("user", question))
    return ChatRequest(**({"turns": turns, "model": "", "no_answer": "No idea."} | values))


async def whole(model: LanguageModel, request: ChatRequest) -> tuple[str, Finished]:
    """Return the whole answer and its end, which must come exactly once and last."""
    events = [event async for event in model.stream(request)]
    *deltas, end = events
    assert isinstance(end, Finished)
    assert all(isinstance(one, TextDelta) and one.text for one in deltas)
    return "".join(one.text for one in deltas), end
