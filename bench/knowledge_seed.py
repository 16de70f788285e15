"""A clone with many chunks, written straight into a data folder: what is measured is asking."""

import random
from itertools import accumulate
from pathlib import Path

import numpy as np
from pydantic import SecretStr
from sqlmodel import Session, select

from bench.served import OWNER, models_folder
from clone_studio.bootstrap import Services, build
from clone_studio.models import Chunk, DocumentPage, Persona, StoredFile, User
from clone_studio.providers.search.segment import segments
from clone_studio.services.knowledge.analyse import terms
from clone_studio.settings import Settings

SLUG = "bench"
CHUNKS_A_FILE = 500
WINDOWS = 2
_SYLLABLES = ("ba", "cor", "den", "fil", "gan", "hom", "jel", "kir", "lum", "mor", "nat", "pel")


class Words:
    """Sentences of made-up words whose frequencies fall as those of a language do."""

    def __init__(self, seed: int = 5) -> None:
        self._random = random.Random(seed)
        self._words = ["".join(self._random.choices(_SYLLABLES, k=3)) for _ in range(20_000)]
        weights = (1 / (rank + 3) for rank in range(len(self._words)))
        self._weights = tuple(accumulate(weights))

    def text(self, words: int) -> str:
        """Return a sentence of so many words."""
        chosen = self._random.choices(self._words, cum_weights=self._weights, k=words)
        return " ".join(chosen).capitalize() + "."

    def questions(self, count: int) -> list[str]:
        """Return questions that share words with the chunks."""
        return [f"What about {self.text(6)[:-1]}?" for _ in range(count)]


def seed(data_dir: Path, chunks: int) -> None:
    """Make the owner and a clone with `chunks` ready chunks, each with two vectors."""
    settings = Settings(
        _env_file=None,
        data_dir=data_dir,
        models_dir=models_folder(),
        owner_email=OWNER[0],
        owner_password=SecretStr(OWNER[1]),
        llm="quotes",
        embeddings="local",
    )
    studio = build(settings)
    studio.database.migrate()
    studio.auth.ensure_owner()
    words, vectors = Words(), np.random.default_rng(5)
    with studio.database.write() as session:
        owner = session.exec(select(User)).one()
        persona = Persona(user_id=owner.id, slug=SLUG, name="Bench")
        session.add(persona)
        session.flush()
        studio.prompts.start_from(session, persona.id, "default", owner.id)
        for number in range(chunks // CHUNKS_A_FILE):
            _file(studio, session, persona.id, number, words, vectors)
    studio.database.dispose()


def _file(
    studio: Services,
    session: Session,
    persona_id: str,
    number: int,
    words: Words,
    vectors: np.random.Generator,
) -> None:
    stored = StoredFile(
        persona_id=persona_id,
        name=f"book-{number}.txt",
        size=1,
        sha256=f"{number:064}",
        storage_key=f"{number:032}",
        state="ready",
        stage="done",
        embedding="done",
        page_count=1,
        chunk_count=CHUNKS_A_FILE,
    )
    session.add(stored)
    session.flush()
    texts = [" ".join(words.text(18) for _ in range(8)) for _ in range(CHUNKS_A_FILE)]
    session.add(DocumentPage(file_id=stored.id, number=1, text="\n\n".join(texts)))
    rows, start = [], 0
    for position, text in enumerate(texts):
        rows.append(
            Chunk(
                persona_id=persona_id,
                file_id=stored.id,
                position=position,
                page=1,
                start=start,
                end=start + len(text),
                text=text,
            )
        )
        start += len(text) + 2
    session.add_all(rows)
    session.flush()
    for segment in segments(terms(row.text) for row in rows):
        studio.index.add(session, persona_id, stored.id, segment)
    pairs = [(row.id, window) for row in rows for window in range(WINDOWS)]
    random_vectors = vectors.standard_normal((len(pairs), studio.embedder.dimension))
    random_vectors /= np.linalg.norm(random_vectors, axis=1, keepdims=True)
    studio.index.add_vectors(
        session, persona_id, studio.embedder.model, pairs, random_vectors.astype(np.float32)
    )
