"""What PostgreSQL needs that SQLite does not: its pool, its locks, fast inserts, pgvector.

The driver is imported when an engine is made: a studio on SQLite never loads it.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from clone_studio.errors import StudioError
from clone_studio.vector_column import PgVector

# A process uses as many connections as it has threads at work, about 20 at most. Two web
# processes and two workers then stay below the 100 that a server allows unless told otherwise.
POOL_SIZE = 8
POOL_OVERFLOW = 12
POOL_SECONDS = 15
# Deleting a clone with hundreds of thousands of passages takes minutes; nothing else comes near.
# Migrations and indexes say that they may take longer.
STATEMENT_SECONDS = 300
LOCK_SECONDS = 15
# A process that hangs inside a transaction must not keep its locks for ever.
IDLE_SECONDS = 120
# A server that went away without a word is noticed after so long.
_NETWORK = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "clone-studio",
}
_ON_CONNECT = (
    f"SET statement_timeout = '{STATEMENT_SECONDS}s'; SET lock_timeout = '{LOCK_SECONDS}s';"
    f" SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s';"
    # Compiling a query takes longer than any of ours runs.
    " SET jit = off"
)
# Bits for binary quantisation and indexes on them came with it.
LEAST_PGVECTOR = (0, 7)


def postgres_engine(url: URL) -> Engine:
    """Return an engine for the server at `url`; nothing is connected yet."""
    given = {name: value for name, value in _NETWORK.items() if name not in url.query}
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_SECONDS,
        # A server that was started anew has ended every connection; none is handed out unasked.
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        # A prepared statement is planned for any value, so that an index of one clone would not
        # be used; and poolers between here and the server do not keep them.
        connect_args={**given, "prepare_threshold": None},
    )

    # Alembic reads the schema back and must know the type.
    engine.dialect.ischema_names["vector"] = PgVector  # type: ignore[attr-defined]

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.adapters.register_dumper(str, _text_dumper())
        connection.autocommit = True
        connection.execute(_ON_CONNECT)
        connection.autocommit = False

    return engine


def postgres_reader(engine: Engine) -> Engine:
    """Return the engine for reading: one snapshot a transaction, and no change is possible."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@lru_cache(maxsize=1)
def _text_dumper() -> Any:
    from psycopg.types.string import StrDumperUnknown

    class TextDumper(StrDumperUnknown):
        """Sends text; what PostgreSQL does not take, as a zero byte in an address, is marked.

        Marked and not dropped: what was asked for must not become the name of something else.
        """

        def dump(self, obj: str) -> bytes:
            return obj.replace("\x00", "\ufffd").encode("utf-8", "replace")

    return TextDumper


def _number(name: str) -> int:
    """Return the number that stands for a name in the server's table of advisory locks."""
    digest = hashlib.sha256(f"clone-studio {name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def take_turn(connection: Connection, name: str) -> None:
    """Wait for the turn `name` and have it until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _number(name)})


@contextmanager
def alone(engine: Engine, name: str) -> Iterator[bool]:
    """Yield whether the turn `name` was free; if so it is held until the end.

    It is never waited for: making an index waits for every older transaction, so one that
    waited here for the maker of an index would wait in a circle.
    """
    key = {"key": _number(name)}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_alone = bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar())
        try:
            yield is_alone
        finally:
            if is_alone:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


@contextmanager
def unhurried(engine: Engine) -> Iterator[Connection]:
    """Yield a connection of its own, without transactions, whose statements may take hours."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0; SET lock_timeout = 0"))
        # It does not go back to the others with these settings, but is closed.
        connection.detach()
        yield connection


def copy_rows(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows by COPY, which takes a tenth of the time of INSERT.

    Args:
        connection: In the caller's transaction.
        table: Name of the table, one of ours.
        rows: Values by column, the same columns in each.
    """
    columns = tuple(rows[0])
    names = ", ".join(f'"{name}"' for name in columns)
    with (
        raw_connection(connection).cursor() as cursor,
        cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row([row[name] for name in columns])


def raw_connection(connection: Connection) -> Any:
    """Return the driver's connection, inside the same transaction."""
    # SQLAlchemy begins a transaction at the first statement, and the driver with it.
    return connection.connection.driver_connection


def database_size(connection: Connection) -> int:
    """Return the bytes that the database takes on its server."""
    size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar()
    return int(size or 0)


def prepare_to_migrate(connection: Connection) -> None:
    """Wait for other processes that migrate, and make sure that pgvector is there.

    Raises:
        StudioError: It is not, with what its owner has to do.
    """
    # Processes that start together migrate one after the other; a large table takes its time.
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    take_turn(connection, "migrate")
    version = connection.execute(_VECTOR).scalar()
    if version is None:
        _create_vector(connection)
        version = connection.execute(_VECTOR).scalar()
    if tuple(int(part) for part in re.findall(r"\d+", str(version))[:2]) < LEAST_PGVECTOR:
        raise StudioError(
            f"The database has pgvector {version}, and the studio needs 0.7 or later. Update it on "
            "the server and run: ALTER EXTENSION vector UPDATE",
            code="pgvector",
        )


_VECTOR = text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")


def _create_vector(connection: Connection) -> None:
    try:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as error:
        may_not = getattr(error.orig, "sqlstate", None) == "42501"
        raise StudioError(
            "The database has no pgvector, and its user may not add it. Have an administrator of "
            "the server run in this database: CREATE EXTENSION vector"
            if may_not
            else "The PostgreSQL server has no pgvector. Install the package pgvector on it "
            "(Debian: postgresql-NN-pgvector), or use a server that has it.",
            code="pgvector",
        ) from error
