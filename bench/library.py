"""A throw-away knowledge base for benches: documents in, questions asked, gone afterwards."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlmodel import Session

from clone_studio.db import Database
from clone_studio.models import Chunk, DocumentPage, Persona, StoredFile, User
from clone_studio.models.base import new_id
from clone_studio.providers.embeddings.local import LocalEmbedder
from clone_studio.providers.embeddings.protocol import Embedder, Vectors
from clone_studio.providers.search.database import DatabaseSearchIndex
from clone_studio.providers.search.segment import segments
from clone_studio.services.knowledge import chunk
from clone_studio.services.knowledge.analyse import terms
from clone_studio.services.knowledge.document import Page, Piece
from clone_studio.services.knowledge.retrieve import Retriever
from clone_studio.settings import get_settings

OWNER = "bench"


class NoVectors:
    """An embedder whose vectors say nothing: search is by words alone."""

    model = "none"
    dimension = 8

    def embed_query(self, text: str) -> Vectors:
        return np.zeros(8, np.float32)

    def embed_passages(self, texts: Iterable[str]) -> Vectors:
        return np.zeros((len(list(texts)), 8), np.float32)

    def check(self) -> str:
        return "There are no vectors."


class RandomVectors(NoVectors):
    """Vectors of the local model's size that cost nothing: to measure everything else."""

    model = "random"
    dimension = 384

    def __init__(self) -> None:
        self._generator = np.random.default_rng(7)

    def embed_query(self, text: str) -> Vectors:
        return self.embed_passages([text])[0]

    def embed_passages(self, texts: Iterable[str]) -> Vectors:
        found = self._generator.standard_normal((len(list(texts)), 384)).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def local_embedder() -> LocalEmbedder | None:
    """Return the local model, None when it has not been fetched."""
    embedder = LocalEmbedder(get_settings().local_models_dir)
    return embedder if (get_settings().local_models_dir / embedder.model).is_dir() else None


@dataclass
class Library:
    """Documents of one persona, with what is needed to search them."""

    database: Database
    index: DatabaseSearchIndex
    embedder: Embedder
    retriever: Retriever
    folder: Path
    persona_id: str = field(default_factory=new_id)

    def add(
        self,
        pages: Iterable[Page],
        name: str,
        cut: Callable[[Page], Iterable[Piece]] = chunk.pieces,
        *,
        vectors: bool = True,
    ) -> str:
        """Add a document of these pages and return the id of its file."""
        file_id = new_id()
        kept = list(pages)
        pieces = [(page, piece) for page in kept for piece in cut(page)]
        with self.database.write() as session:
            session.add(
                StoredFile(
                    id=file_id,
                    persona_id=self.persona_id,
                    name=name,
                    size=0,
                    sha256=file_id,
                    storage_key=file_id,
                    state="ready",
                    chunk_count=len(pieces),
                )
            )
            session.flush()
            rows = [_page_row(file_id, page) for page in kept]
            self.database.insert_rows(session, DocumentPage, rows)
            chunks = [
                _chunk_row(self.persona_id, file_id, position, page, piece)
                for position, (page, piece) in enumerate(pieces)
            ]
            self.database.insert_rows(session, Chunk, chunks)
            title = terms(Path(name).stem.replace("_", " "))
            found = (
                [*title, *terms(str(row["heading"])), *terms(str(row["text"]))] for row in chunks
            )
            for segment in segments(found):
                self.index.add(session, self.persona_id, file_id, segment)
            if vectors and type(self.embedder) is not NoVectors:
                self._embed(session, chunks)
        return file_id

    def _embed(self, session: Session, chunks: list[dict[str, object]]) -> None:
        pairs = [
            ((str(row["id"]), number), text)
            for row in chunks
            for number, text in enumerate(chunk.windows(str(row["text"])))
        ]
        if pairs:
            made = self.embedder.embed_passages([text for _, text in pairs])
            windows = [pair for pair, _ in pairs]
            self.index.add_vectors(session, self.persona_id, self.embedder.model, windows, made)


@contextmanager
def library(embedder: Embedder | None = None, address: str | None = None) -> Iterator[Library]:
    """Open an empty library, gone at the end.

    Args:
        embedder: Makes the vectors; none without it.
        address: Of an empty database; without it a file in a folder that is removed.
    """
    chosen: Embedder = embedder or NoVectors()
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        database = Database(address or f"sqlite:///{folder}/bench.db")
        database.migrate()
        index = DatabaseSearchIndex(database)
        retriever = Retriever(database, index=index, embedder=chosen)
        made = Library(database, index, chosen, retriever, Path(folder))
        with database.write() as session:
            session.add(User(id=OWNER, email="bench@example.org"))
            session.flush()
            session.add(Persona(id=made.persona_id, user_id=OWNER, slug="bench", name="Bench"))
        try:
            yield made
        finally:
            database.dispose()
            if isinstance(chosen, LocalEmbedder):
                chosen.close()


def _page_row(file_id: str, page: Page) -> dict[str, object]:
    return {
        "id": new_id(),
        "file_id": file_id,
        "number": page.number,
        "label": page.label,
        "text": page.text,
    }


def _chunk_row(
    persona_id: str, file_id: str, position: int, page: Page, piece: Piece
) -> dict[str, object]:
    return {
        "id": new_id(),
        "persona_id": persona_id,
        "file_id": file_id,
        "position": position,
        "page": page.number,
        "start": piece.start,
        "end": piece.end,
        "heading": piece.heading,
        "text": page.text[piece.start : piece.end],
        "enabled": True,
    }
