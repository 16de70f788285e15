"""A studio with Redis: what its processes share, and that it goes on when Redis does not."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pydantic import SecretStr

from clone_studio import bootstrap
from clone_studio.db import Database
from clone_studio.errors import NotFound, NotSignedIn, TooManyRequests
from clone_studio.providers.cache.redis import RedisCache
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.providers.events.redis import RedisEventBus
from clone_studio.services.audit import AuditService
from clone_studio.services.auth import AuthService
from clone_studio.services.events import GAP, MemoryEventBus
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.services.speech import SpeechService
from clone_studio.services.voices import VoiceService
from clone_studio.settings import Settings
from tests.chat_world import OWNER, STRANGER, PacedModel, World, build_world, text_of
from tests.conftest import OWNER_EMAIL, OWNER_PASSWORD, quick_passwords
from tests.knowledge.embedder import WordVectors
from tests.knowledge.shelves import Shelves
from tests.servers.redis_server import RedisProcess, server_at
from tests.services.test_speech import Parrot
from tests.services.test_voices import VOICES, Choir

# Long beside the 50 ms that Redis may cost, short beside any time-out.
BOUND_SECONDS = 10.0


@pytest.fixture
def process(redis_process: RedisProcess) -> Iterator[Callable[[], RedisCache]]:
    """Make the cache of one more process. A busy machine may delay Redis: it has patience."""
    with ExitStack() as opened:

        def make() -> RedisCache:
            cache = RedisCache(server_at(redis_process.url), patience=10)
            opened.callback(cache.close)
            return cache

        yield make


def settle(cache: RedisCache) -> None:
    """Wait until what was set is there for other processes: the answer comes after it."""
    cache.get("ready:yes")


@pytest.fixture
def with_redis(settings: Settings, redis_process: RedisProcess) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(redis_process.url)})


class Counted(WordVectors):
    """Counts the questions that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[str] = []

    def embed_query(self, text: str) -> Vectors:
        self.questions.append(text)
        return super().embed_query(text)


def test_a_question_is_embedded_once_for_all_processes(
    shelves: Shelves, process: Callable[[], RedisCache]
) -> None:
    shelves.add("order.txt", b"Let all your things have their places.")
    embedder = Counted()
    caches = process(), process()
    here, there = (
        Retriever(shelves.database, index=shelves.index, embedder=embedder, cache=cache)
        for cache in caches
    )
    found = here.retrieve("franklin", "Where do  things have their places?")
    settle(caches[0])
    again = there.retrieve("franklin", " Where do things have\ntheir places? ")
    assert embedder.questions == ["Where do things have their places?"]
    assert found == again
    assert found[0].ranks["vector"] == 1
    there.retrieve("franklin", "Where do things have no places?")
    assert len(embedder.questions) == 2
    other = Counted()
    other.model = "another"
    third = Retriever(shelves.database, index=shelves.index, embedder=other, cache=process())
    third.retrieve("emerson", "Where do things have their places?")
    assert len(other.questions) == 1


def test_what_the_cache_holds_instead_of_a_vector_is_not_used(
    shelves: Shelves, process: Callable[[], RedisCache], redis_process: RedisProcess
) -> None:
    shelves.add("order.txt", b"Let all your things have their places.")
    embedder = Counted()

    def ask() -> int | None:
        cache = process()
        made = Retriever(shelves.database, index=shelves.index, embedder=embedder, cache=cache)
        found = made.retrieve("franklin", "Which places?")
        settle(cache)
        return found[0].ranks["vector"]

    assert ask() == 1
    with redis_process.client() as client:
        (key,) = client.keys("*:query:*")
        for wrong in (b"", b"abc", b"\x00\x00\xc0\x7f" * 96):
            client.set(key, wrong)
            assert ask() == 1
    assert len(embedder.questions) == 4


async def test_a_list_of_voices_asked_for_anew_is_new_for_all_processes(
    settings: Settings, process: Callable[[], RedisCache]
) -> None:
    choir, world = Choir(), build_world(settings, PacedModel())
    account = ["one"]

    caches = process(), process()

    def service(cache: RedisCache) -> VoiceService:
        return VoiceService(
            choir,
            personas=world.services.personas,
            usage=world.services.speech_usage,
            default_voice_id=lambda: "polly",
            cache=cache,
            account=lambda: account[0],
        )

    here, there = (service(cache) for cache in caches)
    assert await here.listing() == VOICES
    await asyncio.to_thread(settle, caches[0])
    assert await there.listing() == VOICES
    assert choir.lists == 1
    await there.listing(again=True)
    await asyncio.to_thread(settle, caches[1])
    await here.listing()
    assert choir.lists == 2
    account[0] = "another key"
    await here.listing()
    assert choir.lists == 3, "another account has other voices"
    world.services.database.dispose()


def test_guesses_in_two_processes_count_together(
    settings: Settings, database: Database, process: Callable[[], RedisCache]
) -> None:
    def service() -> AuthService:
        return AuthService(
            database,
            settings,
            audit=AuditService(database),
            events=MemoryEventBus(),
            cache=process(),
            passwords=quick_passwords(),
        )

    here, there = service(), service()
    here.ensure_owner()
    for auth in (here, there, here, there, here):
        with pytest.raises(NotSignedIn):
            auth.sign_in(OWNER_EMAIL, "wrong", "10.0.0.1")
    for auth in (here, there):
        with pytest.raises(TooManyRequests):
            auth.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "10.0.0.1")
    there.sign_in(OWNER_EMAIL, OWNER_PASSWORD, "10.0.0.2")


@pytest.fixture
def world(with_redis: Settings, redis_process: RedisProcess) -> Iterator[World]:
    """A studio that has chosen Redis by its settings."""
    bus = RedisEventBus(server_at(redis_process.url))
    made = build_world(with_redis, PacedModel(), events=bus)
    yield made
    made.services.events.close()
    made.services.cache.close()
    made.services.database.dispose()


async def ask(world: World, question: str) -> str:
    model = world.services.llm
    assert isinstance(model, PacedModel)
    model.say("It goes on.")
    model.finish()
    started = await world.chat.start(OWNER, "ben", question)
    return text_of(await world.follow(started.message_id))


@pytest.mark.parametrize("trouble", [RedisProcess.pause, RedisProcess.kill])
async def test_questions_and_sign_ins_go_on_while_redis_does_not(
    world: World, redis_process: RedisProcess, trouble: Callable[[RedisProcess], None]
) -> None:
    assert await ask(world, "How are you?") == "It goes on."
    trouble(redis_process)
    began = time.monotonic()
    for number in range(5):
        assert await ask(world, f"And now, {number}?") == "It goes on."
    world.services.auth.ensure_owner()
    for _ in range(3):
        await asyncio.to_thread(
            world.services.auth.sign_in, OWNER_EMAIL, OWNER_PASSWORD, "10.0.0.1"
        )
    assert time.monotonic() - began < BOUND_SECONDS
    await world.chat.close()


async def test_studios_with_the_same_settings_hear_each_other(with_redis: Settings) -> None:
    here, there = bootstrap.build(with_redis), bootstrap.build(with_redis)
    assert here.cache.shared
    async with asyncio.timeout(20), there.events.subscribe("persona:", GAP) as subscription:
        events = aiter(subscription)
        assert await anext(events) == (GAP, {"type": "gap"})
        here.events.publish("persona:1", {"type": "persona_deleted"})
        assert await anext(events) == ("persona:1", {"type": "persona_deleted"})
    for studio in (here, there):
        await asyncio.to_thread(studio.events.close)
        studio.cache.close()
        studio.database.dispose()


async def test_a_text_that_one_process_was_given_is_heard_at_another(
    settings: Settings, model: PacedModel, process: Callable[[], RedisCache]
) -> None:
    world = build_world(settings, model, speech_engine=Parrot())

    def speech() -> tuple[SpeechService, RedisCache]:
        cache, studio = process(), world.services
        return SpeechService(
            studio.database,
            engine=studio.speech_engine,
            spare=lambda: None,
            chat=studio.chat,
            conversations=studio.conversations,
            usage=studio.speech_usage,
            default_voice_id=lambda: "ann",
            cache=cache,
        ), cache

    (one, cache), (other, _) = speech(), speech()
    clip_id = await one.clip_of_text(OWNER, "ben", "Hello there.")
    await asyncio.to_thread(settle, cache)
    clip = await other.open(OWNER, clip_id)
    assert b"".join([piece async for piece in clip.read()]) == b"<ann:Hello there.>"
    with pytest.raises(NotFound):
        await other.open(STRANGER, clip_id)
    with pytest.raises(NotFound):
        await other.open(OWNER, f"t{'0' * 40}")
    for studio in (one, other):
        await studio.close()
    await world.chat.close()
    world.services.database.dispose()
