"""How the studio and its parts are, and what to do about it."""

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from clone_studio.db import Database
from clone_studio.errors import StudioError
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.llm.protocol import LanguageModel
from clone_studio.settings import MEBIBYTE, Settings

Status = Literal["ok", "degraded", "down"]
LOW_DISK = 500 * MEBIBYTE
# Anybody may ask for the health, and a check may call a vendor: it is made once a minute.
CHECK_SECONDS = 60.0


@dataclass(frozen=True)
class Part:
    """One part: how it is, in one sentence, and what mends it (empty when all is well)."""

    name: str
    status: Status
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Health:
    """The whole: as bad as its worst part."""

    status: Status
    parts: tuple[Part, ...]


class HealthService:
    """Looks after the parts. Blocking: call it from threads."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        llm: LanguageModel,
        embedder: Embedder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._database = database
        self._llm = llm
        self._embedder = embedder
        self._clock = clock
        self._lock = threading.Lock()
        self._checked: tuple[float, Part] | None = None

    def report(self) -> Health:
        """Return how every part is now."""
        parts = (self._database_part(), self._model_part(), self._meaning_part(), self._disk_part())
        statuses = {part.status for part in parts}
        bad: tuple[Status, ...] = ("down", "degraded")
        return Health(next((one for one in bad if one in statuses), "ok"), parts)

    def _database_part(self) -> Part:
        try:
            with self._database.read() as session:
                session.connection().execute(text("SELECT 1"))
        except SQLAlchemyError:
            return Part(
                "database",
                "down",
                "The database does not answer.",
                "Check that the data folder exists, is writable and its disk is not full.",
            )
        return Part("database", "ok", "The database answers.")

    def _model_part(self) -> Part:
        if self._llm.kind == "quotes":
            return Part(
                "language model",
                "ok",
                "No language model is set: clones answer with quotes from their files.",
                "Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own.",
            )
        where = self._settings.openai_base_url
        place = urlsplit(where).netloc.rpartition("@")[2] if where else "OpenAI"
        return Part(
            "language model", "ok", f"Answers are written by {self._llm.default_model} at {place}."
        )

    def _meaning_part(self) -> Part:
        with self._lock:
            now = self._clock()
            if self._checked is None or now - self._checked[0] >= CHECK_SECONDS:
                self._checked = now, self._check_embedder()
            return self._checked[1]

    def _check_embedder(self) -> Part:
        name = "embedding model"
        try:
            return Part(name, "ok", self._embedder.check())
        except StudioError as error:
            return Part(
                name,
                "degraded",
                f"Search by meaning is off, search by words works. {error.detail}",
                "Run ./studio models install, or set OPENAI_API_KEY.",
            )

    def _disk_part(self) -> Part:
        try:
            free = shutil.disk_usage(self._settings.data_dir).free
        except OSError:
            return Part("disk", "down", "The data folder cannot be read.", "Check STUDIO_DATA_DIR.")
        gigabytes = f"{free / 1024**3:.1f} GB free."
        if free < LOW_DISK:
            return Part("disk", "degraded", gigabytes, "Free some space on the data folder's disk.")
        return Part("disk", "ok", gigabytes)
