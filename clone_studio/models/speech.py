"""What was spoken: characters by clone, engine and voice."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from clone_studio.models.base import key, moment


class SpeechUsage(SQLModel, table=True):
    """One text that was turned into audio; audio played again from the cache is not counted."""

    __tablename__ = "speech_usage"
    __table_args__ = (Index("ix_speech_usage_persona_id_created_at", "persona_id", "created_at"),)

    id: str = key()
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE")
    engine: str = Field(max_length=20)
    model: str = Field(default="", max_length=80)
    voice_id: str = Field(max_length=80)
    characters: int
    created_at: datetime = moment()
