"""SQLModel tables and nothing else."""

from clone_studio.models.accounts import AuditEntry, SignInLink, User, UserSession
from clone_studio.models.conversations import Conversation, Message
from clone_studio.models.jobs import Job
from clone_studio.models.knowledge import Chunk, ChunkVector, DocumentPage, StoredFile
from clone_studio.models.personas import Persona, PromptVersion

__all__ = [
    "AuditEntry",
    "Chunk",
    "ChunkVector",
    "Conversation",
    "DocumentPage",
    "Job",
    "Message",
    "Persona",
    "PromptVersion",
    "SignInLink",
    "StoredFile",
    "User",
    "UserSession",
]
