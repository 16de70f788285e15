"""Documents on the disk of this machine, under names the store makes itself."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from clone_studio.errors import DocumentError, StudioError


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
        try:
            return self.path(storage_key).open("rb")
        except FileNotFoundError as error:
            raise DocumentError(
                "The stored file is gone from the studio's disk. Upload it again.", code="missing"
            ) from error

    def path(self, storage_key: str) -> Path:
        """Return the document's path; keys the store did not make are refused."""
        if not storage_key.isalnum():
            raise StudioError("A storage key has letters and figures only.")
        return self._folder / storage_key[:2] / storage_key

    def delete(self, storage_key: str) -> None:
        """Remove a document; one that is gone already is no error."""
        self.path(storage_key).unlink(missing_ok=True)


class DiskUpload:
    """Bytes on their way to the disk, in a temporary file of the store's own folder."""

    def __init__(self, folder: Path) -> None:
        self._key = uuid4().hex
        self._target = folder / self._key[:2] / self._key
        incoming = folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        self._temporary = incoming / self._key
        self._stream = self._temporary.open("wb")
        self._sum = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Append `piece`."""
        self._stream.write(piece)
        self._sum.update(piece)
        self.size += len(piece)

    def keep(self) -> tuple[str, str]:
        """Finish: return `(storage_key, sha256)` of what was written, safe on the disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.replace(self._target)
        return self._key, self._sum.hexdigest()

    def discard(self) -> None:
        """Drop what was written; after `keep` this does nothing."""
        self._stream.close()
        self._temporary.unlink(missing_ok=True)
