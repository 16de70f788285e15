"""The knowledge core over an empty database, and a clone with a paced model to ask."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.settings import Settings
from tests.backup_world import Open, fill, studio_in
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


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Open studios in folders of their own; they are closed at the end."""
    made: list[Services] = []

    def open_one(name: str, url: str | None = None, **values: object) -> Services:
        made.append(studio_in(tmp_path / name, url, **values))
        return made[-1]

    yield open_one
    for one in made:
        one.database.dispose()


@pytest.fixture
def full(opened: Open, tmp_path: Path, migrated_database: Path) -> Services:
    """A studio on SQLite with something of everything."""
    (tmp_path / "full").mkdir()
    shutil.copy(migrated_database, tmp_path / "full" / "studio.db")
    studio = opened("full")
    fill(studio)
    return studio
