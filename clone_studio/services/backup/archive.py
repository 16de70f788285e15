"""The file of a backup: a ZIP archive, written and read piece by piece.

A backup may come from anywhere, so nothing in it is believed before it was checked: only members
that the manifest names are read, under names of three fixed forms, never unpacked to a path of
theirs, and never beyond the size that was declared.
"""

import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

from clone_studio.errors import BackupError
from clone_studio.services.backup import manifest
from clone_studio.services.backup.manifest import Manifest, Member
from clone_studio.settings import MEBIBYTE

MANIFEST = "manifest.json"
SECRET = "secret.key"  # noqa: S105 the name of a member, not what is in it
# Vectors and PDF files hardly shrink, and a higher level takes several times as long.
LEVEL = 1
PIECE = MEBIBYTE
LARGEST_MANIFEST = 256 * MEBIBYTE
LARGEST_DOCUMENT = 2048 * MEBIBYTE
LARGEST_LINE = 256 * MEBIBYTE
LARGEST_SECRET = 4096
_NAMES = re.compile(r"secret\.key|tables/[a-z][a-z_]{0,62}\.jsonl|documents/[0-9A-Za-z]{1,200}")


def table_name(table: str) -> str:
    """Return the member that holds the rows of `table`."""
    return f"tables/{table}.jsonl"


def document_name(storage_key: str) -> str:
    """Return the member that holds a stored document."""
    return f"documents/{storage_key}"


class ArchiveWriter:
    """Writes members one after the other and remembers their sums.

    Args:
        stream: Where to; must be seekable.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._zip = ZipFile(stream, "w", compression=ZIP_DEFLATED, compresslevel=LEVEL)
        self.members: dict[str, Member] = {}

    def add(self, name: str, pieces: Iterable[bytes]) -> Member:
        """Write a member and return its size and sum."""
        digest, size = hashlib.sha256(), 0
        with self._zip.open(name, "w", force_zip64=True) as member:
            for piece in pieces:
                member.write(piece)
                digest.update(piece)
                size += len(piece)
        self.members[name] = Member(size=size, sha256=digest.hexdigest())
        return self.members[name]

    def __enter__(self) -> Self:
        """Return this writer; at the end of the block nothing more is written."""
        return self

    def __exit__(self, *_: object) -> None:
        # One that was not described is thrown away: what ending it says is of no use.
        with suppress(OSError, ValueError):
            self._zip.close()

    def describe(self, described: Manifest) -> None:
        """Write the manifest, which makes the archive whole."""
        self._zip.writestr(MANIFEST, described.written())
        self._zip.close()


@contextmanager
def reading(path: Path, free: int) -> Iterator["ArchiveReader"]:
    """Open a backup whose every member has the size and the sum that its manifest names.

    Args:
        path: The file.
        free: Bytes there are for what it holds.

    Raises:
        BackupError: It is no backup, damaged, cut off, or too large for this machine.
    """
    with ExitStack() as opened:
        try:
            stream = opened.enter_context(path.open("rb"))
            reader = ArchiveReader(opened.enter_context(ZipFile(stream)))
            reader.verify(free)
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror}.") from None
        except (BadZipFile, LargeZipFile, EOFError, zlib.error, NotImplementedError):
            raise BackupError(
                "This is not a backup of Clone Studio, or it is damaged or cut off. Copy it again "
                "from where it was made, whole."
            ) from None
        yield reader


class ArchiveReader:
    """Reads the members of an open archive. Made by `reading`."""

    def __init__(self, archive: ZipFile) -> None:
        self._zip = archive
        infos = archive.infolist()
        self._infos = {info.filename: info for info in infos}
        if len(self._infos) != len(infos):
            raise BackupError("The backup is damaged: it holds a name twice.")
        for info in infos:
            _require_plain(info)
        described = self._infos.get(MANIFEST)
        if described is None or described.file_size > LARGEST_MANIFEST:
            raise BackupError("This is not a backup of Clone Studio: it does not describe itself.")
        self.manifest = manifest.parse(b"".join(self._pieces(MANIFEST)))

    def verify(self, free: int) -> None:
        """Read everything once.

        Args:
            free: Bytes there are for what the archive holds.

        Raises:
            BackupError: Something is missing, too much, too large or not what was written.
        """
        members = self.manifest.members
        if self._infos.keys() != members.keys() | {MANIFEST}:
            raise BackupError("The backup is damaged: what it holds is not what it describes.")
        if {table_name(one) for one in self.manifest.tables} - members.keys():
            raise BackupError("The backup is damaged: a table is missing.")
        for name, member in members.items():
            self._require_form(name, member)
        if sum(one.size for one in members.values()) > free:
            raise BackupError(
                "There is not enough room on the disk of the data folder for what the backup "
                "holds. Free some space, or choose another data folder."
            )
        for name, member in members.items():
            digest = hashlib.sha256()
            for piece in self._pieces(name):
                digest.update(piece)
            if digest.hexdigest() != member.sha256:
                raise BackupError(f"The backup is damaged: “{name}” does not have its sum.")

    def lines(self, table: str) -> Iterator[bytes]:
        """Yield the rows of `table`."""
        with self._zip.open(table_name(table)) as stream:
            while line := stream.readline(LARGEST_LINE):
                yield line

    def document(self, storage_key: str) -> Iterator[bytes]:
        """Yield the bytes of a document."""
        return self._pieces(document_name(storage_key))

    def documents(self) -> list[str]:
        """Return the keys of the documents, as they were when the backup was made."""
        prefix = document_name("")
        return [one.removeprefix(prefix) for one in self.manifest.members if one.startswith(prefix)]

    def secret(self) -> bytes | None:
        """Return the secret key, where the backup has it."""
        return b"".join(self._pieces(SECRET)) if SECRET in self.manifest.members else None

    def _require_form(self, name: str, member: Member) -> None:
        largest = LARGEST_SECRET if name == SECRET else LARGEST_DOCUMENT
        is_table = name.startswith("tables/")
        if not _NAMES.fullmatch(name) or self._infos[name].file_size != member.size:
            raise BackupError("The backup is damaged: a member is not what it is said to be.")
        if member.size > largest and not is_table:
            raise BackupError("The backup holds a document that is larger than any can be.")

    def _pieces(self, name: str) -> Iterator[bytes]:
        with self._zip.open(name) as stream:
            while piece := stream.read(PIECE):
                yield piece


def _require_plain(info: ZipInfo) -> None:
    """Refuse what a backup never holds: links, devices, folders, encryption, odd compression."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    is_plain = kind in {0, stat.S_IFREG} and not info.is_dir() and not info.flag_bits & 1
    if not is_plain or info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise BackupError("This is not a backup of Clone Studio: it holds more than plain files.")


@contextmanager
def new_file(target: Path) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name when it is whole, readable by its owner alone.

    Raises:
        BackupError: There is a file of that name already, or the folder cannot be written to.
    """
    if target.exists():
        raise BackupError(f"{target} is there already. Choose another name.")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(target)
    except OSError as error:
        raise BackupError(
            f"The backup could not be written to {target.parent}: {error.strerror}. "
            "Choose another place, or free some space."
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()
