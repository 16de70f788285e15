"""The data folder: whether it can be written to, and whether what is secret in it is."""

import stat
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import col, select

from clone_studio.db import Database, utc_now
from clone_studio.models import AuditEntry
from clone_studio.services.backup.making import MADE
from clone_studio.services.checks.finding import Finding
from clone_studio.services.secret import SECRET_FILE
from clone_studio.settings import Settings

OLD_BACKUP = timedelta(days=7)


def rights(folder: Path) -> Finding:
    """Say whether the studio can write into its data folder."""
    name = "data folder"
    if not folder.is_dir():
        return Finding(name, "fault", f"{folder} is not a folder.", "Check STUDIO_DATA_DIR.")
    try:
        # The rights alone do not tell: the disk may be read-only, or full.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            name,
            "fault",
            f"{folder} cannot be written to: {error.strerror}.",
            "Make the account that runs the studio its owner, or set STUDIO_DATA_DIR.",
        )
    return Finding(name, "ok", f"{folder} can be written to.")


def secret_key(settings: Settings) -> Finding:
    """Say whether the secret key is there, and readable by its owner alone."""
    name = "secret key"
    if settings.secret_key is not None:
        return Finding(name, "ok", "STUDIO_SECRET_KEY is set in the environment.")
    path = settings.data_dir / SECRET_FILE
    try:
        path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return Finding(name, "ok", "There is none yet; it is made when it is needed first.")
    except OSError as error:
        return Finding(
            name,
            "fault",
            f"{path} cannot be read: {error.strerror}.",
            "Make the account that runs the studio its owner.",
        )
    if mode & 0o077:
        return Finding(
            name, "warning", f"{path} can be read by other accounts.", f"chmod 600 {path}"
        )
    return Finding(name, "ok", "It is there, and readable by its owner alone.")


def last_backup(database: Database) -> Finding:
    """Say how old the last backup is, wherever it was written to."""
    name = "backups"
    query = select(AuditEntry.created_at).where(AuditEntry.action == MADE)
    with database.read() as session:
        last = session.exec(query.order_by(col(AuditEntry.created_at).desc()).limit(1)).first()
    fix = "./studio backup makes one, also while the studio runs."
    if last is None:
        return Finding(name, "warning", "There was never a backup of this studio.", fix)
    if utc_now() - last > OLD_BACKUP:
        return Finding(name, "warning", f"The last backup is of {_day(last)}.", fix)
    return Finding(name, "ok", f"The last backup is of {_day(last)}.")


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
