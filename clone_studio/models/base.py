"""What every table shares: UUID text keys and the moment a row was made."""

from typing import Any
from uuid import uuid4

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from clone_studio.db import UtcDateTime, utc_now

# Constraint names must be known to be dropped again by a migration on any engine.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> str:
    """Return a random UUID as text."""
    return str(uuid4())


def key() -> Any:
    """Declare the primary key of a table."""
    return Field(default_factory=new_id, primary_key=True, max_length=36)


def moment(*, default_now: bool = True, index: bool = False) -> Any:
    """Declare an aware UTC datetime column; without a default it is nullable and empty."""
    if default_now:
        return Field(default_factory=utc_now, sa_type=UtcDateTime, nullable=False, index=index)
    return Field(default=None, sa_type=UtcDateTime, nullable=True, index=index)


def json_column(factory: Any) -> Any:
    """Declare a JSON column whose default is a new `factory()`."""
    return Field(default_factory=factory, sa_type=JSON, nullable=False)
