"""Vectors at the stand-in for Pinecone."""

from typing import Any

from clone_studio.db import Database
from clone_studio.providers.search.guarded import Guard
from clone_studio.providers.search.pinecone import PineconeVectors
from clone_studio.providers.search.pinecone_service import PineconeService, Place
from clone_studio.services.jobs import JobQueue
from clone_studio.services.sweeping import SWEEP
from clone_studio.settings import Settings
from tests.servers.pinecone_server import KEY, PineconeServer


def pinecone_settings(server: PineconeServer, **values: Any) -> dict[str, Any]:
    """Return the settings, by variable, of a studio that keeps vectors at `server`."""
    return {
        "PINECONE_API_KEY": KEY,
        "PINECONE_INDEX": server.name,
        "PINECONE_HOST": server.address,
        **values,
    }


def pinecone_vectors(
    database: Database, server: PineconeServer, *, question_seconds: float = 2.0, **given: Any
) -> PineconeVectors:
    """Return the store of vectors at `server`, whose guard never pauses for longer than asked."""
    settings = Settings(_env_file=None, **pinecone_settings(server))
    jobs = JobQueue(database)
    guard = Guard("Pinecone", pause=0.0)

    def connect(place: Place) -> PineconeService:
        return PineconeService(place, guard=guard, question_seconds=question_seconds)

    return PineconeVectors(
        database,
        lambda: settings,
        sweep=lambda session, persona: jobs.enqueue(session, SWEEP, persona, {}),
        connect=connect,
        **given,
    )
