"""Which provider the settings choose, and what each choice depends on."""

import hashlib
from collections.abc import Callable

from pydantic import SecretStr

from clone_studio.db import Database
from clone_studio.providers.cache.memory import MemoryCache
from clone_studio.providers.cache.protocol import Cache
from clone_studio.providers.cache.redis import RedisCache
from clone_studio.providers.embeddings.local import LocalEmbedder
from clone_studio.providers.embeddings.openai import OpenAIEmbedder
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.embeddings.unusable import UnusableEmbedder
from clone_studio.providers.events.redis import RedisEventBus
from clone_studio.providers.llm.automatic import AutomaticModel
from clone_studio.providers.llm.local import LocalLanguageModel
from clone_studio.providers.llm.openai import OpenAIModel
from clone_studio.providers.llm.protocol import LanguageModel
from clone_studio.providers.llm.quotes import QuotesModel
from clone_studio.providers.llm.unusable import UnusableModel
from clone_studio.providers.redis_server import RedisServer
from clone_studio.providers.search.pinecone import PineconeVectors
from clone_studio.providers.search.pinecone_service import PineconeService, Place
from clone_studio.providers.search.placed import PlacedVectors
from clone_studio.providers.search.protocol import RemoteVectors, VectorStore
from clone_studio.providers.speech.elevenlabs import ElevenLabsSpeech
from clone_studio.providers.speech.local import LocalSpeech
from clone_studio.providers.speech.off import NoSpeech, UnusableSpeech
from clone_studio.providers.speech.protocol import SpeechEngine
from clone_studio.services.connections import Makers
from clone_studio.services.embedder_source import SettingsSource
from clone_studio.services.events import EventBus, MemoryEventBus
from clone_studio.services.jobs import JobQueue
from clone_studio.services.secret import studio_secret
from clone_studio.services.stored_settings import StoredSettings, unreadable
from clone_studio.services.sweeping import request_sweep
from clone_studio.settings import UNREADABLE, Settings


def language_model(settings: Settings) -> LanguageModel:
    """Return the model that `settings` choose."""
    if settings.uses_openai_llm:
        return openai_model(settings)
    if settings.llm == "quotes":
        return QuotesModel()
    local = LocalLanguageModel(
        settings.local_models_dir, message_seconds=settings.llm_timeout_seconds
    )
    return local if settings.llm == "local" else AutomaticModel(local, QuotesModel())


def openai_model(settings: Settings) -> LanguageModel:
    """Return the model behind the OpenAI-protocol server of `settings`."""
    if settings.openai_api_key == UNREADABLE:
        return UnusableModel(settings.chat_model, unreadable("OPENAI_API_KEY"))
    return OpenAIModel(settings)


def model_inputs(settings: Settings) -> tuple[object, ...]:
    """Return what `language_model` depends on."""
    if not settings.uses_openai_llm:
        return (settings.llm,)
    return settings.openai_api_key, settings.openai_base_url, settings.chat_model


def text_embedder(settings: Settings) -> Embedder:
    """Return the embedder that `settings` choose."""
    if not settings.uses_openai_embeddings:
        return LocalEmbedder(settings.local_models_dir)
    if settings.openai_api_key == UNREADABLE:
        return UnusableEmbedder(settings.embedding_model, unreadable("OPENAI_API_KEY"))
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    return OpenAIEmbedder(
        api_key=key, base_url=settings.openai_base_url, model=settings.embedding_model
    )


def embedder_inputs(settings: Settings) -> tuple[object, ...]:
    """Return what `text_embedder` depends on."""
    if not settings.uses_openai_embeddings:
        return ("local",)
    return settings.openai_api_key, settings.openai_base_url, settings.embedding_model


def embedder_source(stored: StoredSettings, embedder: Embedder) -> SettingsSource:
    """Return what makes embedders of the stored settings again, beside the one in use."""
    return SettingsSource(stored, embedder=embedder, make=text_embedder, inputs=embedder_inputs)


def speech_engine(settings: Settings) -> SpeechEngine:
    """Return the speech engine that `settings` choose."""
    if settings.speech == "off":
        return NoSpeech()
    return elevenlabs(settings) if settings.uses_elevenlabs else local_speech(settings)


def elevenlabs(settings: Settings) -> SpeechEngine:
    """Return the ElevenLabs of `settings`."""
    if settings.elevenlabs_api_key == UNREADABLE:
        return UnusableSpeech(unreadable("ELEVENLABS_API_KEY"))
    return ElevenLabsSpeech(settings)


def local_speech(settings: Settings) -> LocalSpeech:
    """Return the speech engine of this machine."""
    return LocalSpeech(settings.local_models_dir, default_voice=settings.default_voice_id)


def spare_speech(settings: Settings, local: LocalSpeech) -> SpeechEngine | None:
    """Return who speaks where ElevenLabs cannot: nobody, if the settings ask for it alone."""
    may = settings.speech == "auto" and settings.uses_elevenlabs and local.is_there
    return local if may else None


def speech_inputs(settings: Settings) -> tuple[object, ...]:
    """Return what `speech_engine` depends on."""
    if settings.speech == "off":
        return ("off",)
    if not settings.uses_elevenlabs:
        return "local", settings.default_voice_id
    return (
        settings.elevenlabs_api_key,
        settings.elevenlabs_base_url,
        settings.speech_model,
        settings.default_voice_id,
    )


def remote_vectors(
    database: Database, settings: Callable[[], Settings], jobs: JobQueue
) -> RemoteVectors:
    """Return where vectors may be kept elsewhere."""
    return PineconeVectors(database, settings, sweep=lambda *at: request_sweep(jobs, *at))


def placed_vectors(
    database: Database, rows: VectorStore, remote: RemoteVectors, settings: Callable[[], Settings]
) -> VectorStore:
    """Return both stores as one, whose new vectors go where the settings in force say."""
    return PlacedVectors(database, rows, remote, goes_elsewhere=lambda: settings().uses_pinecone)


def pinecone_check(settings: Settings, dimension: int) -> str:
    """Return one sentence saying that the Pinecone of `settings` takes vectors of this size.

    Raises:
        ProviderError: It does not; with what mends it.
    """
    service = PineconeService(Place.of(settings))
    try:
        return service.check(dimension)
    finally:
        service.close()


def vector_inputs(settings: Settings) -> tuple[object, ...]:
    """Return what decides where vectors are kept and which of them can be searched."""
    return settings.uses_pinecone, settings.pinecone_api_key, settings.pinecone_index


def waits_for_services(settings: Settings) -> bool:
    """Say whether making a prompt mostly waits for services elsewhere."""
    return settings.uses_openai_embeddings or settings.uses_pinecone


def speech_account(settings: Settings) -> str:
    """Return what tells apart whose voices `speech_engine` has, without telling a key."""
    shown = [
        one.get_secret_value() if isinstance(one, SecretStr) else one
        for one in speech_inputs(settings)
    ]
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def redis_server(settings: Settings) -> RedisServer | None:
    """Return the Redis of `settings`, None without one."""
    if settings.redis_url is None:
        return None
    return RedisServer(
        settings.redis_url, place=settings.redis_place, secret=lambda: studio_secret(settings)
    )


def cache(redis: RedisServer | None) -> Cache:
    """Return the cache in `redis`, or in memory without one."""
    return MemoryCache() if redis is None else RedisCache(redis)


def event_bus(redis: RedisServer | None) -> EventBus:
    """Return the bus through `redis`, or the one of a single process without one."""
    return MemoryEventBus() if redis is None else RedisEventBus(redis)


MAKERS = Makers(
    model=language_model,
    model_inputs=model_inputs,
    embedder=text_embedder,
    embedder_inputs=embedder_inputs,
    openai_model=openai_model,
    speech=speech_engine,
    speech_inputs=speech_inputs,
    elevenlabs=elevenlabs,
    pinecone_check=pinecone_check,
    vector_inputs=vector_inputs,
)
