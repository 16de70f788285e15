"""The prompt as a model would get it: rendered with the clone's own name, purpose and passages."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.errors import StudioError
from clone_studio.models import Chunk, DocumentPage, PromptDraft, StoredFile
from clone_studio.services import prompt_language
from clone_studio.services.answers import prompting
from clone_studio.services.answers.speaker import speaker_of
from clone_studio.services.knowledge.passages import Passage
from clone_studio.services.knowledge.uses import READY_STATES
from clone_studio.services.personas import persona_row
from clone_studio.services.prompts import MAIN, PromptService
from clone_studio.services.templates import LAYERS
from clone_studio.services.usage import estimate_tokens

SAMPLE_PASSAGES = 2
SAMPLE_QUESTION = "What matters most to you?"
SHOWN_CHARS = 20_000


@dataclass(frozen=True)
class LayerPreview:
    """One rendered layer; `problem` says why it could not be, and `source` whose text it is.

    `source` is `draft`, `v7`, `template` or `default`. `text` is cut at `SHOWN_CHARS`;
    `tokens` counts all of it.
    """

    layer: str
    text: str
    tokens: int
    source: str
    problem: str = ""


@dataclass(frozen=True)
class PromptPreview:
    """The whole prompt for a sample question; `passages` is how many it was given."""

    question: str
    passages: int
    layers: tuple[LayerPreview, ...]


class PromptPreviewService:
    """Renders prompts that nobody has asked yet, by the same code as an answer's.

    Args:
        database: The clone, its passages and drafts.
        prompts: What is in force.
    """

    def __init__(self, database: Database, prompts: PromptService) -> None:
        self._database = database
        self._prompts = prompts

    def preview(
        self, user_id: str, ref: str, texts: Mapping[str, str] | None = None
    ) -> PromptPreview:
        """Render the prompt as it would be with unsaved texts.

        Args:
            user_id: Who asks.
            ref: Slug or UUID of the clone.
            texts: Unsaved texts by layer; a layer without one has the user's draft, else what
                is in force.

        Raises:
            NotFound: No such clone here.
        """
        with self._database.read() as session:
            persona = persona_row(session, user_id, ref)
            passages = _samples(session, persona.id)
            drafts = _drafts(session, user_id, persona.id)
        unsaved = drafts | dict(texts or {})
        in_force = self._prompts.layers(persona.id)
        question = next(iter(persona.example_questions), SAMPLE_QUESTION)
        fence = prompting.new_fence()
        values = prompting.variables(speaker_of(persona), passages, (), question, fence)
        shown = []
        for layer in LAYERS:
            text = unsaved.get(layer, getattr(in_force, layer))
            source = "draft" if layer in unsaved else in_force.versions[layer]
            guard = prompting.guard(fence) if layer == "rag" and passages else ""
            shown.append(_rendered(layer, text, values, source, guard))
        return PromptPreview(question, len(passages), tuple(shown))


def _rendered(
    layer: str, text: str, values: Mapping[str, object], source: str, guard: str
) -> LayerPreview:
    try:
        whole = guard + prompt_language.render(text, values)
    except StudioError as error:
        return LayerPreview(layer, "", 0, source, error.detail)
    return LayerPreview(layer, whole[:SHOWN_CHARS], estimate_tokens(whole), source)


def _drafts(session: Session, user_id: str, persona_id: str) -> dict[str, str]:
    query = select(PromptDraft).where(
        PromptDraft.user_id == user_id,
        PromptDraft.persona_id == persona_id,
        PromptDraft.name == MAIN,
    )
    return {draft.layer: draft.content for draft in session.exec(query)}


def _samples(session: Session, persona_id: str) -> tuple[Passage, ...]:
    """Return the first passages of the clone's newest readable file."""
    query = (
        select(Chunk, StoredFile.name, DocumentPage.label)
        .join(StoredFile, col(StoredFile.id) == Chunk.file_id)
        .join(
            DocumentPage,
            (col(DocumentPage.file_id) == Chunk.file_id) & (DocumentPage.number == Chunk.page),
        )
        .where(
            Chunk.persona_id == persona_id,
            col(Chunk.enabled),
            col(StoredFile.state).in_(READY_STATES),
        )
        .order_by(col(StoredFile.created_at).desc(), col(Chunk.position))
        .limit(SAMPLE_PASSAGES)
    )
    return tuple(
        Passage(
            chunk_id=chunk.id,
            file_id=chunk.file_id,
            file=name,
            page=chunk.page,
            page_label=label,
            start=chunk.start,
            end=chunk.end,
            heading=chunk.heading,
            text=chunk.text,
            score=0.0,
            ranks={},
        )
        for chunk, name, label in session.exec(query)
    )
