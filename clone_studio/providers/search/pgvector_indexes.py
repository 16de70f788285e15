"""The indexes of large clones in PostgreSQL: which there should be, making and dropping them.

An index is made beside readers and writers, which takes seconds to minutes, and is not part of
any migration: whether a clone has one depends on how much it knows.
"""

import hashlib

from sqlalchemy import String, bindparam, text
from sqlalchemy.engine import Connection

from clone_studio.db import Database
from clone_studio.errors import ProviderDown
from clone_studio.postgres import unhurried

PREFIX = "near_"
# What making an index holds in the server's memory for each window. What does not fit is made
# ten times as slowly.
MAKING_BYTES = 800
MOST_MAKING_MB = 2048

_EXISTING = text(
    "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = to_regclass('chunk_vectors') AND starts_with(c.relname, :prefix)"
)
# Counting stops where the answer is known.
_SOME = text(
    "SELECT count(*) FROM (SELECT 1 FROM chunk_vectors"
    " WHERE persona_id = :persona AND model = :model LIMIT :most) AS few"
)
_SIZE = text(
    "SELECT vector_dims(vector) FROM chunk_vectors"
    " WHERE persona_id = :persona AND model = :model LIMIT 1"
)
_GROUPS = text(
    "SELECT persona_id, model, vector_dims(vector), count(*) FROM chunk_vectors GROUP BY 1, 2, 3"
)


def signs(size: int) -> str:
    """Return the expression that is indexed: one bit for each of a vector's `size` numbers."""
    return f"CAST(binary_quantize(vector) AS bit({size}))"


def index_name(persona_id: str, model: str, size: int) -> str:
    """Return the name of the index of one clone, model and size of vectors."""
    return f"{_names_of(persona_id)}{_digest(model, str(size))}"


def _names_of(persona_id: str) -> str:
    return f"{PREFIX}{_digest(persona_id)}_"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def wants_index(
    connection: Connection, persona_id: str, model: str | None, exact_numbers: int
) -> bool:
    """Say whether the indexes of a clone are not as they should be.

    Args:
        connection: In the caller's transaction.
        persona_id: Whose.
        model: Of which model; None when the clone is gone.
        exact_numbers: Up to so many numbers no index is needed.
    """
    existing = _existing(connection, _names_of(persona_id))
    if model is None:
        return bool(existing)
    keys = {"persona": persona_id, "model": model}
    size = connection.execute(_SIZE, keys).scalar()
    if size is None:
        return bool(existing)
    count = connection.execute(_SOME, {**keys, "most": exact_numbers // size + 1}).scalar_one()
    is_many = count * size > exact_numbers
    return is_many and not existing.get(index_name(persona_id, model, size), False)


def tend_indexes(database: Database, exact_numbers: int) -> None:
    """Make the indexes that are wanted and drop the others.

    An index is dropped when less than half is left of what it was made for.

    Raises:
        ProviderDown: Another process is at it.
    """
    with (
        database.alone("vector indexes") as is_alone,
        unhurried(database.engine) as connection,
    ):
        if not is_alone:
            raise ProviderDown("Another process is making an index of vectors.")
        groups = connection.execute(_GROUPS).all()
        existing = _existing(connection, PREFIX)
        for persona_id, model, size, count in groups:
            name = index_name(persona_id, model, size)
            is_there = existing.get(name, False)
            if count * size <= exact_numbers / (2 if is_there else 1):
                continue
            existing.pop(name, None)
            if not is_there:
                _allow_memory(connection, count)
                _make(connection, name, persona_id, model, size)
        for name in existing:
            _drop(connection, name)


def _existing(connection: Connection, prefix: str) -> dict[str, bool]:
    """Return the indexes whose names begin so, and whether each is complete."""
    rows = connection.execute(_EXISTING, {"prefix": prefix})
    return {row.relname: row.indisvalid for row in rows}


def _allow_memory(connection: Connection, windows: int) -> None:
    megabytes = min(MOST_MAKING_MB, 64 + windows * MAKING_BYTES // 2**20)
    connection.execute(text(f"SET maintenance_work_mem = '{megabytes}MB'"))


def _make(connection: Connection, name: str, persona_id: str, model: str, size: int) -> None:
    # One whose making was cut off is there and not valid.
    _drop(connection, name)
    statement = text(
        f'CREATE INDEX CONCURRENTLY "{name}" ON chunk_vectors'
        f" USING hnsw (({signs(size)}) bit_hamming_ops)"
        f" WHERE persona_id = :persona AND model = :model AND vector_dims(vector) = {size}"
    ).bindparams(
        # A command takes no parameters: these two are written into it, quoted by the driver.
        bindparam("persona", type_=String, literal_execute=True),
        bindparam("model", type_=String, literal_execute=True),
    )
    connection.execute(statement, {"persona": persona_id, "model": model})


def _drop(connection: Connection, name: str) -> None:
    connection.execute(text(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"'))
