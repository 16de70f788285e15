"""How the studio's vectors look at Pinecone: ids, metadata, and batches within the limits."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from clone_studio.providers.embeddings.protocol import Vectors

# Pinecone takes 1,000 vectors and 2 MB a request; the names around a batch take some bytes, too.
MOST_RECORDS = 1000
MOST_BYTES = 1_950_000
_MODEL_CHARS = 8


def tag(model: str) -> str:
    """Return what tells the vectors of one model from those of another in an id."""
    return hashlib.sha256(model.encode()).hexdigest()[:_MODEL_CHARS]


def vector_id(chunk_id: str, window: int, model: str) -> str:
    """Return `chunk#window#model`.

    Two models' vectors of one chunk stand side by side while a clone is embedded anew.
    """
    return f"{chunk_id}#{window}#{tag(model)}"


def parsed_id(text: str) -> tuple[str, int, str] | None:
    """Return chunk, window and tag of the model; None for an id of another make."""
    chunk_id, _, rest = text.partition("#")
    window, _, model = rest.partition("#")
    return (chunk_id, int(window), model) if chunk_id and window.isdecimal() and model else None


def records(
    file_of: dict[str, str], model: str, windows: Sequence[tuple[str, int]], vectors: Vectors
) -> Iterator[dict[str, Any]]:
    """Yield what is sent for each window.

    A vector of zeros has no direction: Pinecone refuses it, and no search could find it.
    """
    for (chunk_id, window), vector in zip(windows, vectors, strict=True):
        if vector.any():
            yield {
                "id": vector_id(chunk_id, window, model),
                "values": vector.astype(float).tolist(),
                "metadata": {"file": file_of[chunk_id], "chunk": chunk_id, "model": model},
            }


def batches(
    all_records: Iterable[dict[str, Any]],
    *,
    most_records: int = MOST_RECORDS,
    most_bytes: int = MOST_BYTES,
) -> Iterator[list[dict[str, Any]]]:
    """Yield records in groups that fit into one request each."""
    batch: list[dict[str, Any]] = []
    size = 0
    for record in all_records:
        more = len(json.dumps(record, separators=(",", ":"))) + 1
        if batch and (len(batch) >= most_records or size + more > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += more
    if batch:
        yield batch
