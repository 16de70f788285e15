"""What is wrong, and what is doubtful, in the text of a prompt while it is being written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clone_studio.errors import StudioError
from clone_studio.services import prompt_language
from clone_studio.services.answers.prompting import PromptPassage, PromptPersona
from clone_studio.services.prompt_language import Fault
from clone_studio.services.usage import estimate_tokens

# A prompt must work for every question: with passages and a thread, and with neither.
_FULL: dict[str, Any] = {
    "persona": PromptPersona("A", "B", "C"),
    "language": "English",
    "today": "Monday, 01 January 2029",
    "passages": [PromptPassage(1, "a.pdf", "1", "A", "A")],
    "question": "Why?",
    "history": [{"role": "user", "content": "Who?"}],
    "no_answer": "I do not know.",
}
_BARE: dict[str, Any] = _FULL | {
    "persona": PromptPersona("A", "", ""),
    "language": "",
    "passages": [],
    "history": [],
}


@dataclass(frozen=True)
class Checked:
    """A text's problems, which keep it from being saved, its warnings, and its size.

    `tokens` is an estimate: how many a text has is up to the model.
    """

    problems: tuple[Fault, ...]
    warnings: tuple[str, ...]
    lines: int
    tokens: int


def checked(layer: str, text: str) -> Checked:
    """Check the text of one layer: syntax, variables, attributes, and what it leaves out.

    Args:
        layer: system, rag or user.
        text: What was typed.
    """
    problems = _problems(text)
    return Checked(
        problems=problems,
        warnings=() if problems else tuple(_warnings(layer, text)),
        lines=text.count("\n") + 1 if text else 0,
        tokens=estimate_tokens(text),
    )


def _problems(text: str) -> tuple[Fault, ...]:
    if not text.strip():
        return (Fault(1, "the prompt is empty. Write what it should say."),)
    try:
        found = prompt_language.faults(text)
        if found:
            return found
        # The name of an attribute is only looked at where it is used.
        tried = (prompt_language.fault_with(text, values) for values in (_FULL, _BARE))
        return tuple({fault: None for fault in tried if fault})
    except StudioError as error:
        return (Fault(1, error.detail),)


def _warnings(layer: str, text: str) -> Iterator[str]:
    """Say what a prompt of this layer usually does and this one does not."""
    used = prompt_language.used(text)
    if layer == "user" and "question" not in used:
        yield "The question is not in this prompt: put {{ question }} where the model reads it."
    if layer == "rag" and "passages" not in used:
        yield "The passages are not in this prompt: the clone answers without its files."
    elif layer == "rag" and "number" not in used:
        yield "The passages have no numbers here, so answers cannot cite them."
    if layer == "system" and "name" not in used:
        yield "The clone's name is not in this prompt: the model is not told who speaks."
