"""Which request parameters each of OpenAI's models takes, and which it answers with a 400."""

import re
from dataclasses import dataclass
from typing import Any

from clone_studio.providers.llm.protocol import ChatRequest

# What a model may write before its answer counts against the same limit.
REASONING_TOKENS = 4096
UNSUPPORTED_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
DROPPABLE = frozenset(
    {"temperature", "reasoning_effort", "max_tokens", "max_completion_tokens", "stream_options"}
)


@dataclass(frozen=True)
class Traits:
    """What a family of models takes.

    Args:
        limit: Name of the parameter that bounds the answer.
        effort: The lowest reasoning effort, None where there is no such parameter.
        sampling: Whether `temperature` is taken at that effort.
    """

    limit: str
    effort: str | None
    sampling: bool


_SILENT = Traits("max_completion_tokens", "none", sampling=True)
_LOW = Traits("max_completion_tokens", "low", sampling=False)
# Read off the vendor's documentation in November 2026; the first pattern that fits counts.
_FAMILIES: tuple[tuple[str, Traits], ...] = (
    (r"gpt-6\.2|gpt-6-astra|gpt-6\.1-sol", _LOW),
    (r"gpt-5(-mini|-nano|-\d{4}|$)", Traits("max_completion_tokens", "minimal", sampling=False)),
    (r"gpt-[56]", _SILENT),
    (r"o\d", _LOW),
)
_OTHER = Traits("max_tokens", None, sampling=True)


def traits_of(model: str) -> Traits:
    """Return what `model` takes; a name that is not known is taken for a plain chat model."""
    name = model.lower().rsplit("/", 1)[-1]
    for pattern, traits in _FAMILIES:
        if re.match(pattern, name):
            return traits
    return _OTHER


def parameters(request: ChatRequest, model: str, refused: frozenset[str]) -> dict[str, Any]:
    """Return the body of a streamed chat completion.

    Args:
        request: The prompt.
        model: The model's name, never empty.
        refused: Parameters that this model has refused before.
    """
    traits = traits_of(model)
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.turns],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    limit = traits.limit
    if limit in refused:
        limit = "max_completion_tokens" if limit == "max_tokens" else "max_tokens"
    thinks = traits.effort not in {None, "none"} or "reasoning_effort" in refused
    body[limit] = request.max_tokens + (REASONING_TOKENS if thinks else 0)
    if traits.effort is not None:
        body["reasoning_effort"] = traits.effort
    if traits.sampling and "reasoning_effort" not in refused:
        body["temperature"] = request.temperature
    return {name: value for name, value in body.items() if name not in refused}
