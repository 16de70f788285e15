"""The schema's revision: which one a database has, which ones this program knows, moving it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, func, inspect, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

import clone_studio.models  # noqa: F401  (registers the tables)
from clone_studio.db import Database, alembic_config
from clone_studio.postgres import prepare_to_migrate, unhurried

REVISION_TABLE = "alembic_version"
# Signing in again makes these anew; what else there is, is somebody's work.
PASSING_TABLES = frozenset({"sessions", "sign_in_links"})
# Any number would do that nobody else uses on the same PostgreSQL database.
ADVISORY_LOCK = 7_305_112_023


@lru_cache(maxsize=1)
def known() -> tuple[str, ...]:
    """Return every revision that this program has a migration for, the newest first."""
    script = ScriptDirectory.from_config(alembic_config(""))
    return tuple(one.revision for one in script.walk_revisions())


def head() -> str:
    """Return the revision that this program works with."""
    return known()[0]


def current(connection: Connection) -> str | None:
    """Return the revision of a database; None where no migration was ever run."""
    if not inspect(connection).has_table(REVISION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()  # noqa: S608
    return None if found is None else str(found)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the schema up to `revision` within the transaction of `connection`."""
    if connection.dialect.name == "postgresql":
        prepare_to_migrate(connection)
    config = alembic_config("")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def tables(connection: Connection) -> list[Table]:
    """Return the tables that hold what the studio keeps, each after those it refers to.

    At the newest revision they are those of the models. At another one they are read from the
    database itself, and only types that translate between engines are taken from the models.
    """
    if current(connection) == head():
        there = set(inspect(connection).get_table_names())
        return [one for one in SQLModel.metadata.sorted_tables if one.name in there]
    return [one for one in _reflected(connection) if one.name != REVISION_TABLE]


def is_empty(connection: Connection) -> bool:
    """Say whether nobody has kept anything in the database yet."""
    return not any(
        connection.execute(select(text("1")).select_from(table).limit(1)).first()
        for table in tables(connection)
        if table.name not in PASSING_TABLES
    )


def clear(connection: Connection) -> None:
    """Drop every table within the transaction of `connection`."""
    for table in reversed(_reflected(connection)):
        table.drop(connection)


def follow_keys(connection: Connection, filled: list[Table]) -> None:
    """Let PostgreSQL count on from the highest key: rows were stored with keys of their own.

    SQLite does so by itself.
    """
    if connection.dialect.name != "postgresql":
        return
    for table in filled:
        for column in table.primary_key:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            if connection.execute(select(sequence)).scalar() is not None:
                highest = select(func.max(column)).scalar_subquery()
                has_rows = highest.is_not(None)
                connection.execute(
                    select(func.setval(sequence, func.coalesce(highest, 1), has_rows))
                )


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Hold the right to change the schema; other processes wait here, on any machine.

    Yields:
        None: While nobody else is inside.
    """
    if database.path is None:
        with unhurried(database.engine) as connection:
            # Held by the connection: it ends with it, should this process be killed.
            connection.execute(select(func.pg_advisory_lock(ADVISORY_LOCK)))
            try:
                yield
            finally:
                connection.execute(select(func.pg_advisory_unlock(ADVISORY_LOCK)))
        return
    with database.path.with_name(f"{database.path.name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def take_time(connection: Connection) -> None:
    """Let this transaction take as long as it needs, also between its statements."""
    if connection.dialect.name == "postgresql":
        for bound in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {bound} = 0"))


def _reflected(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    for table in found.tables.values():
        twin = SQLModel.metadata.tables.get(table.name)
        for column in table.columns:
            wanted = None if twin is None else twin.c.get(column.name)
            if wanted is not None and isinstance(wanted.type, TypeDecorator):
                column.type = wanted.type
    return found.sorted_tables
