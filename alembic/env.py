"""Alembic environment: the studio passes its own open connection."""

from alembic import context
from sqlmodel import SQLModel

import clone_studio.models  # noqa: F401  (registers the tables)
from clone_studio.db import Database
from clone_studio.settings import get_settings


def migrate(connection: object) -> None:
    """Run the migrations on `connection`."""
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


shared = context.config.attributes.get("connection")
if shared is not None:
    migrate(shared)
else:
    with Database(get_settings().database_url).engine.begin() as own:
        migrate(own)
