"""The database: whether it answers, is of this program's schema, and is whole."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from clone_studio.db import Database
from clone_studio.services import schema
from clone_studio.services.checks.finding import Finding

NAME = "database"


def obstacle(database: Database) -> Finding | None:
    """Return why what is in the database cannot be looked at; None when it can."""
    path = database.path
    if path is not None and not path.exists():
        return Finding(NAME, "ok", "There is none yet; ./studio up makes it.")
    try:
        with database.read() as session:
            revision = schema.current(session.connection())
    except (SQLAlchemyError, UnicodeDecodeError) as error:
        # The words of a driver can hold the address, and that a password.
        reason = type(getattr(error, "orig", None) or error).__name__
        fix = (
            "Check that its server runs and that DATABASE_URL is right."
            if path is None
            else f"Check the owner and rights of {path}. If it is damaged: ./studio restore."
        )
        return Finding(NAME, "fault", f"The database does not answer ({reason}).", fix)
    if revision == schema.head():
        return None
    if revision is None:
        return Finding(NAME, "ok", "It is empty; ./studio up makes its tables.")
    if revision in schema.known():
        return Finding(
            NAME,
            "warning",
            f"It has schema {revision}, and this program works with {schema.head()}.",
            "The next start upgrades it, and keeps a copy of what is there.",
        )
    return Finding(
        NAME,
        "fault",
        f"It has schema {revision}, which a later version made; this one knows {schema.head()}.",
        "Start the later version, or restore a backup that was made before the upgrade.",
    )


def integrity(database: Database) -> Finding:
    """Say whether the database's own structure is whole, or what else its engine needs."""
    return _quick_check(database) if database.is_sqlite else _pgvector(database)


def _quick_check(database: Database) -> Finding:
    name = "integrity"
    try:
        with database.read() as session:
            said = session.connection().execute(text("PRAGMA quick_check(1)")).scalar()
    except SQLAlchemyError as error:
        said = type(getattr(error, "orig", None) or error).__name__
    if said == "ok":
        return Finding(name, "ok", "The database file is whole.")
    return Finding(
        name,
        "fault",
        f"The database file is damaged ({str(said)[:120]}).",
        "Stop the studio and restore the last backup: ./studio restore FILE --replace",
    )


def _pgvector(database: Database) -> Finding:
    name = "pgvector"
    query = text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    with database.read() as session:
        found = session.connection().execute(query).scalar()
    if found is None:
        return Finding(
            name,
            "fault",
            "PostgreSQL has no pgvector in this database.",
            "Let its administrator run: CREATE EXTENSION vector",
        )
    return Finding(name, "ok", f"PostgreSQL has pgvector {found}.")
