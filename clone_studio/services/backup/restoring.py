"""Restoring a backup: all of it, or nothing."""

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Table, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from clone_studio.db import Database
from clone_studio.errors import BackupError
from clone_studio.providers.files.protocol import FileStore
from clone_studio.services import fingerprints, schema
from clone_studio.services.backup import archive, rows
from clone_studio.services.backup.archive import ArchiveReader
from clone_studio.services.backup.making import BackupService
from clone_studio.services.backup.manifest import Manifest, Secrets
from clone_studio.services.fingerprints import Fingerprint
from clone_studio.services.jobs import ALL, TEND, JobQueue
from clone_studio.services.secret import SECRET_FILE
from clone_studio.settings import Settings


@dataclass(frozen=True)
class Restored:
    """What is there now.

    `compared` tells that each sum in `clones` was compared with the one in the backup, which a
    backup of an older schema does not have. `saved` is the backup of what was replaced.
    `key_is_in_use` tells that the secret key of the backup is now the studio's.
    """

    clones: tuple[Fingerprint, ...]
    compared: bool
    documents: int
    missing: int
    saved: Path | None
    secrets: Secrets
    key_is_in_use: bool


class RestoreService:
    """Restores backups into a studio that does not run. Blocking.

    Args:
        database: Where the rows go; any engine.
        store: Where the documents go.
        settings: Where the data folder is, and whether the environment sets the secret key.
        backups: Saves what is replaced.
        jobs: Gets the work that a restore leaves for the next start.
    """

    def __init__(
        self,
        database: Database,
        *,
        store: FileStore,
        settings: Settings,
        backups: BackupService,
        jobs: JobQueue,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._store = store
        self._settings = settings
        self._backups = backups

    def restore(self, path: Path, *, replace: bool = False) -> Restored:
        """Put the studio into the state that a backup describes.

        Args:
            path: The backup.
            replace: Whether what is there may be replaced; it is backed up first.

        Raises:
            BackupError: The file is no whole backup, is made by a later version, the studio
                runs, or there is something already. Nothing has changed then.
        """
        folder = self._settings.data_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with archive.reading(path, shutil.disk_usage(folder).free) as backup:
            _require_known(backup.manifest)
            _require_alone(self._database)
            with schema.locked(self._database):
                saved = self._make_room(replace=replace)
                return self._restore(backup, saved)

    def _make_room(self, *, replace: bool) -> Path | None:
        """Save what is there; refuse where it may not be replaced."""
        with self._database.read() as session:
            is_empty = schema.is_empty(session.connection())
        if is_empty and next(iter(self._store.keys()), None) is None:
            return None
        if not replace:
            raise BackupError(
                "There is a studio already in this data folder or database. To replace it by the "
                "backup, add --replace: what is there is then saved to a backup of its own first."
            )
        if is_empty:
            return None
        return self._backups.make(self._backups.place("before-restore")).path

    def _restore(self, backup: ArchiveReader, saved: Path | None) -> Restored:
        before = set(self._store.keys())
        keys: dict[str, str] = {}
        try:
            for key in backup.documents():
                keys[key] = self._stored(backup, key)
            with self._database.write() as session:
                connection = session.connection()
                clones, used = _fill(connection, backup, keys)
                compared = _compare(clones, backup.manifest)
                if not self._database.is_sqlite:
                    # Indexes that only large clones have are no part of the schema.
                    self._jobs.enqueue(session, TEND, ALL, {})
                draft = self._key_draft(backup)
        except BaseException:
            for key in keys.values():
                self._store.delete(key)
            raise
        if draft is not None:
            draft.replace(self._settings.data_dir / SECRET_FILE)
        for key in before - used:
            self._store.delete(key)
        return Restored(
            clones=clones,
            compared=compared,
            documents=len(keys),
            missing=backup.manifest.missing,
            saved=saved,
            secrets=backup.manifest.secrets,
            key_is_in_use=draft is not None,
        )

    def _stored(self, backup: ArchiveReader, key: str) -> str:
        """Store a document and return its new key."""
        upload = self._store.begin()
        try:
            for piece in backup.document(key):
                upload.write(piece)
            return upload.keep()[0]
        except OSError as error:
            raise BackupError(f"A document could not be stored: {error.strerror}.") from error
        finally:
            upload.discard()

    def _key_draft(self, backup: ArchiveReader) -> Path | None:
        """Write the backup's secret key beside its place, unless the environment sets one."""
        secret = backup.secret()
        if secret is None or self._settings.secret_key is not None:
            return None
        draft = self._settings.data_dir / f"{SECRET_FILE}.{os.getpid()}"
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret)
        except OSError as error:
            raise BackupError(f"The secret key could not be stored: {error.strerror}.") from error
        return draft


def _fill(
    connection: Connection, backup: ArchiveReader, keys: Mapping[str, str]
) -> tuple[tuple[Fingerprint, ...], set[str]]:
    """Make the schema anew, fill it and bring it up to date, in the caller's transaction.

    Returns:
        The sum of each clone, and the keys of all documents that have a row.
    """
    described = backup.manifest
    schema.take_time(connection)
    at = "its tables"
    try:
        schema.clear(connection)
        schema.upgrade(connection, described.revision)
        filled = schema.tables(connection)
        _require_tables(filled, described)
        for table in filled:
            if table.name in described.tables:
                at = f"the rows of “{table.name}”"
                _fill_table(connection, table, backup, keys)
        schema.follow_keys(connection, filled)
        at = "the newest schema"
        schema.upgrade(connection)
        used = connection.execute(text("SELECT storage_key FROM files")).scalars()
        return fingerprints.take(connection), set(used)
    except DBAPIError as error:
        # The driver's words can repeat a row, which is somebody's text.
        reason = type(error.orig).__name__
        raise BackupError(
            f"The database refused {at} ({reason}), so nothing was changed."
        ) from None


def _fill_table(
    connection: Connection, table: Table, backup: ArchiveReader, keys: Mapping[str, str]
) -> None:
    changed = {"storage_key": dict(keys)} if table.name == "files" else {}
    described = backup.manifest.tables[table.name]
    lines = backup.lines(table.name)
    if rows.store(connection, table, described.columns, lines, changed) != described.rows:
        raise BackupError("The backup is damaged: rows are missing.")


def _require_known(described: Manifest) -> None:
    if described.revision not in schema.known():
        raise BackupError(
            f"The backup was made by a later version of Clone Studio ({described.program}, schema "
            f"{described.revision}); this one knows {schema.head()}. Upgrade, then restore it."
        )


def _require_tables(filled: list[Table], described: Manifest) -> None:
    unknown = described.tables.keys() - {table.name for table in filled}
    if unknown or not {"users", "personas"} <= described.tables.keys():
        raise BackupError("The backup is damaged: its tables are not those of its schema.")


def _compare(clones: tuple[Fingerprint, ...], described: Manifest) -> bool:
    """Compare each clone with what it was; say whether there was anything to compare with."""
    if described.definition != fingerprints.DEFINITION:
        return False
    if clones != described.fingerprints:
        raise BackupError(
            "The clones would not be the same as in the backup, so nothing was changed. Please "
            "report this as a fault of the program."
        )
    return True


def _require_alone(database: Database) -> None:
    """Refuse while another process has the database open: it would go on with what was there."""
    database.dispose()
    is_open = _is_open_sqlite(database) if database.is_sqlite else _is_open_postgres(database)
    if is_open:
        raise BackupError(
            "The database is in use: stop the studio and its workers (and whatever else has it "
            "open), then restore."
        )


def _is_open_sqlite(database: Database) -> bool:
    path = database.path
    if path is None or not path.exists():
        return False
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            # Only the last connection to a database may end its write-ahead log.
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.OperationalError:
            return True
    return False


def _is_open_postgres(database: Database) -> bool:
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with database.read() as session:
        return bool(session.connection().execute(others).scalar())
