"""A piece of an inverted index: which terms stand in which of a file's consecutive chunks."""

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Positions are 16 bits and counts 8: three bytes a posting.
SEGMENT_CHUNKS = 1000
_MOST = 255


@dataclass(frozen=True)
class Segment:
    """Consecutive chunks of one file, inverted.

    `first` is the position in the file of the first chunk and `lengths` holds the number of
    terms of each. `postings` has, for each term, the positions relative to `first` as little-
    endian 16-bit numbers, ascending, followed by as many 8-bit counts.
    """

    first: int
    lengths: tuple[int, ...]
    postings: dict[str, bytes]


class SegmentBuilder:
    """Collects chunks in the order of the file and inverts them.

    Args:
        first: Position in the file of the first chunk.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self._lengths: list[int] = []
        self._postings: dict[str, tuple[array[int], array[int]]] = {}

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, terms: Iterable[str]) -> None:
        """Append the next chunk, given its terms with repetitions."""
        position, counts = len(self._lengths), Counter(terms)
        for term, count in counts.items():
            columns = self._postings.get(term)
            if columns is None:
                columns = self._postings[term] = (array("H"), array("B"))
            columns[0].append(position)
            columns[1].append(min(count, _MOST))
        self._lengths.append(counts.total())

    def build(self) -> Segment:
        """Return what was collected."""
        packed: dict[str, bytes] = {}
        for term, (positions, counts) in self._postings.items():
            if sys.byteorder == "big":
                positions.byteswap()
            packed[term] = positions.tobytes() + counts.tobytes()
        return Segment(self.first, tuple(self._lengths), packed)


def segments(chunks: Iterable[Iterable[str]]) -> Iterator[Segment]:
    """Yield the segments of a whole file, given the terms of its chunks in order."""
    builder = SegmentBuilder()
    for terms in chunks:
        builder.add(terms)
        if len(builder) >= SEGMENT_CHUNKS:
            yield builder.build()
            builder = SegmentBuilder(builder.first + len(builder))
    if len(builder):
        yield builder.build()
