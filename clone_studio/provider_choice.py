"""Which provider the settings choose, and what each choice depends on."""

import hashlib

from pydantic import SecretStr

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
from clone_studio.providers.speech.elevenlabs import ElevenLabsSpeech
from clone_studio.providers.speech.local import LocalSpeech
from clone_studio.providers.speech.off import NoSpeech, UnusableSpeech
from clone_studio.providers.speech.protocol import SpeechEngine
from clone_studio.services.connections import Makers
from clone_studio.services.events import EventBus, MemoryEventBus
from clone_studio.services.secret import studio_secret
from clone_studio.services.stored_settings import unreadable
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
)
