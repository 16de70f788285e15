"""Rows as lines of JSON that mean the same on every database engine."""

import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Table, TypeDecorator, select
from sqlalchemy.engine import Connection

from clone_studio.errors import BackupError

READ_ROWS = 500
WRITE_ROWS = 1000
WRITE_BYTES = 4 * 1024 * 1024

BYTES, MOMENT = "bytes", "time"


def kept_columns(table: Table) -> list[str]:
    """Return the names of the columns whose values are kept: all that nobody computes."""
    return [column.name for column in table.columns if column.computed is None]


def lines(
    connection: Connection, table: Table, where: ColumnElement[bool] | None = None
) -> Iterator[bytes]:
    """Yield each row of `table` as a line; the values stand in the order of `kept_columns`."""
    columns = [table.c[name] for name in kept_columns(table)]
    query = select(*columns) if where is None else select(*columns).where(where)
    plain = [_is_json(column) for column in columns]
    rows = connection.execute(query, execution_options={"yield_per": READ_ROWS})
    for row in rows:
        cells = [
            value if is_json else _written(value) for value, is_json in zip(row, plain, strict=True)
        ]
        yield json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def store(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    given: Iterable[bytes],
    changed: dict[str, dict[str, str]],
) -> int:
    """Insert the rows that `lines` made into `table`, and return how many there were.

    Args:
        connection: In a transaction.
        table: Where they go; its own column types translate.
        columns: The names that the values stand for.
        given: The lines.
        changed: For a column's name, values to be replaced by others.

    Raises:
        BackupError: A line is not what was written, or the table has no such column.
    """
    if not set(columns) <= set(kept_columns(table)):
        raise BackupError(
            f"The backup has columns in “{table.name}” that this program does not know. Restore "
            "it with the version of Clone Studio that made it."
        )
    plain = [_is_json(table.c[name]) for name in columns]
    waiting: list[dict[str, Any]] = []
    size = count = 0
    for line in given:
        values = _cells(line, plain, table.name)
        row = dict(zip(columns, values, strict=True))
        for name, others in changed.items():
            row[name] = others.get(row[name], row[name])
        waiting.append(row)
        size += len(line)
        count += 1
        if len(waiting) >= WRITE_ROWS or size >= WRITE_BYTES:
            connection.execute(table.insert(), waiting)
            waiting, size = [], 0
    if waiting:
        connection.execute(table.insert(), waiting)
    return count


def _is_json(column: Any) -> bool:
    kind = column.type
    return isinstance(kind.impl_instance if isinstance(kind, TypeDecorator) else kind, JSON)


def _written(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {BYTES: b64encode(value).decode()}
    if isinstance(value, datetime):
        # Read from SQLite without the models' types a time has lost its zone, which is UTC.
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return {MOMENT: aware.isoformat()}
    return value


def _cells(line: bytes, plain: Sequence[bool], table: str) -> list[Any]:
    try:
        cells = json.loads(line)
        if not isinstance(cells, list) or len(cells) != len(plain):
            raise ValueError(line[:20])
        return [
            cell if is_json else _read(cell) for cell, is_json in zip(cells, plain, strict=True)
        ]
    except (ValueError, KeyError, TypeError, RecursionError, NotBase64):
        raise BackupError(f"The backup is damaged: a row of “{table}” cannot be read.") from None


def _read(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    if BYTES in cell:
        return b64decode(cell[BYTES], validate=True)
    return datetime.fromisoformat(cell[MOMENT])
