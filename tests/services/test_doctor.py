"""The doctor names what is wrong, says what mends it, and changes nothing."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from clone_studio import PROJECT_ROOT, bootstrap
from clone_studio.bootstrap import Services
from clone_studio.db import utc_now
from clone_studio.doctor import examine_studio
from clone_studio.models import AuditEntry
from clone_studio.providers.model_catalogue import EMBEDDING
from clone_studio.services.backup.making import MADE
from clone_studio.services.checks import choices, database, documents, folder, models
from clone_studio.services.checks.finding import Finding, worst
from clone_studio.services.checks.installation import packages
from clone_studio.services.checks.port import port
from clone_studio.settings import Settings
from clone_studio.upkeep import backups
from tests.backup_world import fill, go_down, migrated, studio_in, sums_of
from tests.postgres import PostgresServer


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Services]:
    studio = studio_in(tmp_path / "data", models_dir=tmp_path / "models")
    fill(migrated(studio))
    bootstrap.override(studio)
    yield studio
    bootstrap.override(None)
    studio.database.dispose()


def doctor(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clone_studio.doctor", "--json"],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in findings}


def set_revision(studio: Services, revision: str) -> None:
    with studio.database.write() as session:
        query = text("UPDATE alembic_version SET version_num = :to")
        session.connection().execute(query, {"to": revision})


def test_the_whole_command(full: Services, tmp_path: Path) -> None:
    given = {
        "STUDIO_DATA_DIR": str(tmp_path / "data"),
        "STUDIO_MODELS_DIR": str(tmp_path / "models"),
        "STUDIO_LLM": "quotes",
        "STUDIO_EMBEDDINGS": "local",
        "STUDIO_SPEECH": "off",
        "DATABASE_URL": full.settings.database_url,
        "STUDIO_PORT": "39217",
    }
    said = json.loads(doctor(**given).stdout)
    found = {one["name"]: one for one in said["findings"]}
    assert found["packages"]["level"] == "ok"
    assert found["database"]["level"] == "ok"
    assert found["embedding model"]["level"] == "warning"
    assert "models install" in found["embedding model"]["fix"]
    assert found["backups"]["level"] == "warning"
    assert found["documents"]["detail"] == "All 2 documents are there."
    assert said["status"] == "warning"
    assert len(found) == len(said["findings"]), "something is said twice"

    set_revision(full, "9999")
    ended = doctor(**given)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["status"] == "fault"


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    ended = doctor(STUDIO_DATA_DIR=str(tmp_path / "none"))
    assert ended.returncode == 0
    assert "There is none yet" in ended.stdout
    assert not (tmp_path / "none").exists()


def test_every_setting_that_cannot_be_used_is_named() -> None:
    ended = doctor(STUDIO_PORT="no-port", STUDIO_SECRET_KEY="far-too-short", STUDIO_WORKERS="2")
    assert ended.returncode == 1
    for name in ("STUDIO_PORT", "STUDIO_SECRET_KEY", "STUDIO_WORKERS"):
        assert f"{name}: " in ended.stdout
    assert "far-too-short" not in ended.stdout
    assert "PostgreSQL and Redis" in ended.stdout


def test_what_is_not_installed_as_pinned_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "pydantic==0.0.1 \\\n    --hash=sha256:00\nunheard-of[extra]==1.0 \\\n"
        "colorama-unheard-of==2.0 ; sys_platform == 'win32' \\\n"
    )
    found = packages(lock)
    assert found.level == "fault"
    assert "pydantic 0.0.1, unheard-of 1.0." in found.detail
    assert packages(PROJECT_ROOT / "requirements.txt").level == "ok"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"llm": "openai"}, "STUDIO_LLM"),
        ({"embeddings": "openai"}, "STUDIO_EMBEDDINGS"),
        ({"speech": "elevenlabs"}, "STUDIO_SPEECH"),
        ({"vectors": "pinecone"}, "Pinecone"),
        ({"pinecone_api_key": "pc-key"}, "Pinecone"),
        ({"owner_password": "correct horse"}, "STUDIO_OWNER_EMAIL"),
    ],
)
def test_settings_that_do_not_fit_together(values: dict[str, str], words: str) -> None:
    [found] = choices.contradictions(Settings(_env_file=None, **values))
    assert found.level == "warning"
    assert words in found.detail
    assert found.fix


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"llm": "openai", "openai_base_url": "http://127.0.0.1:11434"},
        {"pinecone_api_key": "pc-key", "pinecone_index": "studio"},
    ],
)
def test_settings_that_fit(values: dict[str, str]) -> None:
    assert [one.level for one in choices.contradictions(Settings(_env_file=None, **values))] == [
        "ok"
    ]


def test_a_refused_setting_keeps_its_value_to_itself() -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings(_env_file=None, secret_key="hush", port=0)
    found = choices.refused(wrong.value)
    assert len(found) == 2
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({}, "ok"),
        ({"host": "0.0.0.0"}, "warning"),
        ({"public_url": "http://studio.example.org"}, "warning"),
        ({"public_url": "http://localhost:3000"}, "ok"),
        ({"public_url": "https://studio.example.org", "host": "0.0.0.0"}, "ok"),
    ],
)
def test_the_public_address(values: dict[str, str], level: str) -> None:
    assert choices.public_address(Settings(_env_file=None, **values)).level == level


class Answering(BaseHTTPRequestHandler):
    """Some program, which may be a studio."""

    body = b"<html>"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


class Studio(Answering):
    body = json.dumps({"status": "ok", "service": "clone-studio"}).encode()


@pytest.mark.parametrize(("program", "level"), [(Answering, "fault"), (Studio, "ok")])
def test_who_has_the_port(program: type[Answering], level: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), program)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        assert port("127.0.0.1", server.server_port).level == level
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "free" in port("127.0.0.1", server.server_port).detail
    assert port("192.0.2.1", 3000).level == "fault"


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert folder.rights(tmp_path / "file").level == "fault"
    assert folder.rights(tmp_path).level == "ok"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_folder_that_cannot_be_written_to() -> None:
    # Not even root writes there.
    assert folder.rights(Path("/proc/self")).level == "fault"


def test_the_secret_key(full: Services, tmp_path: Path) -> None:
    assert folder.secret_key(full.settings).level == "ok"
    (tmp_path / "data" / "secret.key").chmod(0o644)
    assert "chmod 600" in folder.secret_key(full.settings).fix
    (tmp_path / "data" / "secret.key").unlink()
    assert "none yet" in folder.secret_key(full.settings).detail
    (tmp_path / "data" / "secret.key").mkdir()
    assert folder.secret_key(full.settings).level == "fault"


def test_how_old_the_last_backup_is(full: Services, tmp_path: Path) -> None:
    assert folder.last_backup(full.database).level == "warning"
    backups(full).make(tmp_path / "elsewhere.zip")
    assert folder.last_backup(full.database).level == "ok"
    with full.database.write() as session:
        session.connection().execute(text("DELETE FROM audit_log"))
        session.add(AuditEntry(action=MADE, created_at=utc_now() - timedelta(days=8)))
    assert folder.last_backup(full.database).level == "warning"


def test_a_damaged_database(full: Services, tmp_path: Path) -> None:
    assert database.integrity(full.database).level == "ok"
    with full.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    full.database.dispose()
    path = tmp_path / "data" / "studio.db"
    content = bytearray(path.read_bytes())
    for place in range(3 * 4096, len(content), 4096):
        content[place : place + 8] = b"\xff" * 8
    path.write_bytes(content)
    found = database.integrity(full.database)
    assert found.level == "fault"
    assert "restore" in found.fix
    path.write_bytes(b"not a database at all" * 1000)
    full.database.dispose()
    assert by_name(examine_studio())["database"].level == "fault"


@pytest.mark.parametrize(("revision", "level"), [("9999", "fault"), ("0002", "warning")])
def test_a_database_of_another_schema(full: Services, revision: str, level: str) -> None:
    if revision == "0002":
        go_down(full, revision)
    else:
        set_revision(full, revision)
    full.database.dispose()
    before = sums_of(full.settings.data_dir)
    found = by_name(examine_studio())
    assert found["database"].level == level
    assert revision in found["database"].detail
    assert found["disk"].level == "ok"
    assert "documents" not in found
    assert sums_of(full.settings.data_dir) == before


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    studio = studio_in(tmp_path / "data")
    found = database.obstacle(studio.database)
    assert found is not None
    assert found.level == "ok"
    assert list((tmp_path / "data").iterdir()) == []
    secret = "postgresql+psycopg://ada:very-secret@127.0.0.1:1/studio?connect_timeout=2"
    far = studio_in(tmp_path / "data", secret)
    lost = database.obstacle(far.database)
    assert lost is not None
    assert lost.level == "fault"
    assert "very-secret" not in str(lost)
    far.database.dispose()


def test_postgresql_has_pgvector_or_not(tmp_path: Path, postgres: PostgresServer) -> None:
    studio = migrated(studio_in(tmp_path / "data", postgres.bare_database()))
    with studio.database.write() as session:
        session.connection().execute(text("DROP EXTENSION IF EXISTS vector CASCADE"))
    assert database.integrity(studio.database).level == "fault"
    with studio.database.write() as session:
        session.connection().execute(text("CREATE EXTENSION vector"))
    assert database.integrity(studio.database).level == "ok"
    studio.database.dispose()


def test_documents_without_rows_and_rows_without_documents(full: Services) -> None:
    upload = full.store.begin()
    upload.write(b"orphan")
    orphan, _ = upload.keep()
    with full.database.read() as session:
        query = text("SELECT storage_key FROM files WHERE name = 'diary.txt'")
        full.store.delete(str(session.connection().execute(query).scalar()))
    lost, spare = documents.documents(full.database, full.store)
    assert (lost.level, spare.level) == ("fault", "warning")
    assert "diary.txt" in lost.detail
    assert orphan in spare.detail


def test_a_model_whose_file_was_changed(tmp_path: Path) -> None:
    assert models.sums(tmp_path).detail == "No model is here."
    (tmp_path / EMBEDDING.name).mkdir()
    (tmp_path / EMBEDDING.name / EMBEDDING.files[0].name).write_bytes(b"another")
    found = models.sums(tmp_path)
    assert found.level == "fault"
    assert found.fix == f"./studio models install {EMBEDDING.name}"


def test_the_whole_is_as_bad_as_its_worst_part() -> None:
    ok, bad = Finding("a", "ok", ""), Finding("c", "fault", "")
    assert worst([ok]) == "ok"
    assert worst([ok, Finding("b", "warning", "")]) == "warning"
    assert worst([bad, ok]) == "fault"
