"""Prints the rows of the benches as a table and writes them as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("name", "value", "target", "floor / peer", "note")
NOTE_WIDTH = 100

Row = Mapping[str, Any]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as aligned text.

    Args:
        rows: Each with `name`, `value`, `unit`, `target` and `note`; `floor` and `peer` where
            there is something to compare with.
    """
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _cells(row: Row) -> tuple[str, ...]:
    unit = str(row.get("unit") or "")
    compared = [f"{kind} {row[kind]}" for kind in ("floor", "peer") if row.get(kind)]
    note = str(row.get("note") or "")
    if len(note) > NOTE_WIDTH:
        note = note[: NOTE_WIDTH - 1] + "…"
    target = row.get("target")
    return (
        str(row["name"]),
        f"{_number(row['value'])} {unit}".strip(),
        "" if target is None else str(_number(target)),
        ", ".join(compared),
        note,
    )


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def write(
    path: Path, machine: Mapping[str, Any], rows: Sequence[Row], notes: Sequence[str]
) -> None:
    """Write one run to `path`, whose folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run = {"machine": machine, "rows": list(rows), "notes": list(notes)}
    path.write_text(json.dumps(run, indent=2, default=str) + "\n", encoding="utf-8")
