"""Asking a clone: the one way a question becomes an answer, for pages and API alike.

An answer belongs to the server. It is written by a task of its own that stores the text every
third of a second and publishes it as it grows; any number of readers follow it, and none of
them leaving ends it. Stop closes the model's stream and keeps what was said.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from clone_studio.db import Database
from clone_studio.errors import InvalidInput, TooLarge, TooManyRequests
from clone_studio.providers.llm.protocol import LanguageModel
from clone_studio.services.answers.following import Follower
from clone_studio.services.answers.preparing import Preparer
from clone_studio.services.answers.running import Running, closing_events, topic_of, unstored_events
from clone_studio.services.answers.storable import storable
from clone_studio.services.answers.transcript import STREAMING, Ending, Opened, Transcript
from clone_studio.services.answers.writing import Writing
from clone_studio.services.conversations import ConversationService, MessageInfo
from clone_studio.services.events import EventBus
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.services.personas import PersonaService
from clone_studio.services.prompts import PromptService
from clone_studio.services.spans import SpanRecorder
from clone_studio.services.switching import held_model
from clone_studio.settings import Settings

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.3
RUNNING_LIMIT = 400
THREADS = 20
PREPARING = 2
CLOSE_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True)
class Started:
    """The ids of a question that was taken: its thread, itself, and its coming answer."""

    thread_id: str
    user_message_id: str
    message_id: str


class ChatService:
    """Answers questions.

    Args:
        settings: The longest question.
        waits: Tells whether making a prompt mostly waits for a service elsewhere.
        database: Where messages are.
        events: Where growing answers are published, topic `message:{id}`.
        llm: Who writes.
        personas: Remembers when a clone was used.
        prompts: The clone's layers.
        knowledge: The clone's passages.
        conversations: Finds messages, as their owner's only.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        events: EventBus,
        llm: LanguageModel,
        personas: PersonaService,
        prompts: PromptService,
        knowledge: Retriever,
        conversations: ConversationService,
        waits: Callable[[], bool],
    ) -> None:
        self._longest = settings.max_question_chars
        self._events = events
        self._llm = llm
        self._personas = personas
        self._conversations = conversations
        self._transcript = Transcript(database)
        self._prompts = prompts
        self._knowledge = knowledge
        self._running: dict[str, Running] = {}
        self._follower = Follower(conversations, events, self._running.get)
        self._flusher: asyncio.Task[None] | None = None
        self._beginnings: set[asyncio.Task[Started]] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="answer")
        # Waiting for an embedding service costs no processor time: more may wait at once.
        self._waits = waits
        self._turns = {
            True: asyncio.Semaphore(THREADS - 4),
            False: asyncio.Semaphore(PREPARING),
        }

    async def start(
        self,
        user_id: str,
        ref: str,
        text: str,
        thread_id: str | None = None,
        parent_id: str | None = None,
    ) -> Started:
        """Take a question and begin to answer it; returns as soon as it is stored.

        Args:
            user_id: Who asks.
            ref: A clone of theirs, slug or id.
            text: The question.
            thread_id: A thread with this clone; None begins one.
            parent_id: The answer above the question; None is the thread's newest message.

        Raises:
            InvalidInput: The question is empty.
            TooLarge: The question is longer than the setting allows.
            NotFound: No such clone, thread or message of this user.
            Conflict: The thread's last answer is still being written.
            TooManyRequests: Too many answers are being written.
        """
        spans = SpanRecorder()
        question = self._checked(text)
        if len(self._running) + len(self._beginnings) >= RUNNING_LIMIT:
            raise TooManyRequests(
                "The studio is writing as many answers as it can. Try again in a moment.",
                retry_after=5,
            )
        # A caller that leaves now must not leave a question behind that nobody answers.
        beginning = asyncio.ensure_future(
            self._begin(spans, user_id, ref, question, thread_id, parent_id)
        )
        self._beginnings.add(beginning)
        beginning.add_done_callback(self._beginnings.discard)
        return await asyncio.shield(beginning)

    def attach(self, user_id: str, message_id: str) -> AsyncIterator[dict[str, Any]]:
        """Follow an answer: its text so far, then what comes, until it has ended.

        Yields `thread_info`, `token`, `citations`, then `done` or `error`, as the API names
        them; `keep_alive` when nothing has happened for a while. Any number may follow.

        Raises:
            NotFound: At the first step: there is no such message of this user.
        """
        return self._follower.follow(user_id, message_id)

    async def stop(self, user_id: str, message_id: str) -> MessageInfo:
        """End an answer: the model's stream is closed, what was said stays.

        An answer that has ended already stays as it is.

        Raises:
            NotFound: There is no such message of this user.
        """
        message = await self._in_thread(self._conversations.message_for, user_id, message_id)
        running = self._running.get(message_id)
        if running is not None:
            running.stop_asked = True
            running.cancel()
            await running.ended.wait()
        elif message.state == STREAMING:
            # Its end could not be stored, or its process has ended.
            await self._in_thread(self._transcript.abandon, tuple(self._running), message_id)
        return await self._in_thread(self._conversations.message_for, user_id, message_id)

    async def warm(self, user_id: str, ref: str) -> None:
        """Let a local model get ready for the first question to a clone that was opened.

        Raises:
            NotFound: There is no such clone of this user.
            InvalidInput: A prompt layer of the clone is wrong.
        """
        async with held_model(self._llm) as llm:
            if llm.kind == "local":
                speaker = await self._in_thread(self._transcript.speaker, user_id, ref)
                preparer = Preparer(llm, self._prompts, self._knowledge)
                await llm.warm(await self._in_thread(preparer.opening, speaker))

    def recover(self) -> int:
        """Mark answers as interrupted whose process has ended; returns how many."""
        return self._transcript.abandon(tuple(self._running))

    async def close(self) -> None:
        """End every running answer as interrupted and store what each has said."""
        await asyncio.gather(*self._beginnings, return_exceptions=True)
        running = tuple(self._running.values())
        for one in running:
            one.cancel()
        if tasks := [one.task for one in running if one.task is not None]:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        self._threads.shutdown(wait=False)

    def _checked(self, text: str) -> str:
        question = storable(text).strip()
        if not question:
            raise InvalidInput("The question is empty. Type one.", field="message")
        if len(question) > self._longest:
            raise TooLarge(
                f"The question has {len(question):,} characters, and {self._longest:,} is the "
                "most. Shorten it, or upload the long part as a file and ask about that.",
                field="message",
            )
        return question

    async def _begin(
        self,
        spans: SpanRecorder,
        user_id: str,
        ref: str,
        question: str,
        thread_id: str | None,
        parent_id: str | None,
    ) -> Started:
        with spans.span("open"):
            opened = await self._in_thread(self._open, user_id, ref, question, thread_id, parent_id)
        running = Running(opened, user_id, question, self._events, self._count, spans)
        self._running[opened.message_id] = running
        running.task = asyncio.create_task(self._answer(running))
        # A task that is cancelled before its first step would never reach its own end.
        await asyncio.sleep(0)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return Started(opened.thread_id, opened.user_message_id, opened.message_id)

    def _open(
        self, user_id: str, ref: str, question: str, thread_id: str | None, parent_id: str | None
    ) -> Opened:
        return self._transcript.open(
            user_id,
            ref,
            question,
            model=self._llm.default_model,
            thread_id=thread_id,
            parent_id=parent_id,
        )

    def _count(self) -> int:
        return len(self._running)

    async def _answer(self, running: Running) -> None:
        """Write an answer, store its end, tell its readers."""
        message: MessageInfo | None = None
        try:
            # Prompt and answer belong together: a model that is chosen meanwhile is for the next.
            async with held_model(self._llm) as llm:
                preparer = Preparer(llm, self._prompts, self._knowledge)
                turn = self._turns[self._waits()]
                writing = Writing(running, llm, preparer, self._transcript, self._threads, turn)
                ending = await writing.run()
            message = await self._in_thread(self._store, running, ending)
        except SQLAlchemyError:
            logger.exception("The end of answer %s was not stored", running.opened.message_id)
        finally:
            running.close()
            for event in closing_events(message) if message else unstored_events(running):
                self._events.publish(topic_of(running.opened.message_id), event)
            del self._running[running.opened.message_id]
            running.ended.set()

    def _store(self, running: Running, ending: Ending) -> MessageInfo | None:
        message = self._transcript.settle(running.opened.message_id, ending)
        self._personas.touch(running.opened.speaker.id)
        return message

    async def _flush(self) -> None:
        """Store the text of all running answers now and then, in one transaction for all."""
        while self._running:
            await asyncio.sleep(FLUSH_SECONDS)
            grown = {
                key: text
                for key, running in self._running.items()
                if (text := running.take_unflushed()) is not None
            }
            if not grown:
                continue
            try:
                await self._in_thread(self._transcript.flush, grown)
            except SQLAlchemyError:
                # The end of each answer stores its whole text again.
                logger.exception("The text of running answers was not stored")

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
