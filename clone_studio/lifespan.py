"""What runs for as long as the studio is served: start in order, stop in reverse."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import reflex as rx

from clone_studio.bootstrap import Services, services
from clone_studio.errors import ProviderError
from clone_studio.live import Live
from clone_studio.logs import set_up
from clone_studio.upkeep import migrator
from clone_studio.worker import Worker

logger = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def studio_running(app: rx.App) -> AsyncIterator[None]:
    """Bring the database up to date, take up interrupted work, run jobs and push news.

    Reflex calls this with its app; an API mounted into Reflex never gets a lifespan of its own.
    """
    studio = await asyncio.to_thread(services)
    set_up(studio.settings.log_level, studio.stored.secrets)
    await asyncio.to_thread(_prepare, studio)
    workers = Worker(studio, ingesters=studio.settings.ingest_workers)
    await asyncio.to_thread(workers.start)
    guide = asyncio.create_task(asyncio.to_thread(studio.guide.ensure))
    try:
        async with Live(app).running():
            await studio.chat.keep()
            await studio.connections.keep_up()
            logger.info("Studio started")
            yield
    finally:
        await studio.connections.close()
        await studio.installer.close()
        await studio.chat.close()
        await studio.speech.close()
        await studio.speech_engine.close()
        await studio.local_speech.close()
        await asyncio.to_thread(workers.stop)
        await guide
        await studio.health.close()
        await studio.llm.close()
        await asyncio.to_thread(studio.embedder.close)
        await asyncio.to_thread(studio.knowledge.close)
        await asyncio.to_thread(studio.remote_vectors.close)
        await asyncio.to_thread(studio.events.close)
        await asyncio.to_thread(studio.cache.close)
        await asyncio.to_thread(studio.database.dispose)
        logger.info("Studio stopped")


def _prepare(studio: Services) -> None:
    try:
        # Connects before anybody waits for it, and says at once when it cannot.
        logger.info("%s", studio.cache.check())
    except ProviderError as error:
        logger.warning("%s", error.detail)
    migrator(studio).run()
    studio.auth.ensure_owner()
