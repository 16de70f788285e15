"""Threads and messages: the one way to reach them, paged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Session, and_, col, select

from clone_studio.db import Database, utc_now
from clone_studio.errors import InvalidInput, NotFound
from clone_studio.models import Conversation, Message, Persona
from clone_studio.services.personas import persona_row

PAGE_LIMIT = 200
TITLE_CHARS = 120
AUTO_TITLE_CHARS = 60
UNTITLED = "New thread"
GONE = "There is no such thread here. It may have been deleted."


@dataclass(frozen=True)
class ThreadInfo:
    """A thread as lists show it."""

    id: str
    persona_id: str
    persona_name: str
    title: str
    created_at: datetime
    last_message_at: datetime
    message_count: int
    persona_slug: str = ""


@dataclass(frozen=True)
class MessageInfo:
    """One turn; `citations`, `usage` and `spans` have the JSON shapes of the API.

    `attempts` counts how often the writing of an answer was begun.
    """

    id: str
    thread_id: str
    parent_id: str | None
    role: str
    content: str
    state: str
    error: str | None
    model: str
    citations: Sequence[Mapping[str, Any]]
    proof: Mapping[str, Any] | None
    usage: Mapping[str, Any]
    spans: Sequence[Mapping[str, Any]]
    created_at: datetime
    error_code: str | None = None
    attempts: int = 0


@dataclass(frozen=True)
class ThreadPage:
    """Threads, the last active first."""

    threads: tuple[ThreadInfo, ...]
    has_more: bool


@dataclass(frozen=True)
class MessagePage:
    """Messages of one thread, oldest first; `has_more` tells of earlier ones."""

    messages: tuple[MessageInfo, ...]
    has_more: bool


class ConversationService:
    """Threads of all users, each reached only by the one who began it.

    Args:
        database: Where threads are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, user_id: str, ref: str) -> ThreadInfo:
        """Begin an empty thread with the clone `ref` (slug or id).

        Raises:
            NotFound: There is no such clone of this user.
        """
        with self._database.write() as session:
            persona = persona_row(session, user_id, ref)
            thread = Conversation(persona_id=persona.id, user_id=user_id)
            session.add(thread)
            session.flush()
            return _thread_info(thread, persona, 0)

    def get_for(self, user_id: str, thread_id: str) -> ThreadInfo:
        """Return a thread.

        Raises:
            NotFound: Absent, deleted or somebody else's.
        """
        with self._database.read() as session:
            return _infos(session, [thread_row(session, user_id, thread_id)])[0]

    def list_for(
        self, user_id: str, ref: str | None = None, limit: int = 20, before: str | None = None
    ) -> ThreadPage:
        """Return the user's threads, the last active first.

        Args:
            user_id: Whose threads.
            ref: Only those with this clone (slug or id).
            limit: Threads a page, at most `PAGE_LIMIT`.
            before: Id of the last thread of the page before, or a moment in ISO 8601.

        Raises:
            NotFound: `ref` is no clone of this user, or `before` no thread of theirs.
        """
        count = _bounded(limit)
        mine: list[Any] = [Conversation.user_id == user_id, col(Conversation.deleted_at).is_(None)]
        with self._database.read() as session:
            if ref is not None:
                mine.append(Conversation.persona_id == persona_row(session, user_id, ref).id)
            if before is not None:
                mine.append(_earlier(session, user_id, before))
            rows = session.exec(
                select(Conversation)
                .where(*mine)
                .order_by(col(Conversation.last_message_at).desc(), col(Conversation.id).desc())
                .limit(count + 1)
            ).all()
            return ThreadPage(tuple(_infos(session, rows[:count])), len(rows) > count)

    def messages(
        self, user_id: str, thread_id: str, limit: int = 50, before: str | None = None
    ) -> MessagePage:
        """Return the newest messages of a thread, or those before a message, oldest first.

        Raises:
            NotFound: The thread or the message `before` is not there.
        """
        count = _bounded(limit)
        with self._database.read() as session:
            thread_row(session, user_id, thread_id)
            wanted = [Message.thread_id == thread_id]
            if before is not None:
                wanted.append(_above(session, thread_id, before))
            rows = session.exec(
                select(Message)
                .where(*wanted)
                .order_by(col(Message.created_at).desc(), col(Message.id).desc())
                .limit(count + 1)
            ).all()
            shown = tuple(message_info(row) for row in reversed(rows[:count]))
            return MessagePage(shown, len(rows) > count)

    def message_for(self, user_id: str, message_id: str, ref: str | None = None) -> MessageInfo:
        """Return one message; with `ref`, only one of a thread with that clone.

        Raises:
            NotFound: Absent, in a deleted thread or somebody else's.
        """
        with self._database.read() as session:
            mine: list[Any] = [
                Message.id == message_id,
                Conversation.user_id == user_id,
                col(Conversation.deleted_at).is_(None),
            ]
            if ref is not None:
                mine.append(Conversation.persona_id == persona_row(session, user_id, ref).id)
            row = session.exec(
                select(Message)
                .join(Conversation, col(Conversation.id) == Message.thread_id)
                .where(*mine)
            ).first()
            if row is None:
                raise NotFound("There is no such message here. It may have been deleted.")
            return message_info(row)

    def rename(self, user_id: str, thread_id: str, title: str) -> ThreadInfo:
        """Give a thread another title.

        Raises:
            InvalidInput: The title is empty or too long.
            NotFound: There is no such thread.
        """
        words = " ".join(title.split())
        if not words:
            raise InvalidInput("A thread needs a title. Type one.", field="title")
        if len(words) > TITLE_CHARS:
            raise InvalidInput(
                f"The title has {len(words)} characters, and {TITLE_CHARS} is the most.",
                field="title",
            )
        with self._database.write() as session:
            row = thread_row(session, user_id, thread_id, lock=True)
            row.title = words
            return _infos(session, [row])[0]

    def delete(self, user_id: str, thread_id: str) -> None:
        """Delete a thread; `restore` brings it back."""
        with self._database.write() as session:
            thread_row(session, user_id, thread_id, lock=True).deleted_at = utc_now()

    def restore(self, user_id: str, thread_id: str) -> ThreadInfo:
        """Bring a deleted thread back; one that is not deleted stays as it is."""
        with self._database.write() as session:
            row = thread_row(session, user_id, thread_id, deleted_too=True, lock=True)
            row.deleted_at = None
            return _infos(session, [row])[0]

    def last_active(self, user_id: str, ref: str) -> str | None:
        """Return the id of the thread with this clone that was used last, None without any."""
        threads = self.list_for(user_id, ref, limit=1).threads
        return threads[0].id if threads else None


def thread_row(
    session: Session,
    user_id: str,
    thread_id: str,
    *,
    deleted_too: bool = False,
    lock: bool = False,
) -> Conversation:
    """Return the row of this user's thread: the one access rule.

    With `lock` no other transaction changes it, or adds to it, until the end of this one.

    Raises:
        NotFound: Absent, somebody else's, or deleted unless `deleted_too`.
    """
    row = session.get(Conversation, thread_id, with_for_update=lock or None)
    if row is None or row.user_id != user_id or (row.deleted_at and not deleted_too):
        raise NotFound(GONE)
    return row


def title_of(text: str) -> str:
    """Return a title made of the first words of a message, cut between words."""
    words = " ".join(text.split())
    if len(words) <= AUTO_TITLE_CHARS:
        return words
    cut = words[: AUTO_TITLE_CHARS - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,;:") + "…"


def message_info(row: Message) -> MessageInfo:
    """Return a message row as the dataclass that pages and API see."""
    return MessageInfo(**row.model_dump(include=set(MessageInfo.__dataclass_fields__)))


def _infos(session: Session, rows: Sequence[Conversation]) -> list[ThreadInfo]:
    """Return the dataclasses of `rows` with two queries for all of them."""
    ids = [row.id for row in rows]
    counts: dict[str, int] = dict(
        session.exec(
            select(Message.thread_id, func.count())
            .where(col(Message.thread_id).in_(ids))
            .group_by(Message.thread_id)
        ).all()
    )
    wanted = {row.persona_id for row in rows}
    personas = {
        one.id: one
        for one in session.exec(select(Persona).where(col(Persona.id).in_(wanted))).all()
    }
    return [_thread_info(row, personas[row.persona_id], counts.get(row.id, 0)) for row in rows]


def _thread_info(row: Conversation, persona: Persona, count: int) -> ThreadInfo:
    return ThreadInfo(
        id=row.id,
        persona_id=persona.id,
        persona_name=persona.name,
        persona_slug=persona.slug,
        title=row.title or UNTITLED,
        created_at=row.created_at,
        last_message_at=row.last_message_at,
        message_count=count,
    )


def _bounded(limit: int) -> int:
    return max(1, min(limit, PAGE_LIMIT))


def _earlier(session: Session, user_id: str, before: str) -> Any:
    """Return the condition for threads after `before` in the list, which runs back in time."""
    try:
        moment = datetime.fromisoformat(before)
    except ValueError:
        row = thread_row(session, user_id, before, deleted_too=True)
        return or_(
            col(Conversation.last_message_at) < row.last_message_at,
            and_(
                col(Conversation.last_message_at) == row.last_message_at,
                col(Conversation.id) < row.id,
            ),
        )
    if moment.tzinfo is None:
        raise InvalidInput("This moment has no time zone. Add one, such as Z.", field="before")
    return col(Conversation.last_message_at) < moment


def _above(session: Session, thread_id: str, before: str) -> Any:
    row = session.get(Message, before)
    if row is None or row.thread_id != thread_id:
        raise NotFound("There is no such message in this thread.")
    return or_(
        col(Message.created_at) < row.created_at,
        and_(col(Message.created_at) == row.created_at, col(Message.id) < row.id),
    )
