"""The database, SQLite or PostgreSQL: engine, short sessions, turns and migrations."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, DateTime, Engine, create_engine, event, insert
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from clone_studio import PROJECT_ROOT
from clone_studio.database_url import database_url
from clone_studio.errors import Collision
from clone_studio.postgres import (
    alone,
    copy_rows,
    database_size,
    postgres_engine,
    postgres_reader,
    prepare_to_migrate,
    take_turn,
)

SQLITE_BUSY_SECONDS = 15
COLLIDED = (
    "Something else changed this at the same moment, so nothing was changed. Look at it and try "
    "again."
)


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every engine: SQLite alone would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime given to the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that SQLite does not keep."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One engine and its short-lived sessions. Safe to share between threads.

    Args:
        address: The database's address, in any form that `database_url` takes.

    Raises:
        ValueError: The address has another form; the sentence does not repeat it.
    """

    def __init__(self, address: str) -> None:
        url = database_url(address)
        # Holds a password: it goes to the driver and to child processes, never into a text.
        self.url = url.render_as_string(hide_password=False)
        self.is_sqlite = url.drivername == "sqlite"
        self.path = Path(url.database or "") if self.is_sqlite else None
        self.engine = _sqlite_engine(url) if self.is_sqlite else postgres_engine(url)
        self._reading = self.engine if self.is_sqlite else postgres_reader(self.engine)
        self._writing = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for reading; it sees one consistent snapshot and changes nothing.

        Rows stay readable after it: closing rolls back without expiring them.
        """
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session whose changes are committed at the end, or rolled back on an error.

        On SQLite there is one writer at a time, and its lock is taken at once: a read that turns
        into a write later would fail with "database is locked" without waiting. The threads of
        this process queue up before it, because SQLite itself waits by sleeping longer and
        longer. On PostgreSQL writers work side by side: what a decision depends on is locked by
        whoever decides, jobs before files before clones, so that nobody waits in a circle.

        Raises:
            Collision: Somebody else made the same thing, or deleted what it belongs to, just now.
        """
        try:
            with self._own_turn(), Session(self.engine, expire_on_commit=False) as session:
                if self.is_sqlite:
                    session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
                yield session
                session.commit()
        except IntegrityError as error:
            raise Collision(COLLIDED) from error

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        """Hold this process's turn to write; a write inside a write waits in vain and fails."""
        if not self.is_sqlite:
            yield
            return
        if not self._writing.acquire(timeout=SQLITE_BUSY_SECONDS):
            raise OperationalError("BEGIN IMMEDIATE", None, Exception("database is locked"))
        try:
            yield
        finally:
            self._writing.release()

    def take_turn(self, session: Session, name: str) -> None:
        """Wait until no other transaction has the turn `name`, and have it until the end.

        For what has no row to lock, because it is about to be made. SQLite's one writer has
        every turn.
        """
        if not self.is_sqlite:
            take_turn(session.connection(), name)

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Yield whether nobody else does `name` now; until the end no other process begins it.

        For work of several transactions. Processes on SQLite know nothing of each other.
        """
        if self.is_sqlite:
            yield True
            return
        with alone(self.engine, name) as is_alone:
            yield is_alone

    def insert_rows(
        self, session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add many rows as fast as the engine takes them.

        Args:
            session: Of the caller.
            table: Where they go.
            rows: Values by column, the same columns in each; none is filled in.
        """
        if not rows:
            return
        if self.is_sqlite:
            session.execute(insert(table), rows)
        else:
            copy_rows(session.connection(), str(table.__tablename__), rows)

    def size(self, session: Session) -> int:
        """Return how many bytes the database takes."""
        if self.path is None:
            return database_size(session.connection())
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(one.stat().st_size for one in files if one.is_file())

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`, which may also lie below the present one.

        Raises:
            StudioError: The PostgreSQL server lacks pgvector.
        """
        config = alembic_config(self.url)
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                prepare_to_migrate(connection)
            config.attributes["connection"] = connection
            going_down = revision == "base" or revision.startswith("-")
            (command.downgrade if going_down else command.upgrade)(config, revision)

    def dispose(self) -> None:
        """Close every pooled connection; one that a thread still uses closes when it is done."""
        event.listen(self.engine, "checkin", lambda _connection, record: record.invalidate())
        self.engine.dispose()


def alembic_config(url: str) -> Config:
    """Return the Alembic configuration for the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(PROJECT_ROOT / "alembic"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _sqlite_engine(url: URL) -> Engine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False},
        pool_size=16,
        max_overflow=32,
    )

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        # The driver's own transaction handling begins late and commits before DDL; SQLAlchemy
        # documents switching it off and emitting BEGIN from the event below.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get("sqlite_begin", "BEGIN")
        connection.exec_driver_sql(statement)

    return engine
