"""Making a backup while the studio runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import IO, Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.engine import Connection

from clone_studio import __version__
from clone_studio.db import Database, utc_now
from clone_studio.errors import BackupError, DocumentError
from clone_studio.providers.files.protocol import FileStore
from clone_studio.services import fingerprints, schema
from clone_studio.services.audit import AuditService
from clone_studio.services.backup import archive, rows
from clone_studio.services.backup.archive import ArchiveWriter, document_name, table_name
from clone_studio.services.backup.manifest import (
    FORMAT,
    Contents,
    Manifest,
    Secrets,
    TableRows,
    clones_of,
)
from clone_studio.services.fingerprints import Fingerprint
from clone_studio.services.secret import SECRET_FILE
from clone_studio.settings import Settings

EVERYTHING = Contents()
BACKUPS = "backups"
MADE = "backup.made"
STAMP = "%Y%m%d-%H%M%S"


@dataclass(frozen=True)
class Made:
    """A backup that is whole. `problems` are sentences about what could not be taken along."""

    path: Path
    size: int
    secrets: Secrets
    clones: tuple[Fingerprint, ...]
    documents: int
    problems: tuple[str, ...]


class BackupService:
    """Makes backups. Blocking: call it from threads.

    Args:
        database: What is backed up, whatever its engine and its revision.
        store: Holds the documents.
        settings: Where the data folder is, and whether the environment sets the secret key.
        audit: Remembers when the last backup was made.
    """

    def __init__(
        self, database: Database, *, store: FileStore, settings: Settings, audit: AuditService
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._audit = audit

    def place(self, prefix: str = "clone-studio", suffix: str = ".zip") -> Path:
        """Return a free name for a new backup in the data folder."""
        folder = self._settings.data_dir / BACKUPS
        name = f"{prefix}-{utc_now().strftime(STAMP)}"
        names = (f"{name}{more}{suffix}" for more in chain([""], (f"-{n}" for n in count(2))))
        return next(folder / one for one in names if not (folder / one).exists())

    def make(self, target: Path, contents: Contents = EVERYTHING) -> Made:
        """Write a backup to `target`: the studio as it is at one moment.

        Raises:
            BackupError: There is nothing to back up, the file is there already, or it cannot
                be written.
        """
        with archive.new_file(target) as stream, ArchiveWriter(stream) as writer:
            making = _Making(writer, self._store)
            with snapshot(self._database) as connection:
                revision = schema.current(connection)
                if revision is None:
                    raise BackupError("There is nothing to back up: the studio was never started.")
                making.take_rows(connection, revision, contents)
            # Documents never change, and may take long: no transaction waits for them.
            if contents.documents:
                making.documents()
            secrets = self._secrets(making, contents)
            making.close(revision, self._database.engine.dialect.name, secrets, contents)
        if revision == schema.head():
            self._audit.note(MADE, user_id=None, subject=target.name)
        return Made(
            path=target,
            size=target.stat().st_size,
            secrets=secrets,
            clones=making.clones,
            documents=making.stored,
            problems=tuple(making.problems),
        )

    def _secrets(self, making: "_Making", contents: Contents) -> Secrets:
        if not contents.secrets:
            return "left out"
        path = self._settings.data_dir / SECRET_FILE
        if not contents.key or self._settings.secret_key is not None or not path.is_file():
            return "without key"
        making.writer.add(archive.SECRET, [path.read_bytes()])
        return "with key"


class _Making:
    """One backup on its way."""

    def __init__(self, writer: ArchiveWriter, store: FileStore) -> None:
        self.writer = writer
        self._store = store
        self._kept: dict[str, TableRows] = {}
        self._keys: list[tuple[str, str]] = []
        self.clones: tuple[Fingerprint, ...] = ()
        self.problems: list[str] = []
        self.stored = self._missing = 0

    def take_rows(self, connection: Connection, revision: str, contents: Contents) -> None:
        """Write the rows of every table, and remember the clones and which documents there are."""
        for table in schema.tables(connection):
            if table.name in schema.PASSING_TABLES:
                continue
            where = None if contents.secrets else _unsealed(table)
            lines = _Counted(rows.lines(connection, table, where))
            self.writer.add(table_name(table.name), lines)
            columns = tuple(rows.kept_columns(table))
            self._kept[table.name] = TableRows(columns=columns, rows=lines.count)
            if table.name == "files":
                found = connection.execute(
                    table.select().with_only_columns(table.c.storage_key, table.c.sha256)
                )
                self._keys = [(str(key), str(digest)) for key, digest in found]
        if revision == schema.head():
            self.clones = fingerprints.take(connection)

    def documents(self) -> None:
        """Write every stored document that is still there."""
        for key, digest in self._keys:
            try:
                stream = self._store.open(key)
            except DocumentError:
                # Deleted since the snapshot, or lost: ./studio doctor tells which.
                self._missing += 1
                continue
            with stream:
                member = self.writer.add(document_name(key), _pieces(stream))
            self.stored += 1
            if member.sha256 != digest:
                self.problems.append(
                    f"The stored document {key} is damaged: it is not what was uploaded."
                )
        if self._missing:
            self.problems.append(
                f"{self._missing} documents are not on the disk and so not in the backup; what "
                "was read from them is."
            )

    def close(self, revision: str, engine: str, secrets: Secrets, contents: Contents) -> None:
        """Describe what was written and end the file."""
        self.writer.describe(
            Manifest(
                format=FORMAT,
                program=__version__,
                revision=revision,
                created=utc_now().isoformat(timespec="seconds"),
                engine=engine,
                secrets=secrets,
                has_documents=contents.documents,
                missing=self._missing,
                definition=fingerprints.DEFINITION if revision == schema.head() else 0,
                clones=clones_of(self.clones),
                tables=self._kept,
                members=self.writer.members,
            )
        )


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """Open one read transaction: everything in it is of the same moment."""
    options: dict[str, Any] = {}
    if not database.is_sqlite:
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with database.engine.connect().execution_options(**options) as connection, connection.begin():
        schema.take_time(connection)
        yield connection


def _unsealed(table: Table) -> ColumnElement[bool] | None:
    return table.c.is_secret.is_(False) if table.name == "settings" else None


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(archive.PIECE):
        yield piece


class _Counted:
    """Lines, and how many there were."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.count += 1
            yield line
