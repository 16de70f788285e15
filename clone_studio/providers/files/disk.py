"""Documents on the disk of this machine, under names that the store makes itself."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from clone_studio.errors import DocumentError

INCOMING = "incoming"
# An upload that writes nothing for so long has no process any more.
ABANDONED_SECONDS = 24 * 3600


class DiskFileStore:
    """Keeps documents in one folder, spread over sub-folders by the start of their key.

    Args:
        folder: Where documents go; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self) -> "DiskUpload":
        """Open a new upload; nothing is stored until it is kept."""
        return DiskUpload(self._folder)

    def open(self, storage_key: str) -> BinaryIO:
        """Open a stored document for reading.

        Raises:
            DocumentError: Code `missing`.
        """
        return self.path(storage_key).open("rb")

    def path(self, storage_key: str) -> Path:
        """Return the path of a stored document.

        Raises:
            DocumentError: Code `missing`, also for a key this store never made.
        """
        path = self._place(storage_key)
        if not path.is_file():
            raise DocumentError(
                "The stored document is gone from this machine's disk. Upload it again.",
                code="missing",
            )
        return path

    def delete(self, storage_key: str) -> None:
        """Remove a document; one that is gone already is no error."""
        self._place(storage_key).unlink(missing_ok=True)

    def keys(self) -> Iterator[str]:
        """Yield the key of every stored document, in no order."""
        for folder in self._folder.glob("??"):
            yield from (one.name for one in folder.iterdir() if one.is_file())

    def clear_abandoned(self) -> None:
        """Remove what uploads left behind that a killed process never ended."""
        before = time.time() - ABANDONED_SECONDS
        for left in (self._folder / INCOMING).glob("*"):
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < before:
                    left.unlink()

    def _place(self, storage_key: str) -> Path:
        # A key is hexadecimal, so that it can never climb out of the folder.
        name = storage_key if storage_key.isalnum() else "0"
        return self._folder / name[:2] / name


class DiskUpload:
    """Bytes on their way to the disk, in a temporary file of the store's own folder."""

    def __init__(self, folder: Path) -> None:
        self._key = uuid4().hex
        self._target = folder / self._key[:2] / self._key
        self._temporary = folder / INCOMING / self._key
        self._temporary.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._temporary.open("wb")
        self._sum = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Append `piece`."""
        self._stream.write(piece)
        self._sum.update(piece)
        self.size += len(piece)

    def keep(self) -> tuple[str, str]:
        """Finish: return `(storage_key, sha256)` of what was written, now safe on the disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.replace(self._target)
        return self._key, self._sum.hexdigest()

    def discard(self) -> None:
        """Drop what was written; safe to call after `keep`, then without effect."""
        self._stream.close()
        self._temporary.unlink(missing_ok=True)
