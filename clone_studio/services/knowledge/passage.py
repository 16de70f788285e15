"""What retrieval hands on: a chunk with its place and its ranks."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Passage:
    """A retrieved chunk. `start` and `end` are offsets within the text of its page.

    `ranks` counts from 1 under keyword, vector, fused and rerank; None is "not found there".
    `similarity` is the cosine of the question and the chunk's best window, where known.
    """

    chunk_id: str
    file_id: str
    file: str
    page: int
    page_label: str
    start: int
    end: int
    heading: str
    text: str
    score: float
    ranks: dict[str, int | None] = field(default_factory=dict)
    similarity: float | None = None
