"""A Chromium for the browser tests and the screenshots: the machine's own, or a fetched one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from clone_studio.launch.console import Console, Failure
from clone_studio.launch.environment import Environment
from clone_studio.launch.process import run_logged

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return a Chromium that runs: the one `STUDIO_BROWSER` names, installed, or fetched."""
    named = environ.get("STUDIO_BROWSER")
    candidates = [Path(named)] if named else []
    candidates += [Path(path) for name in NAMES if (path := shutil.which(name))]
    candidates += [MAC]
    fetched = environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if fetched and Path(fetched).is_dir():
        for pattern in (
            "chromium-*/chrome-linux*/chrome",
            "chromium-*/chrome-mac*/*.app/**/MacOS/*",
        ):
            candidates += sorted(Path(fetched).glob(pattern), reverse=True)
    return next((path for path in candidates if _runs(path)), None)


def install(environment: Environment, console: Console) -> Path:
    """Return a Chromium, fetching one first where there is none.

    Root on a machine with apt gets the system's package, everybody else Playwright's build,
    which stays inside the project.

    Raises:
        Failure: When none can be had.
    """
    variables = environment.variables()
    if found := find(variables):
        return found
    log = environment.scratch / "logs" / "browser.log"
    with console.step("Browser", "installed"):
        for commands in _ways(environment):
            try:
                for command in commands:
                    run_logged(
                        command,
                        step="Installing a browser for the tests",
                        log=log,
                        env={**variables, "DEBIAN_FRONTEND": "noninteractive"},
                        cwd=environment.project,
                    )
            except Failure as failure:
                reason = failure
                continue
            if found := find(variables):
                return found
            reason = Failure(f"Installing a browser for the tests failed (see {log}).")
        raise Failure(
            f"{reason} Or install Chromium yourself and name it in STUDIO_BROWSER."
        ) from reason


def _ways(environment: Environment) -> list[list[list[str]]]:
    """Return the ways to get a browser, each a list of commands, the likeliest first."""
    playwright = [[str(environment.python), "-m", "playwright", "install", "chromium"]]
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return [playwright]
    packages = ["chromium", "fonts-liberation"]
    apt = [
        ["apt-get", "update", "--quiet"],
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages],
    ]
    return [apt, [[*playwright[0], "--with-deps"]]]


def _runs(path: Path) -> bool:
    """Say whether the program starts: some systems ship a stub that only points to a store."""
    if not path.is_file():
        return False
    try:
        answer = subprocess.run(
            [str(path), "--version"], capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0
