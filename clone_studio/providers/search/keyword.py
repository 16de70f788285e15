"""Keyword search: BM25 over segments of an inverted index, kept as rows of the database.

The rows are the index; what a process keeps in memory is four bytes a chunk, its length.
Every search begins with the list of segments of the persona's ready files, read in the same
snapshot as the postings, so that a deleted file is gone with its deletion, on any process.

BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), with the
never negative weight of rare terms that Lucene uses.
"""

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, text
from sqlalchemy.engine import Connection
from sqlmodel import Session

from clone_studio.db import Database
from clone_studio.models import IndexPosting, IndexSegment
from clone_studio.providers.search.protocol import Hit, TermCounts
from clone_studio.providers.search.segment import Segment

K1 = 1.2
B = 0.75
MOST_TERMS = 64
REMEMBERED_PERSONAS = 64

_SEGMENTS = text(
    "SELECT s.id FROM index_segments s JOIN files f ON f.id = s.file_id"
    " WHERE s.persona_id = :persona AND f.state IN ('ready', 'ready_with_warnings') ORDER BY s.id"
)
_LENGTHS = text(
    "SELECT id, file_id, first, lengths FROM index_segments WHERE persona_id = :persona"
)
_POSTINGS = text(
    "SELECT p.segment_id, p.term, p.chunks FROM index_postings p WHERE p.term IN :terms"
    " AND p.segment_id IN (SELECT id FROM index_segments WHERE persona_id = :persona)"
).bindparams(bindparam("terms", expanding=True))
# Lists go in as one value: binding a hundred takes longer than reading the rows.
# CROSS JOIN keeps SQLite from reading all chunks first.
_SQLITE_CHUNKS = text(
    "SELECT c.file_id, c.position, c.id FROM json_each(:spots) s CROSS JOIN chunks c"
    " ON c.file_id = json_extract(s.value, '$[0]') AND c.position = json_extract(s.value, '$[1]')"
)
_POSTGRES_CHUNKS = text(
    "SELECT c.file_id, c.position, c.id FROM chunks c"
    " JOIN unnest(CAST(:files AS varchar[]), CAST(:positions AS integer[])) AS s(file, position)"
    " ON c.file_id = s.file AND c.position = s.position"
)
_DISABLED = text(
    "SELECT file_id, position FROM chunks WHERE persona_id = :persona AND enabled = false"
)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Layout:
    """All chunks of a persona's ready files in one row, segment after segment.

    `starts` is the place of each segment's first chunk, `spans` are `(start, file_id, first)`
    in the order of the row, and `penalty` is what the length of each chunk adds to a count.
    """

    segment_ids: tuple[int, ...]
    starts: dict[int, int]
    spans: tuple[tuple[int, str, int], ...]
    penalty: Floats

    def __len__(self) -> int:
        return len(self.penalty)

    def chunk_at(self, place: int) -> tuple[str, int]:
        """Return `(file_id, position)` of the chunk at `place`."""
        start, file_id, first = self.spans[bisect_right(self.spans, place, key=itemgetter(0)) - 1]
        return file_id, first + place - start

    def place_of(self, file_id: str, position: int) -> int | None:
        """Return the place of a chunk, None when its file is not part of the row."""
        for number, (start, of_file, first) in enumerate(self.spans):
            end = self.spans[number + 1][0] if number + 1 < len(self.spans) else len(self)
            if of_file == file_id and first <= position < first + end - start:
                return start + position - first
        return None


class KeywordIndex:
    """The keyword half of the database's search index."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._layouts: OrderedDict[str, _Layout] = OrderedDict()
        self._lock = Lock()

    def add(self, session: Session, persona_id: str, file_id: str, segment: Segment) -> None:
        """Add a segment of a file."""
        lengths = np.minimum(np.array(segment.lengths, dtype=np.uint32), 65535).astype("<u2")
        row = IndexSegment(
            persona_id=persona_id, file_id=file_id, first=segment.first, lengths=lengths.tobytes()
        )
        session.add(row)
        session.flush()
        rows = [
            {"segment_id": row.id, "term": term, "chunks": chunks}
            for term, chunks in sorted(segment.postings.items())
        ]
        self._database.insert_rows(session, IndexPosting, rows)

    def search(self, persona_id: str, terms: Sequence[str], limit: int) -> list[Hit]:
        """Return the best `limit` chunks by BM25, best first."""
        wanted = list(dict.fromkeys(terms))[:MOST_TERMS]
        if not wanted or limit < 1:
            return []
        with self._database.read() as session:
            layout = self._layout(session, persona_id)
            if not layout.segment_ids:
                return []
            scores = _scores(layout, self._postings(session, persona_id, wanted, layout))
            return _best(session, persona_id, layout, scores, limit)

    def counts(self, persona_id: str, terms: Sequence[str]) -> TermCounts:
        """Return how many chunks hold each of `terms`."""
        wanted = list(dict.fromkeys(terms))[:MOST_TERMS]
        with self._database.read() as session:
            layout = self._layout(session, persona_id)
            found = self._postings(session, persona_id, wanted, layout) if wanted else {}
        holding = {term: sum(len(blob) // 3 for _, blob in found.get(term, ())) for term in wanted}
        return TermCounts(len(layout), holding)

    def _layout(self, session: Session, persona_id: str) -> _Layout:
        """Return where the chunks of the persona's ready files are, as this snapshot has them."""
        ids = tuple(session.connection().execute(_SEGMENTS, {"persona": persona_id}).scalars())
        with self._lock:
            known = self._layouts.get(persona_id)
        if known is None or known.segment_ids != ids:
            rows = session.connection().execute(_LENGTHS, {"persona": persona_id}).all()
            known = _laid_out(ids, {row[0]: (row[1], row[2], row[3]) for row in rows})
        with self._lock:
            self._layouts[persona_id] = known
            self._layouts.move_to_end(persona_id)
            while len(self._layouts) > REMEMBERED_PERSONAS:
                self._layouts.popitem(last=False)
        return known

    def _postings(
        self, session: Session, persona_id: str, terms: list[str], layout: _Layout
    ) -> dict[str, list[tuple[int, bytes]]]:
        """Return `(start, packed postings)` of each term that was found."""
        found: dict[str, list[tuple[int, bytes]]] = {}
        keys = {"persona": persona_id, "terms": terms}
        for segment_id, term, chunks in session.connection().execute(_POSTINGS, keys).all():
            start = layout.starts.get(segment_id)
            if start is not None:
                found.setdefault(term, []).append((start, chunks))
        return found


def _laid_out(ids: tuple[int, ...], rows: dict[int, tuple[str, int, bytes]]) -> _Layout:
    starts: dict[int, int] = {}
    spans: list[tuple[int, str, int]] = []
    parts: list[Floats] = []
    total = 0
    for segment_id in ids:
        file_id, first, packed = rows[segment_id]
        starts[segment_id] = total
        spans.append((total, file_id, first))
        parts.append(np.frombuffer(packed, dtype="<u2").astype(np.float32))
        total += len(parts[-1])
    lengths = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    average = float(lengths.mean()) if total else 1.0
    penalty = K1 * (1 - B + B / max(average, 1.0) * lengths)
    return _Layout(ids, starts, tuple(spans), penalty.astype(np.float32))


def _scores(layout: _Layout, found: dict[str, list[tuple[int, bytes]]]) -> Floats:
    scores = np.zeros(len(layout), dtype=np.float32)
    for postings in found.values():
        holding = sum(len(blob) // 3 for _, blob in postings)
        weight = np.float32(np.log(1 + (len(layout) - holding + 0.5) / (holding + 0.5)))
        for start, blob in postings:
            count = len(blob) // 3
            places = np.frombuffer(blob, "<u2", count).astype(np.int64) + start
            often = np.frombuffer(blob, np.uint8, count, count * 2).astype(np.float32)
            # A chunk stands at most once in a term's list, so that plain adding is right.
            scores[places] += weight * often * (K1 + 1) / (often + layout.penalty[places])
    return scores


def _best(
    session: Session, persona_id: str, layout: _Layout, scores: Floats, limit: int
) -> list[Hit]:
    connection = session.connection()
    for file_id, position in connection.execute(_DISABLED, {"persona": persona_id}):
        place = layout.place_of(file_id, position)
        if place is not None:
            scores[place] = 0
    many = min(limit, int(np.count_nonzero(scores)))
    if many == 0:
        return []
    top = np.argpartition(scores, -many)[-many:]
    # Equal scores keep the order of the documents, so that a search repeats exactly.
    top = top[np.lexsort((top, -scores[top]))]
    spots = [layout.chunk_at(place) for place in top.tolist()]
    ids = _ids_of(connection, spots)
    return [
        Hit(ids[spot], float(scores[place]))
        for spot, place in zip(spots, top, strict=True)
        if spot in ids
    ]


def _ids_of(connection: Connection, spots: list[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return the ids of the chunks that stand at `(file_id, position)`."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(_SQLITE_CHUNKS, {"spots": json.dumps(spots)})
    else:
        files, positions = [spot[0] for spot in spots], [spot[1] for spot in spots]
        rows = connection.execute(_POSTGRES_CHUNKS, {"files": files, "positions": positions})
    return {(file_id, position): chunk_id for file_id, position, chunk_id in rows}
