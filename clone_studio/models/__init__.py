"""SQLModel tables and nothing else."""

from clone_studio.models.accounts import AuditEntry, SignInLink, User, UserSession
from clone_studio.models.conversations import Conversation, Message
from clone_studio.models.jobs import Job
from clone_studio.models.knowledge import (
    Chunk,
    ChunkVector,
    DocumentPage,
    EmbeddingUse,
    RemoteVector,
    StoredFile,
)
from clone_studio.models.personas import Activation, Persona, PromptDraft, PromptVersion
from clone_studio.models.search import IndexPosting, IndexSegment
from clone_studio.models.speech import SpeechUsage
from clone_studio.models.stored_settings import StoredSetting

__all__ = [
    "Activation",
    "AuditEntry",
    "Chunk",
    "ChunkVector",
    "Conversation",
    "DocumentPage",
    "EmbeddingUse",
    "IndexPosting",
    "IndexSegment",
    "Job",
    "Message",
    "Persona",
    "PromptDraft",
    "PromptVersion",
    "RemoteVector",
    "SignInLink",
    "SpeechUsage",
    "StoredFile",
    "StoredSetting",
    "User",
    "UserSession",
]
