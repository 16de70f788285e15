"""The conversation on the chat page: opening a thread, asking, stopping, and the settled bubbles.

`rows` is what was read when the thread was opened. What is said since goes to `TurnsState`, the
running answer to `AnswerState`: a var travels whole, so nothing that grows shares one with what
is finished. The thread list is in `ThreadsState`, the opened source in `SourceState`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.errors import NotFound, StudioError
from clone_studio.services.conversations import MessageInfo, ThreadInfo
from clone_studio.services.personas import PersonaInfo
from clone_studio.services.watchers import WATCHERS, Watch
from clone_studio.state.answer import AnswerState
from clone_studio.state.base import Reaction, StudioState
from clone_studio.state.chat_rows import (
    MessageRow,
    SpanRow,
    message_row,
    question_row,
    span_rows,
)
from clone_studio.state.clone_rows import avatar_parts
from clone_studio.state.composer import ComposerState
from clone_studio.state.sources import SourceState
from clone_studio.state.threads import NEW, ThreadsState
from clone_studio.state.turns import TurnsState

PAGE = 50
ASKING = "asking"


class ChatState(StudioState):
    """What the conversation column shows."""

    clone: str = ""
    clone_name: str = ""
    clone_letters: str = ""
    clone_hue: str = "7"
    new_address: str = ""
    purpose: str = ""
    greeting: str = ""
    examples: list[str] = []
    files: int = 0
    reading: bool = False
    thread_id: str = ""
    rows: list[MessageRow] = []
    has_earlier: bool = False
    ready: bool = False
    shown_ref: str = ""
    problem: str = ""
    missing: str = ""
    no_clone: bool = False
    spoken: str = ""
    quoting: bool = False
    speaks: bool = True
    timed_id: str = ""
    timed_spans: list[SpanRow] = []

    # The thread that a first question made: its address follows, the page is right already.
    _arriving: str = ""

    @rx.event
    async def open(self) -> Reaction:
        """Show the thread of the address: a given one, a new one, or the last active one."""
        if not self._user_id:
            return None
        slug, thread = str(self.slug), str(self.thread)
        arriving, self._arriving = self._arriving, ""
        if arriving and arriving == thread and slug == self.clone:
            # Somebody who reloads at this moment comes by here with a new socket, and the
            # watch of the old one has ended.
            answer = await self.get_state(AnswerState)
            if answer.message_id not in {"", ASKING}:
                self._watch(answer.message_id)
            return None
        persona: PersonaInfo | None = None
        try:
            persona = await asyncio.to_thread(services().personas.get_for, self._user_id, slug)
            if not thread:
                last = await asyncio.to_thread(
                    services().conversations.last_active, self._user_id, persona.slug
                )
                if last:
                    return rx.redirect(f"/chat/{persona.slug}/{last}", replace=True)
            await self._show_clone(persona)
            await self._open_thread("" if thread == NEW else thread)
            self.problem = ""
        except NotFound:
            self.missing = "This thread is not here. It may have been deleted."
            self.problem, self.no_clone = "", persona is None
        except StudioError as error:
            self.problem = error.detail
            return None
        self.ready, self.shown_ref = True, slug
        return None if self.no_clone else ChatState.warm

    @rx.event(background=True)
    async def warm(self) -> None:
        """Let a model on this machine get ready while the first question is typed."""
        async with self:
            user_id, clone = self._user_id, self.clone
        # Nobody has asked for anything yet: the first question will say what is wrong.
        with suppress(StudioError):
            await services().chat.warm(user_id, clone)

    async def _show_clone(self, persona: PersonaInfo) -> None:
        """Show whose chat it is, and the question that was begun for this clone."""
        self.no_clone = False
        self.clone = persona.slug
        self.clone_name = persona.name
        self.clone_letters, self.clone_hue = avatar_parts(persona.avatar, persona.name, persona.id)
        self.new_address = f"/chat/{persona.slug}/{NEW}"
        self.purpose = persona.purpose
        self.greeting = persona.greeting
        self.examples = list(persona.example_questions)[:6]
        self.files = persona.files
        self.quoting = services().llm.kind == "quotes"
        self.speaks = services().speech_engine.kind != "off"
        await self._look_for_unread_files()
        (await self.get_state(ComposerState))._show(persona.slug)

    async def _look_for_unread_files(self) -> None:
        """Find out whether some of what the clone should know is still being read."""
        page = await asyncio.to_thread(
            services().files.list_for, self._user_id, self.clone, "", "processing", 1
        )
        self.reading = bool(page.files)

    async def _open_thread(self, thread_id: str) -> None:
        """Read the newest messages of a thread and go on with an answer that is running."""
        self.missing = self.spoken = self.timed_id = ""
        self.thread_id = thread_id
        answer = await self.get_state(AnswerState)
        answer._clear()
        (await self.get_state(TurnsState))._clear()
        (await self.get_state(SourceState))._close()
        messages: list[MessageInfo] = []
        self.has_earlier = False
        if thread_id:
            page = await asyncio.to_thread(
                services().conversations.messages, self._user_id, thread_id, PAGE
            )
            messages, self.has_earlier = list(page.messages), page.has_more
        if messages and messages[-1].state == "streaming":
            answer._begin(messages[-1].id)
            self._watch(messages.pop().id)
        self.rows = [message_row(message) for message in messages]
        await (await self.get_state(ThreadsState))._show(self.clone, thread_id)

    def _watch(self, message_id: str) -> None:
        """Have this tab shown the answer as it grows."""
        WATCHERS.watch(self._watch_of(f"message:{message_id}"))

    @rx.event
    async def earlier(self) -> None:
        """Read the messages before the first one shown."""
        if not self.has_earlier or not self.rows:
            return
        async with self._reporting():
            page = await asyncio.to_thread(
                services().conversations.messages,
                self._user_id,
                self.thread_id,
                PAGE,
                self.rows[0].key,
            )
            self.rows = [*map(message_row, page.messages), *self.rows]
            self.has_earlier = page.has_more

    @rx.event
    async def send(self, form: dict[str, str]) -> AsyncIterator[Reaction]:
        """Ask what was typed. What is refused stays in the composer."""
        async for step in self._ask(str(form.get("question", ""))):
            yield step

    @rx.event
    async def ask_example(self, question: str) -> AsyncIterator[Reaction]:
        """Ask one of the example questions."""
        async for step in self._ask(str(question)):
            yield step

    @rx.event
    async def try_again(self, message_id: str) -> AsyncIterator[Reaction]:
        """Ask the question of an answer that failed once more."""
        rows = [*self.rows, *(await self.get_state(TurnsState))._rows()]
        keys = [row.key for row in rows]
        if str(message_id) in keys[1:]:
            question = rows[keys.index(str(message_id)) - 1]
            async for step in self._ask(question.plain):
                yield step

    async def _ask(self, text: str) -> AsyncIterator[Reaction]:
        """Show the question at once, then have it answered; a refusal takes it back."""
        answer = await self.get_state(AnswerState)
        composer = await self.get_state(ComposerState)
        question = text.strip()
        if refusal := self._refusal(question, busy=bool(answer.message_id)):
            composer._refuse(text, refusal, restore=False)
            return
        if not question:
            return
        answer._begin(ASKING, question)
        composer._accept(text)
        self.spoken = f"{self.clone_name} is answering."
        yield
        try:
            started = await services().chat.start(
                self._user_id, self.clone, question, self.thread_id or None
            )
        except StudioError as error:
            answer._clear()
            composer._refuse(text, error.detail, restore=True)
            return
        answer._begin(started.message_id, question, started.user_message_id)
        if self.reading:
            await self._look_for_unread_files()
        self._watch(started.message_id)
        if started.thread_id != self.thread_id:
            self.thread_id = self._arriving = started.thread_id
            yield rx.redirect(f"/chat/{self.clone}/{started.thread_id}", replace=True)

    def _refusal(self, text: str, *, busy: bool) -> str:
        """Return why this question cannot be asked now, empty when it can."""
        limit = services().settings.max_question_chars
        if busy:
            return "The clone is still answering. Wait until it has finished, or stop it."
        if len(text) > limit:
            return (
                f"Your question has {len(text):,} characters, and {limit:,} is the most. "
                "Shorten it, or upload the long part as a file and ask about that."
            )
        return ""

    async def _add_turn(self, rows: list[MessageRow]) -> None:
        """Show one more exchange; now and then all of them join what was read, bounded."""
        turns = await self.get_state(TurnsState)
        if turns._full():
            both = [*self.rows, *turns._rows()]
            self.has_earlier = self.has_earlier or len(both) > PAGE
            self.rows = both[-PAGE:]
            turns._clear()
        turns._add(rows)

    async def _settle(self, message: MessageInfo, thread: ThreadInfo) -> None:
        """Replace the running answer by the stored message; called by the pusher."""
        if message.thread_id != self.thread_id:
            return
        answer = await self.get_state(AnswerState)
        question = [question_row(answer._question_id, answer.question)] if answer.question else []
        row = message_row(message)
        await self._add_turn([*question, row])
        answer._clear()
        self.spoken = row.note or f"{self.clone_name} has answered."
        threads = await self.get_state(ThreadsState)
        threads._put(thread)
        threads.open_id = thread.id

    @rx.event
    async def stop(self) -> None:
        """Stop the running answer; what was said stays."""
        answer = await self.get_state(AnswerState)
        if answer.message_id and answer.message_id != ASKING:
            async with self._reporting():
                await services().chat.stop(self._user_id, answer.message_id)

    @rx.event
    async def show_times(self, message_id: str) -> None:
        """Show where the time of an answer went, or put it away."""
        if self.timed_id == str(message_id):
            self.timed_id, self.timed_spans = "", []
            return
        async with self._reporting():
            message = await asyncio.to_thread(
                services().conversations.message_for, self._user_id, str(message_id)
            )
            self.timed_id, self.timed_spans = message.id, span_rows(message.spans)

    def _watch_of(self, topic: str) -> Watch:
        """Return this tab's watch of `topic`."""
        return Watch(
            topic=topic,
            tab=self.router.session.client_token,
            user_id=self._user_id,
            session_id=self._session_id,
        )
