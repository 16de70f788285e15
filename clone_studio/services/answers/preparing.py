"""From a question to a prompt: history, rewriting, retrieval, rendering. Blocking: one thread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clone_studio.providers.llm.protocol import ChatRequest, ChatTurn, Kind, LanguageModel
from clone_studio.services.answers import prompting
from clone_studio.services.answers.followup import search_query
from clone_studio.services.answers.speaker import Speaker
from clone_studio.services.knowledge.passages import Passage
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.services.prompts import PromptService
from clone_studio.services.spans import SpanRecorder


@dataclass(frozen=True)
class Prepared:
    """What is sent to the model, the passages its marks may point to, and for which kind."""

    request: ChatRequest
    passages: tuple[Passage, ...]
    kind: Kind


class Preparer:
    """Prepares prompts.

    Args:
        llm: Decides whether a prompt is rendered, a short one, or quotes are picked.
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
            spans: Takes rewrite, retrieve.*, and prompt.render, evidence or quote.

        Raises:
            InvalidInput: A prompt layer of the clone is wrong.
        """
        with spans.span("rewrite"):
            query = search_query(question, history)
        found = self._knowledge.retrieve(speaker.id, query, limit=speaker.passages, spans=spans)
        passages = prompting.fitting(found)
        kind = self._llm.kind
        if kind == "quotes":
            return Prepared(self._quoting(speaker, query, passages, spans), passages, kind)
        kept = prompting.trimmed(history)
        if kind == "local":
            with spans.span("evidence"):
                known = self._knowledge.has_answer(query, passages)
                passages = self._knowledge.excerpts(query, passages) if known else ()
            if not known:
                # A small model would answer all the same: it is not asked.
                return Prepared(_nothing(speaker), (), kind)
            kept = prompting.trimmed(history, prompting.LOCAL_HISTORY_TOKENS)
        with spans.span("prompt.render"):
            turns = self._turns(speaker, question, passages, kept)
        request = ChatRequest(
            turns=turns,
            model=speaker.model,
            temperature=speaker.temperature,
            max_tokens=speaker.max_tokens,
            no_answer=prompting.no_answer_of(speaker),
        )
        return Prepared(request, passages, kind)

    def opening(self, speaker: Speaker) -> tuple[ChatTurn, ...]:
        """Return what every prompt of a new thread with the clone begins with."""
        return self._turns(speaker, "", (), ())[:1]

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
        return replace(_nothing(speaker), quotes=quotes)

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


def _nothing(speaker: Speaker) -> ChatRequest:
    """Return the request to say that the knowledge has no answer."""
    return ChatRequest(turns=(), model="", no_answer=prompting.no_answer_of(speaker))
