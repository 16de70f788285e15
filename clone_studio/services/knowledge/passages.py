"""What retrieval hands over: passages of the knowledge with their place and their ranks."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """A passage that was found.

    `start` and `end` are character offsets within the text of its page. `ranks` has the rank
    from 1 in each list that was made, `keyword`, `vector`, `fused` and `rerank`, None where
    the passage is not in it; all `vector` ranks are None when search by meaning did not serve.
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
    ranks: Mapping[str, int | None]
