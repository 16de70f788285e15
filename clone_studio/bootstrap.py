"""The composition of the studio: the only place that picks real providers from settings."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clone_studio.db import Database
from clone_studio.services.audit import AuditService
from clone_studio.services.events import EventBus, MemoryEventBus
from clone_studio.settings import Settings, get_settings

if TYPE_CHECKING:
    from clone_studio.providers.embeddings.protocol import Embedder
    from clone_studio.providers.files.protocol import FileStore
    from clone_studio.providers.llm.protocol import LanguageModel
    from clone_studio.providers.search.protocol import SearchIndex
    from clone_studio.services.account import AccountService
    from clone_studio.services.auth import AuthService
    from clone_studio.services.chat import ChatService
    from clone_studio.services.conversations import ConversationService
    from clone_studio.services.files import FileService
    from clone_studio.services.guide import GuideService
    from clone_studio.services.health import HealthService
    from clone_studio.services.jobs import JobQueue
    from clone_studio.services.knowledge.retrieve import Retriever
    from clone_studio.services.personas import PersonaService
    from clone_studio.services.prompts import PromptService
    from clone_studio.services.templates import TemplateCatalog


@dataclass(frozen=True)
class Services:
    """Everything a page, a route or a worker may use."""

    settings: Settings
    database: Database
    events: EventBus
    llm: "LanguageModel"
    embedder: "Embedder"
    index: "SearchIndex"
    store: "FileStore"
    auth: "AuthService"
    account: "AccountService"
    audit: AuditService
    personas: "PersonaService"
    prompts: "PromptService"
    templates: "TemplateCatalog"
    files: "FileService"
    knowledge: "Retriever"
    jobs: "JobQueue"
    chat: "ChatService"
    conversations: "ConversationService"
    guide: "GuideService"
    health: "HealthService"


def build(settings: Settings, **overrides: Any) -> Services:
    """Build the services for `settings`.

    Args:
        settings: Which providers to use, and every limit.
        overrides: Fields of `Services` to use instead of what would be built, such as `llm`.
    """
    from clone_studio.services.account import AccountService
    from clone_studio.services.auth import AuthService
    from clone_studio.services.personas import PersonaService

    built: dict[str, Any] = dict(overrides)
    database = built.setdefault("database", Database(settings.database_url))
    events = built.setdefault("events", MemoryEventBus())
    audit = built.setdefault("audit", AuditService(database))
    built.setdefault("auth", AuthService(database, settings, audit=audit, events=events))
    built.setdefault("account", AccountService(database, audit=audit, events=events))
    built.setdefault(
        "personas",
        PersonaService(
            database,
            prompts=built["prompts"],
            store=built["store"],
            index=built["index"],
            jobs=built["jobs"],
            audit=audit,
            events=events,
        ),
    )
    return Services(settings=settings, **built)


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
