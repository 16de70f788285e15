"""Writes one answer: prompt, stream, citations, end. Runs as a task of the server."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import aclosing
from typing import Any, TypeVar

from clone_studio.errors import ProviderError, StudioError
from clone_studio.providers.llm.protocol import Finished, LanguageModel, TextDelta
from clone_studio.services.answers.preparing import Prepared, Preparer
from clone_studio.services.answers.running import Running, citation_rows
from clone_studio.services.answers.storable import StorableStream
from clone_studio.services.answers.transcript import LOST, Ending, Transcript
from clone_studio.services.knowledge.attribute import Attributor
from clone_studio.services.knowledge.cite import CitationWriter
from clone_studio.services.usage import usage_of

logger = logging.getLogger(__name__)

ANSWER_CHARS = 200_000
ARRIVAL_SECONDS = 10.0
LOOK_SECONDS = 0.15
UNFORESEEN = "The studio could not write this answer. Its log says why; ask again."
T = TypeVar("T")


class Writing:
    """The writing of one answer.

    Args:
        running: What it is written into.
        llm: Who writes.
        preparer: Makes the prompt.
        transcript: Where history is read and the end is stored.
        threads: For what blocks.
        turn: Lets a few prompts be made at once. One after the other each is made sooner on
            average than all together, and the processor has only so many cores.
    """

    def __init__(
        self,
        running: Running,
        llm: LanguageModel,
        preparer: Preparer,
        transcript: Transcript,
        threads: Executor,
        turn: asyncio.Semaphore,
    ) -> None:
        self._running = running
        self._llm = llm
        self._preparer = preparer
        self._transcript = transcript
        self._threads = threads
        self._turn = turn
        self._prepared: Prepared | None = None
        self._writer = CitationWriter(())
        self._attributor: Attributor | None = None
        self._storable = StorableStream()
        self._sources_known = True
        self._finished: Finished | None = None

    async def run(self) -> Ending | None:
        """Write the answer and return how it ended; the text is in `running`.

        None when the answer is left to another process.
        """
        try:
            await self._write()
            return await self._ending("complete")
        except asyncio.CancelledError:
            # Asked for by stop or by the end of the process: what was said is kept either way.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            if self._running.leaving:
                return None
            if self._running.stop_asked:
                return await self._ending("stopped")
            return await self._ending("interrupted", ProviderError(LOST, code="provider"))
        except StudioError as error:
            return await self._ending(self._broken(), error)
        except Exception:
            # The boundary of the task: without an end the thread would stay locked for ever.
            logger.exception("Answer %s failed", self._running.opened.message_id)
            self._sources_known = False
            return await self._ending(self._broken(), ProviderError(UNFORESEEN, code="internal"))

    async def _write(self) -> None:
        running, spans = self._running, self._running.spans
        self._prepared = prepared = await self._prepared_when_read()
        self._writer = CitationWriter(prepared.passages)
        if prepared.kind == "local":
            self._attributor = Attributor(running.question, prepared.passages)
        asked = spans.now_ms()
        first: float | None = None
        try:
            async with aclosing(self._llm.stream(prepared.request)) as stream:
                async for event in stream:
                    if isinstance(event, Finished):
                        self._finished = event
                        continue
                    if first is None:
                        first = spans.now_ms()
                        spans.add("llm.first_token", asked, first)
                    self._take(event)
                    if len(running.text) > ANSWER_CHARS:
                        break
        finally:
            if first is not None:
                spans.add("llm.last_token", first, spans.now_ms())

    async def _prepared_when_read(self) -> Prepared:
        """Make the prompt; who asks right after an upload gets an answer that knows it."""
        now = asyncio.get_running_loop().time
        patient_until = now() + ARRIVAL_SECONDS
        while True:
            async with self._turn:
                prepared = await self._in_thread(self._prepare, now() < patient_until)
            if prepared is not None:
                return prepared
            await asyncio.sleep(LOOK_SECONDS)

    def _take(self, delta: TextDelta) -> None:
        text = self._storable.feed(delta.text)
        if self._attributor is not None:
            text = self._attributor.feed(text)
        self._running.add(self._writer.feed(text))

    def _prepare(self, is_patient: bool) -> Prepared | None:
        """Return the prompt, None while documents arrive that it should know."""
        running = self._running
        if is_patient and not self._preparer.knows_all(running.opened.speaker):
            return None
        history = self._transcript.history(running.opened.above_id)
        return self._preparer.prepare(
            running.opened.speaker, running.question, history, running.spans
        )

    def _broken(self) -> str:
        """Return the state of an answer that an error ended."""
        said = self._running.text.strip() or self._running.earlier.strip()
        return "interrupted" if said else "failed"

    async def _ending(self, state: str, error: StudioError | None = None) -> Ending:
        self._running.settling = True
        if self._attributor is not None:
            self._running.add(self._writer.feed(self._attributor.finish()))
        self._running.add(self._writer.finish())
        return await self._in_thread(self._end, state, error)

    def _end(self, state: str, error: StudioError | None) -> Ending:
        running = self._running
        with running.spans.span("cite"):
            citations = self._writer.citations(running.text) if self._sources_known else []
        text = running.text
        if not text.strip() and state in {"interrupted", "stopped"}:
            # A second writing that came to nothing does not take away what the first one said.
            text = running.earlier
        running.spans.mark("total")
        kind = self._prepared.kind if self._prepared else self._llm.kind
        mode = "quotes" if kind == "quotes" else "model"
        turns = self._prepared.request.turns if self._prepared else ()
        said = self._finished.model if self._finished else ""
        return Ending(
            state=state,
            text=text,
            model=said or running.opened.speaker.model or self._llm.default_model,
            error=error.detail if error else None,
            error_code=error.code if error else None,
            citations=citation_rows(citations),
            usage=usage_of(mode, turns, text, self._finished) | running.spans.remarks,
            spans=running.spans.as_list(),
        )

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
