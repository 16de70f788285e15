"""The clone as an answer needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clone_studio.models import Persona

PASSAGES = 6
MAX_PASSAGES = 20


@dataclass(frozen=True)
class Speaker:
    """Who answers, and how; `passages` is how many are retrieved.

    Smaller than `PersonaInfo`, which counts files and chunks: a question waits for this.
    """

    id: str
    name: str
    purpose: str
    description: str
    language: str
    no_answer_text: str
    model: str
    temperature: float
    max_tokens: int
    passages: int


def speaker_of(row: Persona) -> Speaker:
    """Return the speaker that a persona row describes."""
    return Speaker(
        id=row.id,
        name=row.name,
        purpose=row.purpose,
        description=row.description,
        language=row.language,
        no_answer_text=row.no_answer_text,
        model=row.model,
        temperature=row.temperature,
        max_tokens=row.max_tokens,
        passages=_passages_of(row.retrieval),
    )


def _passages_of(retrieval: Mapping[str, Any]) -> int:
    wanted = retrieval.get("limit", PASSAGES)
    return max(1, min(wanted, MAX_PASSAGES)) if isinstance(wanted, int) else PASSAGES
