"""The page: built by Reflex and Node, and built again only when what it is made of changed."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clone_studio.launch.console import Console, Failure
from clone_studio.launch.environment import Environment
from clone_studio.launch.process import run_logged

BUILD = Path(".web") / "build" / "client"
STAMP = ".built-from"

# An address in the one asset that holds them: scheme, host and port of the machine that built it.
_ADDRESS = re.compile(r"([`\"'])(http|ws)s?://[^`\"'/]+(/[^`\"']*)\1")
_ORIGIN = {"http": "location.origin", "ws": 'location.origin.replace(/^http/,"ws")'}


class Frontend:
    """Builds the page of one project.

    Args:
        environment: The environment whose Reflex and Node do the work.
        console: Where the step is told.
    """

    def __init__(self, environment: Environment, console: Console) -> None:
        self._environment = environment
        self._console = console
        self._project = environment.project

    def build(self) -> None:
        """Build the page unless the present build was made from what is there now.

        Raises:
            Failure: When the build fails.
        """
        folder = self._project / BUILD
        wanted = source_sum(self._project)
        if (folder / STAMP).is_file() and (folder / STAMP).read_text() == wanted:
            return
        with self._console.step("Page", "built"):
            variables = self._environment.variables()
            scratch = self._environment.scratch / "tmp"
            scratch.mkdir(parents=True, exist_ok=True)
            variables |= {"TMPDIR": str(scratch), "NPM_CONFIG_REGISTRY": self._registry(variables)}
            python = str(self._environment.python)
            command = [python, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
            with unreordered(self._project / "reflex.lock" / "package.json"):
                run_logged(
                    [*command, "--env", "prod"],
                    step="Building the page",
                    log=self._environment.scratch / "logs" / "page.log",
                    env={name: value for name, value in variables.items() if value},
                    cwd=self._project,
                )
            use_own_origin(folder)
            (folder / STAMP).write_text(wanted)
            # Packages are in .web by now; the download cache would only double them.
            shutil.rmtree(self._environment.scratch / "cache" / "npm", ignore_errors=True)

    def _registry(self, variables: dict[str, str]) -> str:
        """Return the package registry this machine is set up for.

        Reflex otherwise measures two public registries and takes the faster one.
        """
        answer = subprocess.run(
            ["npm", "config", "get", "registry"],
            env=variables,
            cwd=self._project,
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.stdout.strip().rstrip("/") if answer.returncode == 0 else ""


@contextmanager
def unreordered(path: Path) -> Iterator[None]:
    """Put a JSON file back that the block only wrote in another order.

    The package manager orders the lock's manifest by how it came about, which would make every
    first build a change to a tracked file, and a reason to build again.
    """
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    yield
    if before is not None and path.is_file():
        after = path.read_text(encoding="utf-8")
        if after != before and json.loads(after) == json.loads(before):
            path.write_text(before, encoding="utf-8")


def source_sum(project: Path) -> str:
    """Return one sum over everything the built page depends on."""
    digest = hashlib.sha256(str(project).encode())
    for path in _sources(project):
        digest.update(f"\0{path.relative_to(project)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(project: Path) -> Iterator[Path]:
    yield project / "rxconfig.py"
    yield project / "requirements.txt"
    for folder, pattern in (("clone_studio", "*.py"), ("assets", "*"), ("reflex.lock", "*")):
        for path in sorted((project / folder).rglob(pattern)):
            inside = path.relative_to(project).parts
            if path.is_file() and inside[1] not in {"launch", "external", "__pycache__"}:
                yield path


def use_own_origin(build: Path) -> int:
    """Make the built page talk to the address it was opened at, and return how many it rewrote.

    Reflex writes scheme, host and port into one asset at build time; with the page's own origin
    in their place, another port, host name or HTTPS needs no new build.

    Raises:
        Failure: When the asset is not as expected, which a new Reflex version could bring.
    """
    rewritten = 0
    for asset in (build / "assets").glob("reflex-env-*.js"):
        text, count = _ADDRESS.subn(
            lambda match: f"{_ORIGIN[match[2]]}+`{match[3]}`", asset.read_text(encoding="utf-8")
        )
        asset.write_text(text, encoding="utf-8")
        packed = asset.with_name(asset.name + ".gz")
        if packed.exists():
            packed.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
        rewritten += count
    if not rewritten:
        raise Failure(
            "Building the page failed: no asset holds the studio's address. This Reflex version "
            "builds another way; install the pinned one with: ./studio up"
        )
    return rewritten
