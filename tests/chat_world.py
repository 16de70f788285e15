"""A studio in which a test decides what the knowledge holds and when the model says what."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from clone_studio import bootstrap
from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.models import Persona, User
from clone_studio.providers.llm.protocol import (
    ChatRequest,
    ChatTurn,
    Finished,
    Kind,
    LanguageModel,
    Quote,
    TextDelta,
)
from clone_studio.services.audit import AuditService
from clone_studio.services.auth import AuthService
from clone_studio.services.chat import ChatService
from clone_studio.services.conversations import MessageInfo
from clone_studio.services.events import EventBus, MemoryEventBus
from clone_studio.services.knowledge import evidence
from clone_studio.services.knowledge.passages import Passage
from clone_studio.services.spans import SpanRecorder
from clone_studio.settings import Settings
from tests.conftest import quick_passwords

OWNER, STRANGER = "owner", "stranger"
VIRTUES = (
    "I made a little book, in which I allotted a page for each of the virtues. "
    "The thirteen virtues begin with temperance: eat not to dullness, drink not to elevation."
)
PRINTING = "My brother had in 1720 or 1721 begun to print a newspaper, the New England Courant."


def passage(number: int, text: str, **values: Any) -> Passage:
    """Return a passage of one page."""
    given: dict[str, Any] = {
        "chunk_id": f"chunk-{number}",
        "file_id": f"file-{number}",
        "file": "franklin.pdf",
        "page": 70 + number,
        "page_label": "",
        "start": 100,
        "end": 100 + len(text),
        "heading": "Autobiography",
        "text": text,
        "score": 1.0 / number,
        "ranks": {},
    }
    return Passage(**given | values)


@dataclass
class Shelf:
    """Knowledge that holds what a test puts there."""

    passages: list[Passage] = field(
        default_factory=lambda: [passage(1, VIRTUES), passage(2, PRINTING)]
    )
    queries: list[str] = field(default_factory=list)
    arriving: int = 0

    def is_arriving(self, persona_id: str) -> bool:
        """Say yes `arriving` times."""
        self.arriving = max(self.arriving - 1, -1)
        return self.arriving >= 0

    def retrieve(
        self, persona_id: str, query: str, *, limit: int = 6, spans: SpanRecorder | None = None
    ) -> list[Passage]:
        self.queries.append(query)
        with (spans or SpanRecorder()).span("retrieve.search"):
            return self.passages[:limit]

    def quotes(self, question: str, passages: Sequence[Passage]) -> tuple[Quote, ...]:
        return evidence.quotes(question, passages, evidence.Weights({}, len(passages)))

    def excerpts(self, question: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        return evidence.excerpts(question, passages, evidence.Weights({}, len(passages)))

    def has_answer(self, question: str, passages: Sequence[Passage]) -> bool:
        return evidence.has_answer(
            question, passages, evidence.Weights({}, len(passages)), likeness=None
        )


class PacedModel:
    """A model that says what a test gives it, when it is given.

    `say` takes text, an error to raise, or a `Finished`.
    """

    kind: Kind = "openai"
    default_model = "paced"

    def __init__(self) -> None:
        self.requests: list[ChatRequest] = []
        self.closed = 0
        self.warmed: list[tuple[ChatTurn, ...]] = []
        self._coming: asyncio.Queue[str | Exception | Finished] = asyncio.Queue()

    def say(self, *what: str | Exception | Finished) -> None:
        for one in what:
            self._coming.put_nowait(one)

    def finish(self) -> None:
        self.say(Finished("stop", 100, 20, "paced-1"))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[TextDelta | Finished, None]:
        self.requests.append(request)
        try:
            while True:
                one = await self._coming.get()
                if isinstance(one, Exception):
                    raise one
                if isinstance(one, Finished):
                    yield one
                    return
                yield TextDelta(one)
        finally:
            self.closed += 1

    async def warm(self, turns: tuple[ChatTurn, ...]) -> None:
        self.warmed.append(turns)

    async def models(self) -> list[str]:
        return [self.default_model]

    async def check(self) -> str:
        return "It answers."


@dataclass
class World:
    """The studio and the parts that a test moves."""

    services: Services
    shelf: Shelf
    persona: Persona

    @property
    def chat(self) -> ChatService:
        return self.services.chat

    def message(self, message_id: str, user_id: str = OWNER) -> MessageInfo:
        return self.services.conversations.message_for(user_id, message_id)

    def attach(self, message_id: str) -> AsyncIterator[dict[str, Any]]:
        return self.chat.attach(OWNER, message_id)

    async def follow(self, message_id: str) -> list[dict[str, Any]]:
        return [event async for event in self.attach(message_id)]

    async def answer(
        self, question: str, thread_id: str | None = None, parent_id: str | None = None
    ) -> MessageInfo:
        """Ask and wait for the end."""
        started = await self.chat.start(OWNER, "ben", question, thread_id, parent_id)
        await self.follow(started.message_id)
        return await asyncio.to_thread(self.message, started.message_id)


def colleague(world: World, llm: LanguageModel, owner: str) -> ChatService:
    """Return the chat of another process of the same studio, by the name in its leases."""
    services = world.services
    return ChatService(
        services.settings,
        services.database,
        events=services.events,
        llm=llm,
        personas=services.personas,
        prompts=services.prompts,
        knowledge=services.knowledge,
        conversations=services.conversations,
        waits=lambda: False,
        owner=owner,
    )


def text_of(events: Sequence[dict[str, Any]]) -> str:
    """Return the text that a reader has got."""
    return "".join(event["text"] for event in events if event["event"] == "token")


def build_world(
    settings: Settings, llm: LanguageModel, *, events: EventBus | None = None, **given: Any
) -> World:
    """Return a studio with two people and the owner's clone "ben"; `given` are services."""
    shelf, database, bus = Shelf(), Database(settings.database_url), events or MemoryEventBus()
    audit = AuditService(database)
    auth = AuthService(database, settings, audit=audit, events=bus, passwords=quick_passwords())
    services = bootstrap.build(
        settings, database=database, events=bus, auth=auth, llm=llm, knowledge=shelf, **given
    )
    with services.database.write() as session:
        for name in (OWNER, STRANGER):
            session.add(User(id=name, email=f"{name}@example.org"))
        session.flush()
        persona = Persona(user_id=OWNER, slug="ben", name="Ben", purpose="Talks about his life")
        session.add(persona)
        session.flush()
        services.prompts.start_from(session, persona.id, "default", OWNER)
    return World(services, shelf, persona)
