"""What the launcher was asked to do, from the command line, the environment and `.env`.

The launcher needs a few settings before pydantic is installed; it reads them here, in the order
in which the studio itself does: command line, environment, `.env`, default.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clone_studio.launch.console import Failure

PROJECT = Path(__file__).resolve().parent.parent.parent

COMMANDS = {
    "up": "install what is missing, build the page, and serve the studio",
    "link": "print a new one-time sign-in link",
    "dev": "serve with hot reload, for working on the studio itself",
    "test": "run every check and test",
    "bench": "measure the studio against its targets",
    "screenshots": "make the pictures of the README",
    "models": "list, install or verify the local models",
    "vectors": "say where vectors are kept, or move them",
}


@dataclass(frozen=True)
class Options:
    """A parsed command line together with the settings it rests on."""

    command: str
    rest: tuple[str, ...]
    host: str
    port: int
    data_dir: Path
    models_dir: Path
    open_browser: bool
    speaks_locally: bool

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables that hand these choices on to the studio."""
        return {
            "STUDIO_HOST": self.host,
            "STUDIO_PORT": str(self.port),
            "STUDIO_DATA_DIR": str(self.data_dir),
            "STUDIO_MODELS_DIR": str(self.models_dir),
        }


def parse(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """Read the command line.

    Raises:
        Failure: When a setting cannot be used.
        SystemExit: For `--help` and for a command line that does not parse.
    """
    parser = argparse.ArgumentParser(
        prog="studio",
        description="Clone Studio: turn a person's own material into a clone that answers.",
        epilog="commands:\n" + "\n".join(f"  {name:<13}{text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", help="port to listen on (3000)")
    parser.add_argument("--data-dir", help="folder for everything the studio keeps (.data)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    found, rest = parser.parse_known_args(arguments)
    if rest and found.command not in {"test", "bench", "screenshots", "models", "vectors"}:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    values = {**dotenv(PROJECT / ".env"), **{k: v for k, v in environ.items() if v}}
    data_dir = _folder(found.data_dir or values.get("STUDIO_DATA_DIR") or ".data")
    models_dir = values.get("STUDIO_MODELS_DIR")
    return Options(
        command=found.command,
        rest=tuple(rest),
        host=found.host or values.get("STUDIO_HOST") or "127.0.0.1",
        port=_port(found.port or values.get("STUDIO_PORT") or "3000"),
        data_dir=data_dir,
        models_dir=_folder(models_dir) if models_dir else data_dir / "models",
        speaks_locally=_speaks_locally(values),
        open_browser=not found.no_browser,
    )


def _speaks_locally(values: Mapping[str, str]) -> bool:
    """Say whether the settings choose the speech model of this machine."""
    speech = values.get("STUDIO_SPEECH", "auto")
    return speech == "local" or (speech == "auto" and not values.get("ELEVENLABS_API_KEY"))


def _folder(text: str) -> Path:
    return (PROJECT / Path(text).expanduser()).resolve()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise Failure(f"The port must be a number from 1 to 65535, not “{text}”.")
    return int(text)


def dotenv(path: Path) -> dict[str, str]:
    """Read `NAME=value` lines; quotes around a value and `export` before a name are dropped."""
    values: dict[str, str] = {}
    if not path.is_file():
        return values
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#"):
            continue
        value = value.strip()
        if value[:1] in {'"', "'"}:
            value = value[1:].partition(value[0])[0]
        else:
            value = value.partition(" #")[0].strip()
        if value:
            values[name.strip()] = value
    return values
