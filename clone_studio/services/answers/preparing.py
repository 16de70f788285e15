"""From a question to a prompt: history, rewriting, retrieval, rendering. Blocking: one thread."""

from collections.abc import Sequence
from dataclasses import dataclass

from clone_studio.providers.llm.protocol import ChatRequest, ChatTurn, LanguageModel
from clone_studio.services.answers import prompting
from clone_studio.services.answers.followup import search_query
from clone_studio.services.answers.speaker import Speaker
from clone_studio.services.knowledge.passages import Passage
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.services.prompts import PromptService
from clone_studio.services.spans import SpanRecorder


@dataclass(frozen=True)
class Prepared:
    """What is sent to the model, and the passages that its marks may point to."""

    request: ChatRequest
    passages: tuple[Passage, ...]


class Preparer:
    """Prepares prompts.

    Args:
        llm: Decides whether a prompt is rendered or quotes are picked.
        prompts: The clone's layers.
        knowledge: The clone's passages.
    """

    def __init__(self, llm: LanguageModel, prompts: PromptService, knowledge: Retriever) -> None:
        self._llm = llm
        self._prompts = prompts
        self._knowledge = knowledge

    def knows_all(self, speaker: Speaker) -> bool:
        """Say whether the clone has read what was given to it a moment ago."""
        return not self._knowledge.is_arriving(speaker.id)

    def prepare(
        self,
        speaker: Speaker,
        question: str,
        history: Sequence[ChatTurn],
        spans: SpanRecorder,
    ) -> Prepared:
        """Return the prompt for a question.

        Args:
            speaker: The clone that is asked.
            question: Checked text.
            history: The turns above it, oldest first.
            spans: Takes rewrite, retrieve.* and prompt.render.

        Raises:
            InvalidInput: A prompt layer of the clone is wrong.
        """
        with spans.span("rewrite"):
            query = search_query(question, history)
        found = self._knowledge.retrieve(speaker.id, query, limit=speaker.passages, spans=spans)
        passages = prompting.fitting(found)
        if self._llm.kind == "quotes":
            return Prepared(self._quoting(speaker, query, passages, spans), passages)
        with spans.span("prompt.render"):
            turns = self._turns(speaker, question, passages, prompting.trimmed(history))
        request = ChatRequest(
            turns=turns,
            model=speaker.model,
            temperature=speaker.temperature,
            max_tokens=speaker.max_tokens,
            no_answer=prompting.no_answer_of(speaker),
        )
        return Prepared(request, passages)

    def _quoting(
        self,
        speaker: Speaker,
        query: str,
        passages: Sequence[Passage],
        spans: SpanRecorder,
    ) -> ChatRequest:
        with spans.span("quote"):
            known = self._knowledge.has_answer(query, passages)
            quotes = self._knowledge.quotes(query, passages) if known else ()
        return ChatRequest(
            turns=(), model="", quotes=quotes, no_answer=prompting.no_answer_of(speaker)
        )

    def _turns(
        self,
        speaker: Speaker,
        question: str,
        passages: Sequence[Passage],
        history: Sequence[ChatTurn],
    ) -> tuple[ChatTurn, ...]:
        fence = prompting.new_fence()
        values = prompting.variables(speaker, passages, history, question, fence)
        rendered = self._prompts.render(self._prompts.layers(speaker.id), values)
        return prompting.turns_of(rendered, history, fence=fence, has_passages=bool(passages))
