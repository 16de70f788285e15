"""Threads and their messages."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Text
from sqlmodel import Field, SQLModel

from clone_studio.models.base import json_column, key, moment


class Conversation(SQLModel, table=True):
    """A thread between one user and one clone. Deleting sets `deleted_at`."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_user_id_last_message_at", "user_id", "last_message_at"),
        Index("ix_conversations_persona_id_last_message_at", "persona_id", "last_message_at"),
    )

    id: str = key()
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE")
    user_id: str = Field(foreign_key="users.id", ondelete="CASCADE")
    title: str = Field(default="", max_length=120)
    created_at: datetime = moment()
    last_message_at: datetime = moment()
    deleted_at: datetime | None = moment(default_now=False)


class Message(SQLModel, table=True):
    """One turn. `state` is streaming, complete, stopped, interrupted or failed.

    `parent_id` is the message above it, so that an edited question is a sibling branch.
    `citations`, `spans` and `usage` have the JSON shapes of docs/API.md. While an answer is
    streaming it belongs to the process `lease_owner` until `lease_until`, `attempts` counts how
    often its writing was begun, and `stop_asked` tells whoever writes it to end.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_thread_id_created_at", "thread_id", "created_at"),
        Index("ix_messages_state", "state"),
    )

    id: str = key()
    thread_id: str = Field(foreign_key="conversations.id", ondelete="CASCADE")
    parent_id: str | None = Field(default=None, max_length=36)
    role: str = Field(max_length=10)
    content: str = Field(default="", sa_type=Text)
    state: str = Field(default="complete", max_length=12)
    error: str | None = Field(default=None, max_length=500)
    error_code: str | None = Field(default=None, max_length=40)
    model: str = Field(default="", max_length=120)
    citations: list[dict[str, Any]] = json_column(list)
    proof: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    usage: dict[str, Any] = json_column(dict)
    spans: list[dict[str, Any]] = json_column(list)
    lease_owner: str | None = Field(default=None, max_length=80)
    lease_until: datetime | None = moment(default_now=False)
    attempts: int = 0
    stop_asked: bool = False
    created_at: datetime = moment()
    updated_at: datetime = moment()
