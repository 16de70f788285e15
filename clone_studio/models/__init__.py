"""SQLModel tables and nothing else."""

from clone_studio.models.accounts import AuditEntry, SignInLink, User, UserSession
from clone_studio.models.conversations import Conversation, Message
from clone_studio.models.jobs import Job
from clone_studio.models.knowledge import Chunk, ChunkVector, DocumentPage, StoredFile
from clone_studio.models.personas import Persona, PromptVersion
from clone_studio.models.search import IndexPosting, IndexSegment

__all__ = [
    "AuditEntry",
    "Chunk",
    "ChunkVector",
    "Conversation",
    "DocumentPage",
    "IndexPosting",
    "IndexSegment",
    "Job",
    "Message",
    "Persona",
    "PromptVersion",
    "SignInLink",
    "StoredFile",
    "User",
    "UserSession",
]
