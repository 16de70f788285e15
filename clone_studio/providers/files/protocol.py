"""What the studio asks of its store of uploaded documents."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol


class FileStore(Protocol):
    """Keeps documents under keys of its own making; a user's file name never becomes a path."""

    def begin(self) -> "Upload":
        """Open a new upload; nothing is stored until it is kept."""
        ...

    def open(self, storage_key: str) -> BinaryIO:
        """Open a stored document for reading.

        Raises:
            DocumentError: Code `missing`.
        """
        ...

    def path(self, storage_key: str) -> Path:
        """Return a local path of the stored document, for a child process to read."""
        ...

    def delete(self, storage_key: str) -> None:
        """Remove a document; one that is gone already is no error."""
        ...

    def keys(self) -> Iterator[str]:
        """Yield the key of every stored document, in no order."""
        ...

    def clear_abandoned(self) -> None:
        """Remove what uploads left behind that ended without an end."""
        ...


class Upload(Protocol):
    """An upload in progress, written piece by piece."""

    size: int

    def write(self, piece: bytes) -> None:
        """Append `piece`."""
        ...

    def keep(self) -> tuple[str, str]:
        """Finish: return `(storage_key, sha256)` of what was written."""
        ...

    def discard(self) -> None:
        """Drop what was written; safe to call after `keep`, then without effect."""
        ...
