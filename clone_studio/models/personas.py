"""Clones and the prompt versions that give each its personality."""

from datetime import datetime
from typing import Any

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from clone_studio.models.base import json_column, key, moment


class Persona(SQLModel, table=True):
    """A clone.

    `knowledge_revision` grows with every change of what may be retrieved, so that caches
    keyed with it can never serve stale knowledge.
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
