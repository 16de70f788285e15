"""The knowledge core over an empty database, and a clone with a paced model to ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clone_studio.db import Database
from clone_studio.settings import Settings
from tests.chat_world import PacedModel, World, build_world
from tests.knowledge.shelves import Shelves, add_people, open_shelves


@pytest.fixture
def shelves(database: Database, tmp_path: Path) -> Shelves:
    """Files, jobs, index and retrieval of two users with a clone each."""
    add_people(database)
    return open_shelves(database, tmp_path)


@pytest.fixture
def model() -> PacedModel:
    return PacedModel()


@pytest.fixture
async def world(settings: Settings, model: PacedModel) -> AsyncIterator[World]:
    made = build_world(settings, model)
    yield made
    await made.chat.close()
    made.services.database.dispose()
