"""Memory and processor time of a process and its descendants, read from `/proc` (Linux)."""

import os
from pathlib import Path

PROC = Path("/proc")
KIBIBYTE = 1024


def available() -> bool:
    """Tell whether this system has what the functions here read."""
    return (PROC / "self" / "smaps_rollup").exists()


def tree(root: int) -> list[int]:
    """Return `root` and all its descendants that live now."""
    parents: dict[int, int] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            parents[int(folder.name)] = int(fields[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def memory_mb(pid: int) -> float:
    """Return the proportional set size of one process in MB (10^6 bytes), 0 when it is gone."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    pss = next((line for line in lines if line.startswith("Pss:")), "Pss: 0")
    return int(pss.split()[1]) * KIBIBYTE / 1e6


def cpu_seconds(pids: list[int]) -> float:
    """Return user and system time of the processes together, in seconds."""
    ticks = 0
    for pid in pids:
        if fields := _stat(pid):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` behind the command, whose name may hold anything."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
