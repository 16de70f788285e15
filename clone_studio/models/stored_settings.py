"""Settings that were entered in the studio instead of the environment."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from clone_studio.models.base import moment


class StoredSetting(SQLModel, table=True):
    """One setting by the name of its environment variable; a secret's value is encrypted."""

    __tablename__ = "settings"

    name: str = Field(primary_key=True, max_length=60)
    value: str = Field(sa_type=Text)
    is_secret: bool = False
    updated_by: str | None = Field(default=None, max_length=36)
    updated_at: datetime = moment()
