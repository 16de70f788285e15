"""A backup holds what a studio keeps, and brings it back on any engine, whole or not at all."""

import json
import resource
import stat
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from clone_studio.bootstrap import Services
from clone_studio.db import Database
from clone_studio.errors import BackupError
from clone_studio.models import IndexSegment
from clone_studio.providers.files.disk import DiskFileStore
from clone_studio.services import fingerprints, schema
from clone_studio.services.backup.archive import document_name
from clone_studio.services.backup.making import BackupService, snapshot
from clone_studio.services.backup.manifest import Contents
from clone_studio.upkeep import backups, migrator, restorer
from tests.backup_world import (
    ADDRESS,
    API_KEY,
    DOCUMENTS,
    Open,
    clones,
    documents_of,
    execute,
    go_down,
    migrated,
    studio_in,
    sums_of,
)
from tests.postgres import PostgresServer


def test_an_empty_machine_gets_the_same_studio(full: Services, opened: Open, tmp_path) -> None:
    made = backups(full).make(tmp_path / "b.zip")
    target = opened("other")
    done = restorer(target).restore(made.path)

    assert clones(target) == clones(full) == done.clones == made.clones
    assert len(done.clones) == 2
    assert done.compared
    assert documents_of(target) == DOCUMENTS
    assert target.stored.in_force().openai_api_key.get_secret_value() == API_KEY
    assert stat.S_IMODE((tmp_path / "other" / "secret.key").stat().st_mode) == 0o600
    assert execute(target, "SELECT count(*) FROM jobs") == [(1,)]
    assert execute(target, "SELECT count(*) FROM sessions") == [(0,)]
    assert execute(target, "SELECT count(*) FROM sign_in_links") == [(0,)]
    assert made.problems == ()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600


def test_there_and_back_between_engines(
    full: Services, opened: Open, tmp_path, postgres: PostgresServer
) -> None:
    before = {name: every_row(full, name) for name in kept_tables(full)}
    moved = opened("moved", postgres.bare_database())
    restorer(moved).restore(backups(full).make(tmp_path / "there.zip").path)
    assert clones(moved) == clones(full)
    assert documents_of(moved) == DOCUMENTS
    # Indexes that only large clones have are made by the next start.
    assert execute(moved, "SELECT state FROM jobs WHERE kind = 'tend'") == [("queued",)]
    execute(moved, "DELETE FROM jobs WHERE kind = 'tend'")
    # A new key follows the ones that were stored with the rows.
    with moved.database.write() as session:
        row = IndexSegment(persona_id="clone-ben", file_id="file-diary.txt", first=9, lengths=b"")
        session.add(row)
        session.flush()
        assert row.id == 3
        session.delete(row)

    back = opened("back")
    restorer(back).restore(backups(moved).make(tmp_path / "back.zip").path)
    assert clones(back) == clones(full)
    after = {name: every_row(back, name) for name in before}
    assert after.keys() == before.keys()
    for name, rows in before.items():
        assert after[name] == rows, name


def kept_tables(studio: Services) -> list[str]:
    with studio.database.read() as session:
        tables = schema.tables(session.connection())
    return [one.name for one in tables if one.name not in {*schema.PASSING_TABLES, "audit_log"}]


def every_row(studio: Services, table: str) -> list[str]:
    """Every row as text, without the names under which documents lie on a disk."""
    with studio.database.read() as session:
        found = next(one for one in schema.tables(session.connection()) if one.name == table)
        columns = [column for column in found.columns if column.name != "storage_key"]
        query = found.select().with_only_columns(*columns)
        return sorted(repr(tuple(row)) for row in session.connection().execute(query))


def test_one_byte_of_a_message_changes_one_sum(full: Services) -> None:
    before = clones(full)
    execute(full, "UPDATE messages SET content = 'At six [1].' WHERE id = 'answer'")
    after = clones(full)
    assert [one.sha256 == two.sha256 for one, two in zip(before, after, strict=True)] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE personas SET temperature = 0.8 WHERE slug = 'ben'",
        "UPDATE personas SET retrieval = '{}' WHERE slug = 'ben'",
        "UPDATE prompt_versions SET is_active = 1 - is_active",
        "UPDATE prompt_versions SET content = content || '.' WHERE version = 1",
        "DELETE FROM activations",
        "UPDATE files SET tags = '[]'",
        "UPDATE files SET sha256 = 'x' WHERE name = 'diary.txt'",
        "UPDATE pages SET text = text || ' ' WHERE file_id = 'file-diary.txt'",
        "UPDATE chunks SET enabled = 0 WHERE file_id = 'file-diary.txt'",
        "UPDATE conversations SET title = 'Evenings'",
        "UPDATE messages SET citations = '[]'",
        "DELETE FROM messages WHERE id = 'answer'",
    ],
)
def test_what_people_made_is_in_the_sum(full: Services, change: str) -> None:
    before = clones(full)[0]
    execute(full, change)
    assert clones(full)[0].persona_id == before.persona_id
    assert clones(full)[0].sha256 != before.sha256


def test_what_the_studio_makes_for_itself_is_not_in_the_sum(full: Services) -> None:
    before = clones(full)
    execute(full, "DELETE FROM chunk_vectors")
    execute(full, "UPDATE files SET embedding = 'pending', storage_key = 'elsewhere'")
    execute(full, "UPDATE messages SET lease_owner = 'somebody', attempts = 3")
    assert clones(full) == before


def test_secrets_can_be_left_out(full: Services, opened: Open, tmp_path) -> None:
    made = backups(full).make(tmp_path / "b.zip", Contents(secrets=False))
    assert made.secrets == "left out"
    with ZipFile(made.path) as whole:
        everything = b"".join(whole.read(name) for name in whole.namelist())
    assert (tmp_path / "full" / "secret.key").read_bytes() not in everything
    assert b"OPENAI_API_KEY" not in everything
    target = opened("other")
    done = restorer(target).restore(made.path)
    assert not done.key_is_in_use
    assert target.stored.in_force().openai_api_key is None
    assert target.stored.in_force().openai_base_url == ADDRESS


def test_a_secret_of_the_environment_stays_there(full: Services, opened: Open, tmp_path) -> None:
    made = backups(full).make(tmp_path / "b.zip")
    target = opened("other", secret_key="x" * 40)
    assert not restorer(target).restore(made.path).key_is_in_use
    assert not (tmp_path / "other" / "secret.key").exists()
    again = backups(target).make(tmp_path / "again.zip")
    assert again.secrets == "without key"
    assert "secret.key" not in ZipFile(again.path).namelist()


def test_something_is_replaced_only_when_asked_and_saved_before(
    full: Services, opened: Open, tmp_path
) -> None:
    other = opened("other")
    restorer(other).restore(backups(full).make(tmp_path / "b.zip").path)
    execute(other, "UPDATE messages SET content = 'Never.' WHERE id = 'answer'")
    changed = clones(other)
    other.database.dispose()
    before = sums_of(tmp_path / "other" / "files")
    with pytest.raises(BackupError, match="--replace"):
        restorer(other).restore(tmp_path / "b.zip")
    assert sums_of(tmp_path / "other" / "files") == before
    assert clones(other) == changed

    done = restorer(other).restore(tmp_path / "b.zip", replace=True)
    assert clones(other) == clones(full)
    assert len(list((tmp_path / "other" / "files").glob("??/*"))) == len(DOCUMENTS)
    assert done.saved is not None
    other.database.dispose()
    restorer(other).restore(done.saved, replace=True)
    assert clones(other) == changed
    assert documents_of(other) == DOCUMENTS


def test_a_studio_that_runs_is_not_replaced(
    full: Services, opened: Open, tmp_path, postgres: PostgresServer
) -> None:
    made = backups(full).make(tmp_path / "b.zip")
    for name, url in (("lite", None), ("post", postgres.bare_database())):
        target = migrated(opened(name, url))
        running = Database(target.settings.database_url)
        with running.read() as session:
            session.connection().execute(text("SELECT 1 FROM users")).all()
            session.rollback()
            with pytest.raises(BackupError, match="in use"):
                restorer(target).restore(made.path)
        running.dispose()
        assert clones(target) == ()
        target.database.dispose()
        restorer(target).restore(made.path)


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    full: Services, opened: Open, tmp_path, postgres: PostgresServer
) -> None:
    oldest = schema.known()[-1]
    go_down(full, oldest)
    made = backups(full).make(tmp_path / "old.zip")
    assert json.loads(ZipFile(made.path).read("manifest.json"))["revision"] == oldest
    migrator(full).run()
    sums = clones(full)
    assert len(sums) == 2
    for name, url in (("lite", None), ("post", postgres.bare_database())):
        target = opened(name, url)
        done = restorer(target).restore(made.path)
        assert not done.compared
        assert clones(target) == sums
        assert documents_of(target) == DOCUMENTS


def test_a_document_that_is_gone_is_named_and_the_rest_saved(
    full: Services, opened: Open, tmp_path
) -> None:
    [(gone,)] = execute(full, "SELECT storage_key FROM files WHERE name = 'diary.txt'")
    [(changed,)] = execute(full, "SELECT storage_key FROM files WHERE name = 'letters.md'")
    full.store.delete(str(gone))
    full.store.path(str(changed)).write_bytes(b"# To Jean\n")
    made = backups(full).make(tmp_path / "b.zip")
    assert made.documents == 1
    assert "1 documents are not on the disk" in " ".join(made.problems)
    assert f"{changed} is damaged" in " ".join(made.problems)
    assert document_name(str(gone)) not in ZipFile(made.path).namelist()
    target = opened("other")
    assert restorer(target).restore(made.path).missing == 1
    assert clones(target) == clones(full)


def test_a_backup_never_replaces_a_file(full: Services, tmp_path) -> None:
    (tmp_path / "there.zip").write_bytes(b"mine")
    with pytest.raises(BackupError, match="already"):
        backups(full).make(tmp_path / "there.zip")
    assert (tmp_path / "there.zip").read_bytes() == b"mine"


def test_a_disk_that_is_full_half_way(full: Services, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(BackupError, match="could not be written"):
            backups(full).make(tmp_path / "safe" / "b.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "safe").iterdir()) == []


def test_nothing_is_left_where_nothing_can_be_written(full: Services, tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match="could not be written"):
        backups(full).make(tmp_path / "file" / "b.zip")
    with pytest.raises(BackupError, match="never started"):
        backups(studio_in(tmp_path / "fresh")).make(tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_backup_is_of_one_moment(
    full: Services, opened: Open, tmp_path: Path, postgres: PostgresServer, engine: str
) -> None:
    studio = full
    if engine == "postgresql":
        studio = opened("post", postgres.bare_database())
        restorer(studio).restore(backups(full).make(tmp_path / "b.zip").path)
    before = clones(studio)
    with snapshot(studio.database) as connection:
        assert connection.execute(text("SELECT count(*) FROM users")).scalar() == 1
        execute(studio, "UPDATE messages SET content = content || ' And then?'")
        assert fingerprints.take(connection) == before != clones(studio)


def test_a_document_that_goes_while_the_backup_is_made(full: Services, tmp_path: Path) -> None:
    class Going(DiskFileStore):
        """A store in which somebody deletes what is asked for."""

        def open(self, storage_key: str) -> BinaryIO:
            full.store.delete(storage_key)
            return super().open(storage_key)

    going = Going(full.settings.data_dir / "files")
    service = BackupService(full.database, store=going, settings=full.settings, audit=full.audit)
    made = service.make(tmp_path / "b.zip")
    assert made.documents == 0
    assert "2 documents are not on the disk" in made.problems[0]
