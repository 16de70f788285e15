"""What Pinecone accepts, and what it says of anything else."""

from typing import Any

MOST_VECTORS = 1000
MOST_METADATA = 40 * 1024
MOST_ID = 512


class Refusal(Exception):
    """A request that is refused."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> dict[str, Any]:
        """Return the body of the answer, in the shape of the data plane."""
        return {"code": 5 if self.status == 404 else 3, "message": self.message, "details": []}


def require(condition: bool, status: int, message: str) -> None:
    """Refuse a request unless `condition` holds."""
    if not condition:
        raise Refusal(status, message)


def refuse_bad_upsert(rows: list[dict[str, Any]], dimension: int) -> None:
    """Refuse vectors that break a rule."""
    require(0 < len(rows) <= MOST_VECTORS, 400, f"At most {MOST_VECTORS} vectors a request")
    require(len({row["id"] for row in rows}) == len(rows), 400, "Ids are not unique")
    for row in rows:
        name = row["id"]
        require(1 <= len(name) <= MOST_ID and name.isascii(), 400, "A bad id")
        values = row["values"]
        require(
            len(values) == dimension,
            400,
            f"Vector dimension {len(values)} does not match the dimension of the index {dimension}",
        )
        require(any(values), 400, "Dense vectors must contain at least one non-zero value")
        _refuse_bad_metadata(row.get("metadata", {}))


def _refuse_bad_metadata(metadata: dict[str, Any]) -> None:
    require(len(str(metadata)) <= MOST_METADATA, 400, "Metadata size is over the limit")
    for key, value in metadata.items():
        plain = isinstance(value, str | int | float | bool)
        texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
        require(not key.startswith("$") and (plain or texts), 400, "Bad metadata")


def matches(metadata: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
    """Say whether metadata is as a filter of equality, `$eq` and `$in` says."""
    for key, rule in (wanted or {}).items():
        value = metadata.get(key)
        rules = rule if isinstance(rule, dict) else {"$eq": rule}
        for operator, operand in rules.items():
            require(operator in {"$eq", "$in"}, 400, f"{operator} is not supported")
            if operator == "$in":
                require(len(operand) <= 10_000, 400, "Too many values")
                if value not in operand:
                    return False
            elif value != operand:
                return False
    return True
