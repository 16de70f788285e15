"""Runs the benches and prints what they measured: `python -m bench [--short] [--only NAME]`.

Numbers are reports and not gates: a bench that cannot run or fails leaves one line, and the
others go on.
"""

import argparse
import importlib
import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import report
from bench.data import DataMissing
from bench.machine import facts
from clone_studio import PROJECT_ROOT

BENCHES = ("retrieval", "stores", "ingest", "chat", "speech", "serving", "local_llm", "cluster")
RESULTS = PROJECT_ROOT / "bench" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen benches; returns 0 unless none of them measured anything."""
    options = _options(arguments)
    machine = facts()
    print(
        f"{machine['cpu'] or machine['system']}, {machine['cores']} cores, "
        f"{machine['memory_mb']:,} MB, Python {machine['python']}, load {machine['load'][0]}"
    )
    rows: list[report.Row] = []
    notes: list[str] = []
    for name in options.only or BENCHES:
        if importlib.util.find_spec(f"bench.{name}") is None:
            continue
        began = time.monotonic()
        found, note = measured(name, partial(_rows, name, options.short), options.verbose)
        rows += found
        print(note or f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        if note:
            notes.append(note)
    if rows:
        print("\n" + report.table(rows))
    target = options.out or RESULTS / f"{machine['at'].replace(':', '')}.json"
    report.write(target, machine, rows, notes)
    print(f"\nWritten to {target}")
    return 0 if rows else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="studio bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="smaller inputs, fewer rounds")
    parser.add_argument("--only", action="append", choices=BENCHES, help="run this bench only")
    parser.add_argument("--out", type=Path, help="file for the JSON (bench/results/MOMENT.json)")
    parser.add_argument("--verbose", action="store_true", help="show the traceback of a failure")
    return parser.parse_args(arguments)


def measured(
    name: str, run: Callable[[], Sequence[report.Row]], verbose: bool = False
) -> tuple[list[report.Row], str]:
    """Return what `run` measured, or nothing and the reason in one line."""
    try:
        return list(run()), ""
    except DataMissing as missing:
        return [], f"{name}: left out, {missing}"
    except Exception as error:  # noqa: BLE001 - one bench must not take the others with it
        if verbose:
            traceback.print_exc()
        reason = str(error).strip().splitlines()
        return [], f"{name}: failed, {type(error).__name__}: {reason[0] if reason else ''}"


def _rows(name: str, short: bool) -> Sequence[report.Row]:
    rows: Sequence[report.Row] = importlib.import_module(f"bench.{name}").run(short)
    return rows


if __name__ == "__main__":
    sys.exit(main())
