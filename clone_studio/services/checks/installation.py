"""Whether the packages are those of the lock. Standard library only: it may be all there is."""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from clone_studio.services.checks.finding import Finding

_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)"
    r"(?: ; (?P<only>[^\\\n]+))?",
    re.M,
)
NAMED = 3


def packages(lock: Path) -> Finding:
    """Compare what is installed with the versions that `lock` pins."""
    name = "packages"
    if sys.version_info[:2] != (3, 11):
        wrong = ".".join(map(str, sys.version_info[:2]))
        return Finding(
            name, "fault", f"This is Python {wrong}.", "Install Python 3.11, then ./studio up."
        )
    found = _PIN.finditer(lock.read_text(encoding="utf-8"))
    pins = [(one["name"], one["version"]) for one in found if _is_for_here(one["only"])]
    differing = [f"{one} {pin}" for one, pin in pins if _installed(one) != pin]
    if differing:
        more = f" and {len(differing) - NAMED} more" if len(differing) > NAMED else ""
        return Finding(
            name,
            "fault",
            f"Not installed as pinned: {', '.join(differing[:NAMED])}{more}.",
            "./studio up installs them.",
        )
    return Finding(name, "ok", f"All {len(pins)} packages are as pinned, on Python 3.11.")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _is_for_here(only: str | None) -> bool:
    """Say whether a pin that is bound to a system or a Python holds on this one."""
    if only is None:
        return True
    try:
        from packaging.markers import Marker
    except ImportError:
        return False
    return Marker(only.strip()).evaluate()
