"""How many tokens an answer cost: as the server counted them, else estimated."""

from collections.abc import Iterable
from typing import Any

from clone_studio.providers.llm.protocol import ChatTurn, Finished

BYTES_PER_TOKEN = 4
# Every turn carries its role and separators.
TURN_TOKENS = 4


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` has, without a vocabulary: four bytes each."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def estimate_turns(turns: Iterable[ChatTurn]) -> int:
    """Return about how many tokens a prompt has."""
    return sum(estimate_tokens(turn.content) + TURN_TOKENS for turn in turns)


def usage_of(
    mode: str, turns: Iterable[ChatTurn], text: str, finished: Finished | None
) -> dict[str, Any]:
    """Return the usage that is stored with an answer.

    Args:
        mode: `model`, or `quotes` where no language model wrote the answer.
        turns: The prompt, empty when none was sent.
        text: What was written.
        finished: How the stream ended; None when it did not.
    """
    if mode == "quotes":
        return {"mode": mode, "promptTokens": 0, "completionTokens": 0, "estimated": False}
    prompt = finished.prompt_tokens if finished else None
    completion = finished.completion_tokens if finished else None
    usage = {
        "mode": mode,
        "promptTokens": estimate_turns(turns) if prompt is None else prompt,
        "completionTokens": estimate_tokens(text) if completion is None else completion,
        "estimated": prompt is None or completion is None,
    }
    return usage | ({"finish": finished.reason} if finished else {})
