"""What commands and starts use to keep a studio, built from its services; no page needs it."""

from clone_studio.bootstrap import Services
from clone_studio.services.backup.making import BackupService
from clone_studio.services.backup.restoring import RestoreService
from clone_studio.services.migrating import Migrator


def backups(studio: Services) -> BackupService:
    """Return what makes backups of `studio`."""
    return BackupService(
        studio.database, store=studio.store, settings=studio.settings, audit=studio.audit
    )


def restorer(studio: Services) -> RestoreService:
    """Return what restores backups into `studio`."""
    return RestoreService(
        studio.database,
        store=studio.store,
        settings=studio.settings,
        backups=backups(studio),
        jobs=studio.jobs,
    )


def migrator(studio: Services) -> Migrator:
    """Return what brings the schema of `studio` up to date."""
    return Migrator(studio.database, backups=backups(studio), data_dir=studio.settings.data_dir)
