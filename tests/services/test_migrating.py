"""A start brings the schema up to date once, keeps a copy, and leaves a newer database alone."""

import logging
import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from clone_studio.bootstrap import Services
from clone_studio.errors import BackupError, NewerDatabase
from clone_studio.services import fingerprints, schema
from clone_studio.services.migrating import KEPT
from clone_studio.upkeep import migrator, restorer
from tests.backup_world import (
    fill,
    go_down,
    migrated,
    studio_in,
    sums_of,
)

OLDER = schema.known()[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Where the rows are: None for the data folder."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgres").bare_database()


@pytest.fixture
def studio(tmp_path: Path, url: str | None) -> Iterator[Services]:
    made = studio_in(tmp_path / "data", url)
    yield made
    made.database.dispose()


def revision_of(studio: Services) -> str | None:
    with studio.database.read() as session:
        return schema.current(session.connection())


def copies(studio: Services) -> list[Path]:
    return sorted((studio.settings.data_dir / "backups").glob("*"))


def test_the_first_start_makes_the_schema_and_no_copy(studio: Services) -> None:
    migrator(studio).run()
    assert revision_of(studio) == schema.head()
    assert copies(studio) == []


def test_an_empty_database_is_upgraded_without_a_copy(studio: Services) -> None:
    go_down(migrated(studio), OLDER)
    migrator(studio).run()
    assert revision_of(studio) == schema.head()
    assert copies(studio) == []


def test_what_is_there_is_copied_before_it_is_changed(
    studio: Services, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    fill(migrated(studio))
    go_down(studio, OLDER)
    with caplog.at_level(logging.INFO):
        migrator(studio).run()
    assert revision_of(studio) == schema.head()
    [copy] = copies(studio)
    assert str(copy) in caplog.text
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    if studio.database.is_sqlite:
        with closing(sqlite3.connect(copy)) as before:
            assert before.execute("SELECT version_num FROM alembic_version").fetchall() == [
                (OLDER,)
            ]
            assert before.execute("SELECT count(*) FROM messages").fetchone() == (2,)
        return
    # The portable copy has neither documents nor the key: both stay where they are.
    done = restorer(studio).restore(copy, replace=True)
    assert len(done.clones) == 2
    assert len(list(studio.store.keys())) == 2
    assert studio.stored.in_force().openai_api_key is not None


def test_nothing_is_done_where_nothing_is_to_do(studio: Services) -> None:
    fill(migrated(studio))
    migrator(studio).run()
    assert copies(studio) == []


def dated(studio: Services) -> list[tuple[Path, int]]:
    return [(one, one.stat().st_mtime_ns) for one in copies(studio)]


def test_the_last_copies_are_kept(studio: Services) -> None:
    fill(migrated(studio))
    with studio.database.read() as session:
        before = fingerprints.take(session.connection())
    made = []
    for _ in range(KEPT + 2):
        go_down(studio, OLDER)
        migrator(studio).run()
        # Of copies within one second a later one may have the name of one that is gone.
        made += [one for one in dated(studio) if one not in made]
    assert len(made) == KEPT + 2
    assert set(dated(studio)) == set(made[-KEPT:])
    with studio.database.read() as session:
        assert len(fingerprints.take(session.connection())) == len(before)


def test_a_newer_database_is_left_alone(studio: Services) -> None:
    fill(migrated(studio))
    with studio.database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    studio.database.dispose()
    before = sums_of(studio.settings.data_dir)
    with pytest.raises(NewerDatabase, match="later version"):
        migrator(studio).run()
    studio.database.dispose()
    assert sums_of(studio.settings.data_dir) == before
    assert revision_of(studio) == "9999"


def test_without_a_copy_nothing_is_changed(studio: Services) -> None:
    fill(migrated(studio))
    go_down(studio, OLDER)
    (studio.settings.data_dir / "backups").write_text("not a folder")
    with pytest.raises(BackupError, match="could not be written"):
        migrator(studio).run()
    assert revision_of(studio) == OLDER


def test_several_starts_at_once_migrate_once(
    studio: Services, url: str | None, tmp_path: Path
) -> None:
    fill(migrated(studio))
    go_down(studio, OLDER)
    ready = threading.Barrier(3)

    def start(_number: int) -> str | None:
        # Nothing is shared but the database: as in processes of their own.
        one = studio_in(tmp_path / "data", url)
        try:
            ready.wait(30)
            migrator(one).run()
            return revision_of(one)
        finally:
            one.database.dispose()

    with ThreadPoolExecutor(3) as starts:
        assert list(starts.map(start, range(3))) == [schema.head()] * 3
    assert len(copies(studio)) == 1
