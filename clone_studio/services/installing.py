"""Installing local models while the studio runs: one at a time, in a thread of its own."""

import asyncio
import logging
import threading
from dataclasses import dataclass, replace
from typing import Literal

from clone_studio.db import Database
from clone_studio.errors import Conflict, StudioError
from clone_studio.providers.local_models import LocalModels
from clone_studio.providers.model_sources import Progress
from clone_studio.services.audit import AuditService
from clone_studio.services.stored_settings import require_owner

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Installation:
    """The last installation: `done`, `total` and `rate` are bytes, and bytes a second.

    `problem` says why it failed and what to do.
    """

    name: str
    state: Literal["running", "installed", "stopped", "failed"] = "running"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    problem: str = ""


class _Stopped(Exception):
    """Somebody stopped the installation."""


class ModelInstaller:
    """Installs models for the owner.

    Args:
        models: Fetches them.
        database: Knows who the owner is.
        audit: Notes who installed what.
    """

    def __init__(self, models: LocalModels, database: Database, *, audit: AuditService) -> None:
        self._models = models
        self._database = database
        self._audit = audit
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._last: Installation | None = None

    @property
    def last(self) -> Installation | None:
        """The installation that runs, or the last one since the studio started."""
        return self._last

    @property
    def is_stopping(self) -> bool:
        """Whether the installation was told to stop."""
        return self._stop.is_set()

    async def begin(self, user_id: str, name: str) -> None:
        """Begin to install a model; `last` tells how it goes.

        Raises:
            NotFound: The user is not the owner.
            Conflict: One is being installed already.
        """
        await asyncio.to_thread(self._note, user_id, name)
        if self._task is not None and not self._task.done():
            raise Conflict("A model is being installed already. Wait for it, or stop it.")
        self._stop.clear()
        self._last = Installation(name)
        self._task = asyncio.create_task(self._run(name))

    async def stop(self, user_id: str) -> None:
        """Stop the installation that runs; what has arrived is kept.

        Raises:
            NotFound: The user is not the owner.
        """
        await asyncio.to_thread(self._require_owner, user_id)
        await self.close()

    async def close(self) -> None:
        """Stop the installation that runs, for a studio that ends."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self, name: str) -> None:
        ended = Installation(name, "installed")
        try:
            await asyncio.to_thread(self._models.install, name, self._report)
        except _Stopped:
            ended = Installation(name, "stopped")
        except StudioError as error:
            ended = Installation(name, "failed", problem=error.detail)
        except Exception:
            logger.exception("The model %s was not installed", name)
            problem = "The installation ended unexpectedly. The studio's log has the details."
            ended = Installation(name, "failed", problem=problem)
        self._last = ended
        logger.info("Installation of %s: %s", name, ended.state)

    def _report(self, progress: Progress) -> None:
        """Take what a thread says: it replaces one value, which is read whole."""
        if self._stop.is_set():
            raise _Stopped
        if self._last is not None:
            self._last = replace(
                self._last, done=progress.done, total=progress.total, rate=progress.rate
            )

    def _require_owner(self, user_id: str) -> None:
        with self._database.read() as session:
            require_owner(session, user_id)

    def _note(self, user_id: str, name: str) -> None:
        self._require_owner(user_id)
        with self._database.write() as session:
            self._audit.write(session, "model.install", user_id=user_id, subject=name)
