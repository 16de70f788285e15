"""How the studio and its parts are, and what to do about it."""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from clone_studio.db import Database
from clone_studio.errors import StudioError
from clone_studio.providers.cache.protocol import Cache
from clone_studio.providers.embeddings.protocol import Embedder
from clone_studio.providers.llm.protocol import LanguageModel
from clone_studio.providers.search.protocol import RemoteVectors
from clone_studio.providers.speech.protocol import SpeechEngine
from clone_studio.services import workload
from clone_studio.services.knowledge.rebuild import CloneRebuild, Rebuild
from clone_studio.services.stored_settings import StoredSettings
from clone_studio.settings import MEBIBYTE

logger = logging.getLogger(__name__)

Status = Literal["ok", "degraded", "down"]
VECTORS = "vectors"
LOW_DISK = 500 * MEBIBYTE
# Anybody may ask for the health, and a check may call a vendor: it is made once a minute, or
# as often as this where a person asks for it.
CHECK_SECONDS = 60.0
AGAIN_SECONDS = 3.0
DEADLINE_SECONDS = 5.0


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
    """Looks after the parts.

    Args:
        stored: The settings in force, and what is wrong with stored ones.
        database: Is asked itself, and tells what waits for work.
        cache: Is asked where it keeps things, and whether it answers.
        llm: Is asked whether it answers.
        embedder: Is asked whether it works.
        speech_engine: Is asked whether it speaks.
        rebuild: Tells which clones wait for another embedding model; None for no such part.
        vectors: Where vectors may be kept elsewhere; asked where the settings name a place.
        clock: Seconds, for tests.
        deadline: Seconds that a caller waits for an outside part.
    """

    def __init__(
        self,
        stored: StoredSettings,
        database: Database,
        *,
        cache: Cache,
        llm: LanguageModel,
        embedder: Embedder,
        speech_engine: SpeechEngine,
        vectors: RemoteVectors,
        rebuild: Rebuild | None = None,
        clock: Callable[[], float] = time.monotonic,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self._stored = stored
        self._database = database
        self._cache = cache
        self._llm = llm
        self._embedder = embedder
        self._speech_engine = speech_engine
        self._rebuild = rebuild
        self._clock = clock
        self._counted: tuple[float, tuple[Part, ...]] | None = None
        self._kept = _Asked("cache", self._ask_cache, clock, deadline)
        self._model = _Asked("language model", self._ask_model, clock, deadline)
        self._meaning = _Asked("embedding model", self._ask_embedder, clock, deadline)
        self._remote = vectors
        self._vectors = _Asked(VECTORS, self._ask_vectors, clock, deadline)
        self._speech = _Asked("speech", self._ask_speech, clock, deadline)

    async def report(self, *, again: bool = False) -> Health:
        """Return how every part is.

        Args:
            again: Ask outside services anew, not once a minute only.
        """
        most = AGAIN_SECONDS if again else CHECK_SECONDS
        # Another model may be in use since the last check.
        key = self._stored.revision
        inside, kept, model, meaning, vectors, speech = await asyncio.gather(
            asyncio.to_thread(self._inside, again),
            self._kept.part(key, most),
            self._model.part(key, most),
            self._meaning.part(key, most),
            self._vectors.part(key, most),
            self._speech.part(key, most),
        )
        database, *others, disk = inside
        elsewhere = (vectors,) if vectors.detail else ()
        parts = (database, kept, model, meaning, *elsewhere, speech, *others, disk)
        statuses = {part.status for part in parts}
        bad: tuple[Status, ...] = ("down", "degraded")
        return Health(next((one for one in bad if one in statuses), "ok"), parts)

    async def close(self) -> None:
        """End checks that still wait."""
        self._kept.cancel()
        self._model.cancel()
        self._meaning.cancel()
        self._vectors.cancel()
        self._speech.cancel()

    def _inside(self, again: bool) -> tuple[Part, ...]:
        """Return the parts that are asked of this machine: the database first, the disk last."""
        try:
            facts = workload.read(self._database)
        except SQLAlchemyError:
            logger.warning("The database does not answer", exc_info=True)
            return (_lost_database(self._database), disk(self._stored.given.data_dir))
        return (
            Part("database", "ok", _database_words(facts)),
            _search(facts),
            _jobs(facts),
            *self._building(again),
            *self._settings(),
            disk(self._stored.given.data_dir),
        )

    def _settings(self) -> tuple[Part, ...]:
        """Return a part for stored settings that are not used; none while all are."""
        problems = self._stored.problems()
        if not problems:
            return ()
        fix = "The owner enters them again in Settings, under Keys and services."
        return (Part("stored settings", "degraded", " ".join(problems.values()), fix),)

    def _building(self, again: bool) -> tuple[Part, ...]:
        """Return a part while another embedding model is built; counting it takes a moment."""
        if self._rebuild is None:
            return ()
        most = 0.0 if again else AGAIN_SECONDS
        if self._counted is None or self._clock() - self._counted[0] >= most:
            clones = self._rebuild.progress()
            self._counted = self._clock(), (_rebuild_part(clones),) if clones else ()
        return self._counted[1]

    async def _ask_cache(self) -> Part:
        name = "cache"
        try:
            return Part(name, "ok", await asyncio.to_thread(self._cache.check))
        except StudioError as error:
            return Part(
                name,
                "degraded",
                error.detail,
                "See that Redis runs and that REDIS_URL is right. The studio tries again by "
                "itself.",
            )

    async def _ask_model(self) -> Part:
        name = "language model"
        try:
            detail = await self._llm.check()
        except StudioError as error:
            return Part(
                name,
                "degraded",
                f"Clones cannot answer now. {error.detail}",
                "Settings, Local models: “Install” fetches it."
                if self._llm.kind == "local"
                else "Settings, Keys and services: “Test” tries the address and the key.",
            )
        quoting = self._llm.kind == "quotes"
        fix = (
            "To have answers written, enter a key or an address in Settings, or install the "
            "language model there, under Local models."
        )
        return Part(name, "ok", detail, fix if quoting else "")

    async def _ask_embedder(self) -> Part:
        name = "embedding model"
        try:
            return Part(name, "ok", await asyncio.to_thread(self._embedder.check))
        except StudioError as error:
            local = not self._stored.in_force().uses_openai_embeddings
            old = await asyncio.to_thread(self._rebuild.old) if self._rebuild else None
            effect = (
                f"The chosen model does not work; {old.model} is still in use."
                if old
                else "Search by meaning is off, search by words works."
            )
            return Part(
                name,
                "degraded",
                f"{effect} {error.detail}",
                "Run ./studio models install embedding, then restart the studio."
                if local
                else "Settings, Keys and services: “Test” tries the address and the key.",
            )

    async def _ask_vectors(self) -> Part:
        """Return how the store of vectors elsewhere is; without words where none is used."""
        try:
            now = await asyncio.to_thread(self._stored.in_force)
        except SQLAlchemyError:
            # Where settings are stored is not known, and the part of the database says why.
            return Part(VECTORS, "ok", "")
        if not now.uses_pinecone and not self._remote.is_set:
            return Part(VECTORS, "ok", "")
        try:
            dimension = await asyncio.to_thread(lambda: self._embedder.dimension)
            return Part(VECTORS, "ok", await asyncio.to_thread(self._remote.check, dimension))
        except StudioError as error:
            return Part(
                VECTORS,
                "degraded",
                f"Clones whose vectors are at Pinecone are searched by words only. {error.detail}",
                "Settings, Search by meaning: “Test” tries the key and the index. Deletions there "
                "are done by themselves when it answers again; try files that failed again in "
                "Files.",
            )

    async def _ask_speech(self) -> Part:
        name = "speech"
        try:
            return Part(name, "ok", await self._speech_engine.check())
        except StudioError as error:
            local = self._speech_engine.kind == "local"
            return Part(
                name,
                "degraded",
                f"Answers cannot be heard now; their text is complete. {error.detail}",
                "Run ./studio models install speech."
                if local
                else "Settings, Speech: “Test” tries the address and the key.",
            )


class _Asked:
    """A part that is asked over the network: seldom, once for all callers, never for long."""

    def __init__(
        self,
        name: str,
        ask: Callable[[], Awaitable[Part]],
        clock: Callable[[], float],
        deadline: float,
    ) -> None:
        self._name = name
        self._ask = ask
        self._clock = clock
        self._deadline = deadline
        self._task: asyncio.Future[Part] | None = None
        self._key = -1
        self._began = 0.0

    async def part(self, key: int, most: float) -> Part:
        """Return how the part was at most `most` seconds ago; another `key` asks anew."""
        if self._task is None or self._is_old(self._task, key, most):
            self._key, self._began = key, self._clock()
            self._task = asyncio.ensure_future(self._ask())
        task = self._task
        await asyncio.wait({task}, timeout=self._deadline)
        if task.done() and not task.cancelled():
            return task.result()
        return Part(
            self._name,
            "degraded",
            f"No answer came within {self._deadline:g} seconds.",
            "It may be busy or starting: check again in a moment. If it stays so, test the "
            "address in Settings, under Keys and services.",
        )

    def cancel(self) -> None:
        """Stop waiting for an answer that is outstanding."""
        if self._task is not None and not self._task.done():
            self._task.cancel()

    def _is_old(self, task: "asyncio.Future[Part]", key: int, most: float) -> bool:
        if self._key != key or task.cancelled():
            return True
        if not task.done():
            return False
        return task.exception() is not None or self._clock() - self._began >= most


def disk(folder: Path) -> Part:
    """Return how much room there is where `folder` is."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return Part("disk", "down", "The data folder cannot be read.", "Check STUDIO_DATA_DIR.")
    gigabytes = f"{free / 1024**3:.1f} GB free."
    if free < LOW_DISK:
        return Part("disk", "degraded", gigabytes, "Free some space on the data folder's disk.")
    return Part("disk", "ok", gigabytes)


def _lost_database(database: Database) -> Part:
    if not database.is_sqlite:
        return Part(
            "database",
            "down",
            "The PostgreSQL server does not answer, or does not let the studio in.",
            "Check that the server runs and that DATABASE_URL is right: its host, name, user and "
            "password. The studio's log has what the server said.",
        )
    return Part(
        "database",
        "down",
        "The database does not answer.",
        "Check that the data folder exists, is writable and its disk is not full.",
    )


def _database_words(facts: workload.Workload) -> str:
    size = f", {facts.bytes / MEBIBYTE:,.1f} MB" if facts.bytes else ""
    return f"The database answers: {facts.engine}, schema {facts.schema}{size}."


def _search(facts: workload.Workload) -> Part:
    if facts.unembedded_failed:
        return Part(
            "search",
            "degraded",
            f"{facts.unembedded_failed:,} of {facts.files:,} files are found by their words only.",
            "When the embedding model works again, try these files again in Files, or restart "
            "the studio.",
        )
    if facts.waiting_chunks:
        return Part(
            "search",
            "ok",
            f"{facts.waiting_chunks:,} of {facts.chunks:,} passages wait for search by meaning; "
            "their words are found already.",
        )
    return Part("search", "ok", f"{facts.chunks:,} passages are found by words and by meaning.")


def _rebuild_part(clones: Sequence[CloneRebuild]) -> Part:
    name = "embedding rebuild"
    done, total = sum(one.done for one in clones), sum(one.total for one in clones)
    words = (
        f"Embedded by {clones[0].new}: {done:,} of {total:,} passages. Until then "
        f"{', '.join(sorted({one.old for one in clones}))} answers."
    )
    error = next((one.error for one in clones if one.error), "")
    if error:
        fix = "Settings, Models: “Try again” goes on, “Go back” keeps the old model."
        return Part(name, "degraded", f"It stands still. {error} {words}", fix)
    problem = next((one.problem for one in clones if one.problem), "")
    if problem:
        words = (
            f"Clones are searched by words only until it is done: {problem} Embedded by "
            f"{clones[0].new}: {done:,} of {total:,} passages."
        )
        fix = "Wait for it, or make the old model usable again: Settings, Keys and services."
        return Part(name, "degraded", words, fix)
    return Part(name, "ok", words)


def _jobs(facts: workload.Workload) -> Part:
    words = f"{facts.jobs_running:,} at work, {facts.jobs_waiting:,} waiting"
    if facts.jobs_stuck:
        return Part("jobs", "degraded", f"{words}; nobody takes them up.", "Restart the studio.")
    if facts.jobs_failed:
        return Part(
            "jobs",
            "degraded",
            f"{words}, {facts.jobs_failed:,} failed in the last day.",
            "Files of the clone says what failed and why; the studio's log has the details.",
        )
    return Part("jobs", "ok", f"{words}.")
