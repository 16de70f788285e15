"""Asking a clone: the one way a question becomes an answer, for pages and API alike.

An answer belongs to the server. It is written by a task of its own that stores the text every
third of a second and publishes it as it grows; any number of readers follow it, in any process,
and none of them leaving ends it. Stop closes the model's stream and keeps what was said. When
the process ends, another one, or its next start, writes the answer anew.
"""

import asyncio
import contextlib
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
from clone_studio.services.answers.keeping import STOP_TOPIC, Keeper
from clone_studio.services.answers.leases import AnswerLeases, Taken
from clone_studio.services.answers.preparing import Preparer
from clone_studio.services.answers.running import Running, closing_events, topic_of, unstored_events
from clone_studio.services.answers.storable import storable
from clone_studio.services.answers.transcript import (
    STREAMING,
    Ending,
    Opened,
    TakenOver,
    Transcript,
)
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

RUNNING_LIMIT = 400
THREADS = 20
PREPARING = 2
CLOSE_SECONDS = 5.0
# How long a stop waits for the process that writes the answer, and how often it looks.
STOP_SECONDS = 5.0
STOP_LOOK_SECONDS = 0.3
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
        owner: Name of this process in its leases; only tests give another one.
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
        owner: str | None = None,
    ) -> None:
        self._longest = settings.max_question_chars
        self._events = events
        self._llm = llm
        self._personas = personas
        self._conversations = conversations
        self._leases = AnswerLeases(database, owner=owner)
        self._transcript = Transcript(database, self._leases.owner)
        self._prompts = prompts
        self._knowledge = knowledge
        self._running: dict[str, Running] = {}
        self._follower = Follower(conversations, events, self._running.get)
        self._beginnings: set[asyncio.Task[Started]] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="answer")
        self._keeper = Keeper(
            self._running,
            self._transcript,
            self._leases,
            events,
            self._threads,
            self._resume,
            lambda: RUNNING_LIMIT - self._busy(),
        )
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
        if self._busy() >= RUNNING_LIMIT:
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
        them; `restart` when the text so far is void, because another process writes the answer
        anew; `keep_alive` when nothing has happened for a while. Any number may follow.

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
            await self._stop_elsewhere(user_id, message_id)
        return await self._in_thread(self._conversations.message_for, user_id, message_id)

    async def _stop_elsewhere(self, user_id: str, message_id: str) -> None:
        """Have the process that writes an answer end it; end it here when that process is gone."""
        await self._in_thread(self._leases.ask_stop, message_id)
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        async with self._events.subscribe(topic_of(message_id)) as events:
            self._events.publish(f"{STOP_TOPIC}{message_id}", {"type": "stop"})
            while asyncio.get_running_loop().time() < deadline:
                await self._keeper.sweep()
                message = await self._in_thread(
                    self._conversations.message_for, user_id, message_id
                )
                if message.state != STREAMING:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STOP_LOOK_SECONDS):
                        async for _, event in events:
                            if event["type"] in {"done", "error"}:
                                break

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

    async def keep(self) -> None:
        """Take up what processes that ended have left, now and from now on until `close`."""
        await self._keeper.sweep()
        self._keeper.start()

    async def sweep(self) -> int:
        """Take up what processes that ended have left, once; return how many are written here."""
        return await self._keeper.sweep()

    async def close(self) -> None:
        """Leave every running answer to another process, or to the next start of this one."""
        await self._keeper.end()
        await asyncio.gather(*self._beginnings, return_exceptions=True)
        running = tuple(self._running.values())
        for one in running:
            one.leave()
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
        self._write(Running(opened, user_id, question, self._events, self._count, spans))
        # A task that is cancelled before its first step would never reach its own end.
        await asyncio.sleep(0)
        return Started(opened.thread_id, opened.user_message_id, opened.message_id)

    def _resume(self, taken: Taken) -> None:
        """Write an answer anew that another process has left."""
        self._write(
            Running(
                taken.opened,
                taken.user_id,
                taken.question,
                self._events,
                self._count,
                SpanRecorder(),
                attempt=taken.attempt,
                earlier=taken.earlier,
            )
        )

    def _write(self, running: Running) -> None:
        self._running[running.opened.message_id] = running
        running.task = asyncio.create_task(self._answer(running))
        self._keeper.tend()

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

    def _busy(self) -> int:
        return len(self._running) + len(self._beginnings)

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
            if ending is None:
                await self._in_thread(self._leave, running)
            else:
                message = await self._in_thread(self._store, running, ending)
        except TakenOver:
            running.leaving = True
        except SQLAlchemyError:
            logger.exception("The end of answer %s was not stored", running.opened.message_id)
        finally:
            running.close()
            if not running.leaving:
                for event in closing_events(message) if message else unstored_events(running):
                    self._events.publish(topic_of(running.opened.message_id), event)
            del self._running[running.opened.message_id]
            running.ended.set()

    def _leave(self, running: Running) -> None:
        """Store what was written, and let another process write the answer at once."""
        if grown := running.take_unflushed():
            self._transcript.flush({running.opened.message_id: grown})
        self._leases.give_back(running.opened.message_id, running.attempt)

    def _store(self, running: Running, ending: Ending) -> MessageInfo | None:
        message = self._transcript.settle(running.opened.message_id, running.attempt, ending)
        self._personas.touch(running.opened.speaker.id)
        return message

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
