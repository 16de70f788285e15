"""Bringing the schema up to date at a start: once, and with a copy of what was there before."""

import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from clone_studio.db import Database
from clone_studio.errors import BackupError, NewerDatabase
from clone_studio.services import schema
from clone_studio.services.backup.making import BACKUPS, BackupService
from clone_studio.services.backup.manifest import Contents

KEPT = 5
PREFIX = "before-upgrade"

logger = logging.getLogger(__name__)


class Migrator:
    """Migrates the studio's database. Blocking: call it from threads.

    Args:
        database: What is migrated.
        backups: Makes the copy where the database is not a file of this machine.
        data_dir: The copies go into its folder `backups`.
    """

    def __init__(self, database: Database, *, backups: BackupService, data_dir: Path) -> None:
        self._database = database
        self._backups = backups
        self._folder = data_dir / BACKUPS

    def run(self) -> None:
        """Bring the schema to the revision of this program; of several processes one does it.

        Raises:
            NewerDatabase: A later version has changed it; nothing was touched.
            BackupError: The copy could not be made; nothing was changed.
        """
        if self._is_current():
            return
        with schema.locked(self._database):
            if self._is_current():
                return
            self._save()
            self._database.migrate()

    def _is_current(self) -> bool:
        return known_revision(self._database) == schema.head()

    def _save(self) -> None:
        """Copy a database that holds something."""
        with self._database.read() as session:
            connection = session.connection()
            before = schema.current(connection)
            if before is None or schema.is_empty(connection):
                return
        logger.info("The database goes from schema %s to %s", before, schema.head())
        path = self._copied()
        logger.info("What was there before the upgrade is kept in %s", path)
        copies = self._folder.glob(f"{PREFIX}-*{path.suffix}")
        for old in sorted(copies, key=lambda one: one.stat().st_mtime_ns)[:-KEPT]:
            old.unlink(missing_ok=True)

    def _copied(self) -> Path:
        file = self._database.path
        if file is None:
            target = self._backups.place(PREFIX)
            return self._backups.make(target, Contents(documents=False, key=False)).path
        target = self._backups.place(PREFIX, ".db")
        draft = target.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            with closing(sqlite3.connect(file)) as now, closing(sqlite3.connect(draft)) as copy:
                now.backup(copy)
            draft.replace(target)
        except (OSError, sqlite3.Error) as error:
            raise BackupError(
                f"The database must be upgraded, and the copy that is made before could not be "
                f"written to {self._folder} ({error}). Free some space there, then start again."
            ) from error
        finally:
            with suppress(OSError):
                draft.unlink()
        return target


def known_revision(database: Database) -> str | None:
    """Return the revision of a database; None where no migration was ever run.

    Raises:
        NewerDatabase: It is one that this program does not know.
    """
    with database.read() as session:
        revision = schema.current(session.connection())
    if revision is not None and revision not in schema.known():
        raise NewerDatabase(
            f"The database has schema {revision}, which a later version of Clone Studio made; "
            f"this version knows {schema.head()}. Start the later version, or restore a "
            "backup that was made before the upgrade."
        )
    return revision
