"""The column of a vector: bytes in Python, bytes on SQLite, pgvector's type on PostgreSQL."""

from typing import Any

import numpy as np
from sqlalchemy import Integer, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType


class PgVector(UserDefinedType[str]):
    """pgvector's `vector`, of any size; its text is `[0.5,1]`."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        """Return the type as DDL names it."""
        return "vector"


class FloatVector(TypeDecorator[bytes]):
    """A vector as float32, little-endian, one after the other."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what keeps it in this database."""
        kept = PgVector() if dialect.name == "postgresql" else LargeBinary()
        return dialect.type_descriptor(kept)

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:
        """Give PostgreSQL the text of a vector."""
        if value is None or dialect.name != "postgresql":
            return value
        return vector_text(np.frombuffer(value, "<f4"))

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        """Take the text that PostgreSQL gives; it tells each number exactly."""
        if value is None:
            return None
        if dialect.name != "postgresql":
            return bytes(value)
        return np.array(value.strip("[]").split(","), "<f4").tobytes()


class dimensions(FunctionElement[int]):
    """How many numbers the vector in a column has, on either engine."""

    type = Integer()
    inherit_cache = True


@compiles(dimensions)
def _by_length(element: dimensions, compiler: SQLCompiler, **options: Any) -> str:
    return f"length({compiler.process(element.clauses, **options)}) / 4"


@compiles(dimensions, "postgresql")
def _by_pgvector(element: dimensions, compiler: SQLCompiler, **options: Any) -> str:
    return f"vector_dims({compiler.process(element.clauses, **options)})"


def vector_text(vector: "np.ndarray[Any, np.dtype[np.float32]]") -> str:
    """Return a vector as pgvector reads it, each number by as many digits as it needs."""
    return "[" + ",".join(map(str, vector.astype(np.float32))) + "]"
