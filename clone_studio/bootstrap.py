"""The composition of the studio: which service is given what."""

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

from clone_studio.db import Database
from clone_studio.provider_choice import (
    MAKERS,
    cache,
    embedder_source,
    event_bus,
    language_model,
    local_speech,
    placed_vectors,
    redis_server,
    remote_vectors,
    spare_speech,
    speech_account,
    speech_engine,
    text_embedder,
    waits_for_services,
)
from clone_studio.providers.cache.protocol import Cache
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.files.disk import DiskFileStore
from clone_studio.providers.files.protocol import FileStore
from clone_studio.providers.llm.protocol import LanguageModel
from clone_studio.providers.local_models import LocalModels
from clone_studio.providers.redis_server import RedisServer
from clone_studio.providers.search.database import DatabaseSearchIndex, own_store
from clone_studio.providers.search.protocol import RemoteVectors, SearchIndex, VectorStore
from clone_studio.providers.speech.local import LocalSpeech
from clone_studio.providers.speech.protocol import SpeechEngine
from clone_studio.services.account import AccountService
from clone_studio.services.audit import AuditService
from clone_studio.services.auth import AuthService
from clone_studio.services.chat import ChatService
from clone_studio.services.connections import Connections
from clone_studio.services.conversations import ConversationService
from clone_studio.services.embedder_source import SettingsSource
from clone_studio.services.events import EventBus
from clone_studio.services.files import FileService
from clone_studio.services.guide import GuideService
from clone_studio.services.health import HealthService
from clone_studio.services.installing import ModelInstaller
from clone_studio.services.jobs import JobQueue
from clone_studio.services.knowledge.ingest import Ingester
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.services.moving import VectorMover
from clone_studio.services.personas import PersonaService
from clone_studio.services.prompt_drafts import PromptDraftService
from clone_studio.services.prompt_preview import PromptPreviewService
from clone_studio.services.prompt_versions import PromptVersionService
from clone_studio.services.prompts import PromptService
from clone_studio.services.rebuilding import Rebuilding
from clone_studio.services.speech import SpeechService
from clone_studio.services.speech_usage import SpeechUsageService
from clone_studio.services.stored_settings import StoredSettings
from clone_studio.services.sweeping import Sweeper
from clone_studio.services.switching import SwitchedEmbedder, SwitchedModel, SwitchedSpeech
from clone_studio.services.templates import TemplateCatalog
from clone_studio.services.voices import VoiceService
from clone_studio.settings import Settings, get_settings


@dataclass(frozen=True)
class Services:
    """Everything a page, a route or a worker may use.

    `settings` is what the environment says, `stored.in_force()` what holds with those entered.
    """

    settings: Settings
    stored: StoredSettings
    connections: Connections
    database: Database
    events: EventBus
    cache: Cache
    llm: LanguageModel
    embedder: Embedder
    speech_engine: SpeechEngine
    local_speech: LocalSpeech
    index: SearchIndex
    remote_vectors: RemoteVectors
    sweeper: Sweeper
    mover: VectorMover
    store: FileStore
    auth: AuthService
    account: AccountService
    audit: AuditService
    personas: PersonaService
    prompts: PromptService
    prompt_versions: PromptVersionService
    prompt_drafts: PromptDraftService
    prompt_preview: PromptPreviewService
    templates: TemplateCatalog
    files: FileService
    knowledge: Retriever
    ingester: Ingester
    rebuilding: Rebuilding
    jobs: JobQueue
    chat: ChatService
    conversations: ConversationService
    speech: SpeechService
    speech_usage: SpeechUsageService
    voices: VoiceService
    guide: GuideService
    health: HealthService
    local_models: LocalModels
    installer: ModelInstaller


class _Build:
    """Makes each service when the first other one needs it; what is given is not made."""

    def __init__(self, settings: Settings, given: dict[str, Any]) -> None:
        self.settings = settings
        # A cached property looks here first.
        self.__dict__.update(given)

    @cached_property
    def database(self) -> Database:
        return Database(self.settings.database_url)

    @cached_property
    def events(self) -> EventBus:
        return event_bus(self._redis)

    @cached_property
    def cache(self) -> Cache:
        return cache(self._redis)

    @cached_property
    def _redis(self) -> RedisServer | None:
        return redis_server(self.settings)

    @cached_property
    def stored(self) -> StoredSettings:
        return StoredSettings(self.database, self.settings, audit=self.audit)

    @cached_property
    def connections(self) -> Connections:
        return Connections(
            self.stored,
            llm=self.llm,
            embedder=self.embedder,
            speech_engine=self.speech_engine,
            makers=MAKERS,
            rebuild=self.ingester.rebuild,
        )

    # Made when first used: what is stored cannot be read before the database has its schema.
    @cached_property
    def llm(self) -> LanguageModel:
        return SwitchedModel(lambda: language_model(self.stored.in_force()))

    @cached_property
    def embedder(self) -> Embedder:
        return SwitchedEmbedder(lambda: text_embedder(self.stored.in_force()))

    @cached_property
    def _source(self) -> SettingsSource:
        return embedder_source(self.stored, self.embedder)

    @cached_property
    def rebuilding(self) -> Rebuilding:
        return Rebuilding(self.ingester.rebuild, self.stored, self._source, self.connections)

    @cached_property
    def speech_engine(self) -> SpeechEngine:
        return SwitchedSpeech(lambda: speech_engine(self.stored.in_force()))

    @cached_property
    def local_speech(self) -> LocalSpeech:
        return local_speech(self.settings)

    @cached_property
    def speech_usage(self) -> SpeechUsageService:
        return SpeechUsageService(self.database)

    @cached_property
    def speech(self) -> SpeechService:
        return SpeechService(
            self.database,
            engine=self.speech_engine,
            spare=lambda: spare_speech(self.stored.in_force(), self.local_speech),
            chat=self.chat,
            conversations=self.conversations,
            usage=self.speech_usage,
            default_voice_id=lambda: self.stored.in_force().default_voice_id,
            cache=self.cache,
        )

    @cached_property
    def voices(self) -> VoiceService:
        return VoiceService(
            self.speech_engine,
            personas=self.personas,
            usage=self.speech_usage,
            cache=self.cache,
            account=lambda: speech_account(self.stored.in_force()),
            default_voice_id=lambda: self.stored.in_force().default_voice_id,
        )

    @cached_property
    def index(self) -> SearchIndex:
        places = self._row_vectors, self.remote_vectors
        vectors = placed_vectors(self.database, *places, self.stored.in_force)
        return DatabaseSearchIndex(self.database, vectors)

    @cached_property
    def _row_vectors(self) -> VectorStore:
        return own_store(self.database)

    @cached_property
    def remote_vectors(self) -> RemoteVectors:
        return remote_vectors(self.database, self.stored.in_force, self.jobs)

    @cached_property
    def sweeper(self) -> Sweeper:
        made = Sweeper(self.database, vectors=self.remote_vectors, jobs=self.jobs)
        made.register()
        return made

    @cached_property
    def mover(self) -> VectorMover:
        return VectorMover(self.database, rows=self._row_vectors, remote=self.remote_vectors)

    @cached_property
    def store(self) -> FileStore:
        return DiskFileStore(self.settings.data_dir / "files")

    @cached_property
    def audit(self) -> AuditService:
        return AuditService(self.database)

    @cached_property
    def auth(self) -> AuthService:
        return AuthService(
            self.database, self.settings, audit=self.audit, events=self.events, cache=self.cache
        )

    @cached_property
    def account(self) -> AccountService:
        return AccountService(self.database, audit=self.audit, events=self.events)

    @cached_property
    def templates(self) -> TemplateCatalog:
        return TemplateCatalog()

    @cached_property
    def prompts(self) -> PromptService:
        return PromptService(self.database, self.templates)

    @cached_property
    def prompt_versions(self) -> PromptVersionService:
        return PromptVersionService(
            self.database, templates=self.templates, audit=self.audit, events=self.events
        )

    @cached_property
    def prompt_drafts(self) -> PromptDraftService:
        return PromptDraftService(self.database)

    @cached_property
    def prompt_preview(self) -> PromptPreviewService:
        return PromptPreviewService(self.database, self.prompts)

    @cached_property
    def jobs(self) -> JobQueue:
        return JobQueue(self.database)

    @cached_property
    def personas(self) -> PersonaService:
        return PersonaService(
            self.database,
            prompts=self.prompts,
            templates=self.templates,
            store=self.store,
            index=self.index,
            jobs=self.jobs,
            audit=self.audit,
            events=self.events,
        )

    @cached_property
    def files(self) -> FileService:
        return FileService(
            self.database,
            personas=self.personas,
            store=self.store,
            index=self.index,
            jobs=self.jobs,
            events=self.events,
            max_bytes=self.settings.max_file_bytes,
        )

    @cached_property
    def ingester(self) -> Ingester:
        made = Ingester(
            self.database,
            store=self.store,
            index=self.index,
            embedder=self.embedder,
            jobs=self.jobs,
            events=self.events,
            seconds=self.settings.max_ingest_seconds,
            source=self._source,
        )
        made.register()
        return made

    @cached_property
    def knowledge(self) -> Retriever:
        return Retriever(
            self.database,
            index=self.index,
            embedder=self.embedder,
            source=self._source,
            cache=self.cache,
        )

    @cached_property
    def conversations(self) -> ConversationService:
        return ConversationService(self.database)

    @cached_property
    def chat(self) -> ChatService:
        return ChatService(
            self.settings,
            self.database,
            events=self.events,
            llm=self.llm,
            personas=self.personas,
            prompts=self.prompts,
            knowledge=self.knowledge,
            conversations=self.conversations,
            waits=lambda: waits_for_services(self.stored.in_force()),
        )

    @cached_property
    def guide(self) -> GuideService:
        return GuideService(
            self.database, personas=self.personas, files=self.files, audit=self.audit
        )

    @cached_property
    def health(self) -> HealthService:
        return HealthService(
            self.stored,
            self.database,
            cache=self.cache,
            llm=self.llm,
            embedder=self.embedder,
            speech_engine=self.speech_engine,
            rebuild=self.ingester.rebuild,
            vectors=self.remote_vectors,
        )

    @cached_property
    def local_models(self) -> LocalModels:
        return LocalModels(self.settings.local_models_dir)

    @cached_property
    def installer(self) -> ModelInstaller:
        return ModelInstaller(self.local_models, self.database, audit=self.audit)


def build(settings: Settings, **given: Any) -> Services:
    """Build the services for `settings`. Nothing is opened, fetched or started by this.

    Args:
        settings: Which providers to use, and every limit.
        given: Fields of `Services` to use instead of what would be built, such as `llm`.
    """
    parts = _Build(settings, given)
    return Services(**{one.name: getattr(parts, one.name) for one in fields(Services)})


class _Current:
    """Holds what `override` put in place of the process's own services."""

    override: Services | None = None


@lru_cache(maxsize=1)
def _process_services() -> Services:
    return build(get_settings())


def services() -> Services:
    """Return the services of this process, built at the first call."""
    return _Current.override or _process_services()


def override(replacement: Services | None) -> None:
    """Use `replacement` instead of the process's own services; None ends that. For tests."""
    _Current.override = replacement
