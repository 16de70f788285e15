"""The knowledge core over an empty database."""

from pathlib import Path

import pytest

from clone_studio.db import Database
from tests.knowledge.shelves import Shelves, add_people, open_shelves


@pytest.fixture
def shelves(database: Database, tmp_path: Path) -> Shelves:
    """Files, jobs, index and retrieval of two users with a clone each."""
    add_people(database)
    return open_shelves(database, tmp_path)
