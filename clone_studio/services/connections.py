"""The services that the studio is connected to: they follow the settings while it runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from clone_studio.errors import InvalidInput, ProviderError, ProviderTimeout
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.llm.protocol import LanguageModel
from clone_studio.providers.speech.protocol import SpeechEngine
from clone_studio.services.knowledge.rebuild import Rebuild
from clone_studio.services.stored_settings import StoredSettings
from clone_studio.services.switching import SwitchedEmbedder, SwitchedModel, SwitchedSpeech
from clone_studio.settings import Settings

logger = logging.getLogger(__name__)

TEST_SECONDS = 12.0
LIST_SECONDS = 6.0
NEARBY_SECONDS = 1.5
# How soon a process follows settings that were entered in another one.
LOOK_SECONDS = 3.0
# Where Ollama listens unless it is told otherwise.
OLLAMA = "http://127.0.0.1:11434/v1"

Inputs = Callable[[Settings], Hashable]


@dataclass(frozen=True)
class Nearby:
    """A model server that was found on this machine, and the models it offers."""

    address: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Makers:
    """How providers are made of settings.

    `model_inputs`, `embedder_inputs` and `speech_inputs` return what of the settings each
    depends on: while that stays the same, so does the provider. `openai_model` and `elevenlabs`
    are the servers of the settings, whoever answers and speaks. `pinecone_check` tries Pinecone
    with vectors of a size; `vector_inputs` decides which vectors are found.
    """

    model: Callable[[Settings], LanguageModel]
    model_inputs: Inputs
    embedder: Callable[[Settings], Embedder]
    embedder_inputs: Inputs
    openai_model: Callable[[Settings], LanguageModel]
    speech: Callable[[Settings], SpeechEngine]
    speech_inputs: Inputs
    elevenlabs: Callable[[Settings], SpeechEngine]
    pinecone_check: Callable[[Settings, int], str]
    vector_inputs: Inputs


class Connections:
    """Changes settings and exchanges the providers that depend on them.

    Args:
        stored: The settings.
        llm: The language model; exchanged where it is a switch.
        embedder: The embedder; exchanged where it is a switch.
        speech_engine: The speech engine; exchanged where it is a switch.
        makers: Make new providers.
        rebuild: Has files embedded again after another embedder was chosen.
        ollama: Where a model server on this machine is looked for.
    """

    def __init__(
        self,
        stored: StoredSettings,
        *,
        llm: LanguageModel,
        embedder: Embedder,
        speech_engine: SpeechEngine,
        makers: Makers,
        rebuild: Rebuild,
        ollama: str = OLLAMA,
    ) -> None:
        self._stored = stored
        self._llm = llm
        self._embedder = embedder
        self._speech_engine = speech_engine
        self._makers = makers
        self._rebuild = rebuild
        self._ollama = ollama
        self._lock = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self._followed: Settings | None = None

    async def change(self, user_id: str, changes: Mapping[str, str | None]) -> int:
        """Store settings and let them hold at once; None or an empty value removes one.

        What runs goes on with the provider it began with. Returns how many files are embedded
        anew because of the change.

        Raises:
            NotFound: The user is not the owner.
            InvalidInput: A value cannot be used; `field` is the setting's name.
            ProviderError: Vectors are kept in an index that takes one length only, and whether
                those of another embedder have it cannot be found out.
        """
        async with self._lock:
            before = await self._before()
            tried = await asyncio.to_thread(self._stored.tried, user_id, changes)
            if _differ(self._makers.embedder_inputs, before, tried):
                await asyncio.to_thread(self._check_embedder, tried)
            await asyncio.to_thread(self._stored.change, user_id, changes)
            return await self._follow(before, await asyncio.to_thread(self._stored.in_force))

    def _check_embedder(self, tried: Settings) -> None:
        """Refuse an embedder whose vectors cannot be kept, before anything is changed for it."""
        embedder = self._makers.embedder(tried)
        try:
            self._rebuild.require_fit(embedder)
        finally:
            embedder.close()

    async def catch_up(self) -> None:
        """Follow what another process has stored since the last look."""
        async with self._lock:
            before = await self._before()
            await asyncio.to_thread(self._stored.refresh)
            now = await asyncio.to_thread(self._stored.in_force)
            if now is not before:
                await self._follow(before, now)

    async def keep_up(self) -> None:
        """Follow other processes from now on, until `close`."""
        await self._before()
        self._following = asyncio.create_task(self._look_for_ever())

    async def close(self) -> None:
        """Follow other processes no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.catch_up()
            except SQLAlchemyError:
                logger.exception("The stored settings could not be read")

    async def _before(self) -> Settings:
        """Return the settings that the providers were made of, as far as is known here.

        They may be older than those in force: a job or a question that met another embedding
        model has read the settings, and has exchanged the embedder alone.
        """
        if self._followed is None:
            self._followed = await asyncio.to_thread(self._stored.in_force)
        return self._followed

    async def _follow(self, before: Settings, now: Settings) -> int:
        self._followed = now
        makers = self._makers
        if isinstance(self._llm, SwitchedModel) and _differ(makers.model_inputs, before, now):
            await self._llm.exchange(makers.model(now))
            logger.info("Answers are written by %s from now on", self._llm.kind)
        speech = self._speech_engine
        if isinstance(speech, SwitchedSpeech) and _differ(makers.speech_inputs, before, now):
            await speech.exchange(makers.speech(now))
            logger.info("Answers are spoken by %s from now on", speech.kind)
        embedder = self._embedder
        if isinstance(embedder, SwitchedEmbedder) and _differ(makers.embedder_inputs, before, now):
            await asyncio.to_thread(embedder.exchange, makers.embedder(now))
        elif not _differ(makers.vector_inputs, before, now):
            return 0
        waiting = await asyncio.to_thread(self._rebuild.begin)
        logger.info("Vectors are made by %s; %d files wait", self._embedder.model, waiting)
        return waiting

    async def test(self, user_id: str, service: str, typed: Mapping[str, str | None]) -> str:
        """Try a service with settings that need not be stored; returns what it answered.

        Args:
            user_id: The owner.
            service: Which one: `openai`, `elevenlabs` or `pinecone`.
            typed: Settings by name, on top of those in force.

        Raises:
            NotFound: The user is not the owner.
            InvalidInput: A value cannot be used, or there is no such service.
            ProviderError: The service does not answer as it should; says why and what to do.
        """
        tests: dict[str, tuple[str, Callable[[Settings], Awaitable[str]]]] = {
            "openai": ("openai_place", self._test_openai),
            "elevenlabs": ("elevenlabs_place", self._test_elevenlabs),
            "pinecone": ("pinecone_place", self._test_pinecone),
        }
        tried = await asyncio.to_thread(self._stored.tried, user_id, typed)
        if service not in tests:
            raise InvalidInput(
                f"There is no service of this name. Known: {', '.join(tests)}.", field="service"
            )
        place, test = tests[service]
        try:
            return await asyncio.wait_for(test(tried), TEST_SECONDS)
        except TimeoutError:
            raise ProviderTimeout(
                f"{getattr(tried, place)} did not answer within {TEST_SECONDS:.0f} seconds. Check "
                "the address, and whether this machine reaches it."
            ) from None

    async def _test_openai(self, tried: Settings) -> str:
        model = self._makers.openai_model(tried)
        try:
            names = await model.models()
        finally:
            await model.close()
        place = tried.openai_place
        count = f"{len(names)} model{'' if len(names) == 1 else 's'}"
        if not names:
            return f"{place} answers, but offers no model that chats. Fetch one there first."
        if tried.chat_model in names:
            return f"{place} answers and offers {count}, {tried.chat_model} among them."
        return (
            f"{place} answers and offers {count}, but not {tried.chat_model}. "
            f"Choose another chat model under Models, such as {names[0]}."
        )

    async def _test_elevenlabs(self, tried: Settings) -> str:
        engine = self._makers.elevenlabs(tried)
        try:
            return await engine.check()
        finally:
            await engine.close()

    async def _test_pinecone(self, tried: Settings) -> str:
        dimension = await asyncio.to_thread(lambda: self._embedder.dimension)
        return await asyncio.to_thread(self._makers.pinecone_check, tried, dimension)

    async def nearby(self, user_id: str) -> Nearby | None:
        """Look for a model server on this machine, to offer it; None where it is of no use.

        It is asked only while no other server is set, and never gets a key.

        Raises:
            NotFound: The user is not the owner.
        """
        now = await asyncio.to_thread(self._stored.tried, user_id, {})
        if now.openai_api_key or now.openai_base_url or self._stored.is_given("STUDIO_LLM"):
            return None
        model = self._makers.openai_model(now.model_copy(update={"openai_base_url": self._ollama}))
        try:
            names = await asyncio.wait_for(model.models(), NEARBY_SECONDS)
        except (ProviderError, TimeoutError):
            return None
        finally:
            await model.close()
        return Nearby(self._ollama, tuple(names)) if names else None

    async def model_names(self) -> list[str]:
        """Return the models that can be chosen at the server in use, best first.

        Raises:
            ProviderError: The server does not tell.
        """
        try:
            return await asyncio.wait_for(self._llm.models(), LIST_SECONDS)
        except TimeoutError:
            raise ProviderTimeout(
                "The model server did not say in time which models it offers. Type the name."
            ) from None


def _differ(inputs: Inputs, before: Settings, now: Settings) -> bool:
    return inputs(before) != inputs(now)
