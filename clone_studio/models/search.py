"""The keyword index, kept as rows: the same on every database engine."""

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel


class IndexSegment(SQLModel, table=True):
    """Consecutive chunks of one file; `lengths` has 16 bits a chunk, its number of terms."""

    __tablename__ = "index_segments"
    __table_args__ = (
        Index("ix_index_segments_persona_id_file_id", "persona_id", "file_id"),
        # An id is never given twice, so that what a process remembers by it stays true.
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    persona_id: str = Field(foreign_key="personas.id", ondelete="CASCADE")
    file_id: str = Field(foreign_key="files.id", ondelete="CASCADE")
    first: int
    lengths: bytes = Field(sa_type=LargeBinary)


class IndexPosting(SQLModel, table=True):
    """Where one term stands in a segment, packed as `providers/search/segment.py` says."""

    __tablename__ = "index_postings"
    __table_args__ = ({"sqlite_with_rowid": False},)

    segment_id: int = Field(foreign_key="index_segments.id", ondelete="CASCADE", primary_key=True)
    term: str = Field(primary_key=True, max_length=60)
    chunks: bytes = Field(sa_type=LargeBinary)
