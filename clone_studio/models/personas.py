"""Clones and the prompt versions that give each its personality."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from clone_studio.models.base import json_column, key, moment

# ElevenLabs' "Sarah"; an engine that does not have her speaks with its own default voice.
DEFAULT_VOICE_ID = "EXAVITQu4vr4xnSDxMaL"
DEFAULT_VOICE_NAME = "Sarah"


class Persona(SQLModel, table=True):
    """A clone.

    `knowledge_revision` grows with every change of what may be retrieved, so that caches
    keyed with it can never serve stale knowledge. `voice_settings` holds only what differs
    from the defaults, on the scales of the speech providers (0.0 to 1.0).
    """

    __tablename__ = "personas"
    __table_args__ = (UniqueConstraint("user_id", "slug"),)

    id: str = key()
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    slug: str = Field(max_length=80)
    name: str = Field(max_length=80)
    avatar: str = Field(default="", max_length=16)
    purpose: str = Field(default="", max_length=300)
    description: str = Field(default="", sa_type=Text)
    greeting: str = Field(default="", sa_type=Text)
    example_questions: list[str] = json_column(list)
    no_answer_text: str = Field(default="", sa_type=Text)
    language: str = Field(default="", max_length=40)
    model: str = Field(default="", max_length=120)
    temperature: float = 0.3
    max_tokens: int = 1024
    retrieval: dict[str, Any] = json_column(dict)
    template_name: str = Field(default="default", max_length=80)
    template_version: str = Field(default="1", max_length=20)
    knowledge_revision: int = 0
    voice_id: str = Field(default=DEFAULT_VOICE_ID, max_length=80)
    voice_name: str = Field(default=DEFAULT_VOICE_NAME, max_length=120)
    voice_settings: dict[str, Any] = json_column(dict)
    elevenlabs_agent_id: str = Field(default="", max_length=80)
    consent_statement: str = Field(default="", max_length=500)
    consent_at: datetime | None = moment(default_now=False)
    is_sample: bool = False
    last_used_at: datetime | None = moment(default_now=False)
    created_at: datetime = moment()
    updated_at: datetime = moment()


class PromptVersion(SQLModel, table=True):
    """One immutable text of one layer. At most one per persona, layer and name is active."""

    __tablename__ = "prompt_versions"
    __table_args__ = (UniqueConstraint("persona_id", "layer", "name", "version"),)

    id: str = key()
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE", index=True)
    layer: str = Field(max_length=10)
    name: str = Field(default="main", max_length=80)
    version: int
    content: str = Field(sa_type=Text)
    is_active: bool = False
    author_id: str | None = Field(default=None, max_length=36)
    commit_message: str = Field(default="", max_length=500)
    parent_version_id: str | None = Field(default=None, max_length=36)
    created_at: datetime = moment()


class PromptDraft(SQLModel, table=True):
    """What one user has typed into one layer and not saved; `base_version_id` it began from."""

    __tablename__ = "prompt_drafts"
    __table_args__ = (UniqueConstraint("user_id", "persona_id", "layer", "name"),)

    id: str = key()
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE")
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE", index=True)
    layer: str = Field(max_length=10)
    name: str = Field(default="main", max_length=80)
    content: str = Field(sa_type=Text)
    base_version_id: str | None = Field(default=None, max_length=36)
    updated_at: datetime = moment()


class Activation(SQLModel, table=True):
    """The moment a version was put in force, by whom and instead of which."""

    __tablename__ = "activations"
    __table_args__ = (Index("ix_activations_persona_id_created_at", "persona_id", "created_at"),)

    id: str = key()
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE")
    layer: str = Field(max_length=10)
    name: str = Field(default="main", max_length=80)
    version_id: str = Field(foreign_key="prompt_versions.id", ondelete="CASCADE")
    previous_version_id: str | None = Field(default=None, max_length=36)
    user_id: str | None = Field(default=None, max_length=36)
    reason: str = Field(default="", max_length=500)
    created_at: datetime = moment()
