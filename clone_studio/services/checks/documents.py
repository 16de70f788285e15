"""Documents and their rows: neither should be without the other."""

from sqlmodel import select

from clone_studio.db import Database
from clone_studio.errors import DocumentError
from clone_studio.models import StoredFile
from clone_studio.providers.files.protocol import FileStore
from clone_studio.services.checks.finding import Finding

NAMED = 3


def documents(database: Database, store: FileStore) -> list[Finding]:
    """Look for rows without a document and for documents without a row."""
    # In this order: an upload that ends meanwhile is then neither.
    stored = set(store.keys())
    with database.read() as session:
        rows = session.exec(select(StoredFile.storage_key, StoredFile.name)).all()
    missing = sorted(name for key, name in rows if key not in stored and not _is_there(store, key))
    orphans = sorted(stored - {key for key, _ in rows})
    found = []
    if missing:
        found.append(
            Finding(
                "documents",
                "fault",
                f"{len(missing):,} files have lost their document: {_some(missing)}. What was read "
                "from them is still found.",
                "Upload them again, or restore a backup.",
            )
        )
    if orphans:
        found.append(
            Finding(
                "documents",
                "warning",
                f"{len(orphans):,} stored documents belong to no file: {_some(orphans)}.",
                "They only take space, and may be deleted from the data folder, in files.",
            )
        )
    return found or [Finding("documents", "ok", f"All {len(rows):,} documents are there.")]


def _is_there(store: FileStore, key: str) -> bool:
    try:
        store.path(key)
    except DocumentError:
        return False
    return True


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
