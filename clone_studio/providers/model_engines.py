"""The packages that run a local model and are installed only together with it.

They are pinned with their hashes like everything else, in a lock file of their own, and go into
the same environment. Nothing remembers that they are there but the environment itself, so none
is forgotten when other packages change.

Standard library only: the launcher runs this before anything is installed.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from clone_studio.errors import ModelMissing
from clone_studio.providers.model_catalogue import Engine

ROOT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.2
_NOT_REACHED = ("No matching distribution found", "Failed to establish", "Could not fetch URL")


def pinned_version(engine: Engine, root: Path = ROOT) -> str:
    """Return the version that the lock file names."""
    lock = (root / engine.lock).read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(engine.package)}==([^\s\\]+)", lock, re.MULTILINE)
    if found is None:
        raise ModelMissing(f"{engine.lock} does not name {engine.package}. Fetch the project anew.")
    return found[1]


def is_installed(engine: Engine, python: Path | None = None, root: Path = ROOT) -> bool:
    """Say whether the pinned version is there.

    Args:
        engine: What to look for.
        python: Interpreter of another environment; None is the one that runs this.
        root: The project.
    """
    path = sys.path if python is None else [str(_packages_of(python))]
    found = metadata.distributions(name=engine.package, path=path)
    return any(one.version == pinned_version(engine, root) for one in found)


def install(
    engine: Engine,
    python: Path | None = None,
    root: Path = ROOT,
    tick: Callable[[], None] | None = None,
) -> None:
    """Install the engine unless it is there.

    Args:
        engine: What to install.
        python: Interpreter of the environment to install into; None is the one that runs this.
        root: The project.
        tick: Called a few times a second; what it raises ends the installation.

    Raises:
        ModelMissing: The registry cannot be reached, a sum is wrong, or nothing can be written.
    """
    if is_installed(engine, python, root):
        return
    command = [str(python or sys.executable), "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--require-hashes", "--no-deps"]
    command += ["--only-binary=:all:", "-r", str(root / engine.lock)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while True:
                try:
                    status = process.wait(LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    if tick is not None:
                        tick()
                else:
                    break
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if status:
            log.seek(0)
            raise _failed(engine, log.read().decode("utf-8", "replace"))


def _failed(engine: Engine, said: str) -> ModelMissing:
    if "DO NOT MATCH THE HASHES" in said:
        why = "it does not have the pinned sum, so it was not used"
    elif "No space left" in said:
        why = "the disk is full"
    elif "Permission denied" in said or "Read-only file system" in said:
        why = "the folder of the packages cannot be written to"
    elif any(mark in said for mark in _NOT_REACHED):
        why = "the package registry cannot be reached or has none for this machine"
    else:
        why = (said.strip().splitlines() or ["pip said nothing"])[-1][:200]
    return ModelMissing(
        f"The package {engine.package}, which runs the model, could not be installed: {why}. "
        "Mend that, then install the model again; what is there already is kept.",
        code="model_engine",
    )


def _packages_of(python: Path) -> Path:
    return python.parent.parent / "lib" / "python3.11" / "site-packages"
