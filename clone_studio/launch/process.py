"""Runs the programs the launcher needs and turns their failures into one line."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from clone_studio.launch.console import Failure

# With less than this left, a program fails in ways that do not name the reason.
SPARE_BYTES = 1_000_000

_NO_SPACE = ("No space left on device", "ENOSPC", "Disk quota exceeded")
_NO_NETWORK = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "nodename nor servname provided",
    "Failed to establish a new connection",
    "No matching distribution found",
    "Could not fetch URL",
    "Connection refused",
    "Connection timed out",
    "Read timed out",
    "ConnectTimeoutError",
    "NewConnectionError",
    "ProxyError",
    "SSLError",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
)
_WRONG_SUM = ("DO NOT MATCH THE HASHES", "EINTEGRITY")


def run_logged(
    command: Sequence[str | Path], *, step: str, log: Path, env: Mapping[str, str], cwd: Path
) -> None:
    """Run a program with its output in `log`.

    Args:
        command: Program and arguments.
        step: What the program does, as the subject of a sentence: “Installing the packages”.
        log: File for everything the program says; named in the failure when nothing else fits.
        env: Its whole environment.
        cwd: Its folder.

    Raises:
        Failure: One line: which step failed, why, what to do.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        try:
            status = subprocess.run(
                [str(part) for part in command],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        except FileNotFoundError as error:
            raise Failure(f"{step} failed: {error.filename} is not there.") from error
    if status != 0:
        raise Failure(explain(step, log))


def explain(step: str, log: Path) -> str:
    """Return one line for a step whose program failed with the output in `log`."""
    said = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if own := [line for line in lines if line.startswith("studio: ")]:
        return own[-1].removeprefix("studio: ")
    full = shutil.disk_usage(log.parent).free < SPARE_BYTES
    if full or any(mark in said for mark in _NO_SPACE):
        return f"{step} failed: the disk is full. Free some space and start again."
    if any(mark in said for mark in _WRONG_SUM):
        return (
            f"{step} failed: a package does not have the pinned sum, so it was not used. "
            "Start again; if it stays so, the registry or a proxy changes packages."
        )
    if any(mark in said for mark in _NO_NETWORK):
        return (
            f"{step} failed: the package registry cannot be reached or does not have a "
            "pinned package. Check the connection (and the proxy, if there is one) and start "
            "again; what is there already is kept."
        )
    errors = [line for line in lines if "error" in line.lower()]
    last = (errors or lines or ["it said nothing"])[-1][:200]
    return f"{step} failed: {last} (everything it said: {log})"
