"""The commands as they are typed: what they print, and one line for what cannot be done."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from clone_studio import PROJECT_ROOT, bootstrap
from clone_studio.backup import main
from clone_studio.bootstrap import Services
from clone_studio.launch.options import parse
from tests.backup_world import studio_in
from tests.postgres import PostgresServer


def run(data_dir: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.environ["PATH"],
            "STUDIO_DATA_DIR": str(data_dir),
            "DATABASE_URL": f"sqlite:///{data_dir / 'studio.db'}",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


Command = Callable[..., str]


@pytest.fixture
def backup(capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run the command on a studio and return what it printed."""

    def run_on(studio: Services, *arguments: str) -> str:
        bootstrap.override(studio)
        main(list(arguments))
        return capsys.readouterr().out

    yield run_on
    bootstrap.override(None)


def test_there_and_back(full: Services, backup: Command, tmp_path: Path) -> None:
    made = backup(full, "make", str(tmp_path / "b.zip"))
    sums = [line.split("  ")[1:3] for line in made.splitlines()[:2]]
    assert [name for _, name in sums] == ["Benjamin Franklin", "Jane “Mecom” ✓"]
    assert "secret key" in made
    empty = studio_in(tmp_path / "empty")
    restored = backup(empty, "restore", str(tmp_path / "b.zip"))
    assert [line.split("  ")[1:4] for line in restored.splitlines()[:2]] == [
        [*one, "as in the backup"] for one in sums
    ]
    with pytest.raises(SystemExit, match="studio: There is a studio already"):
        backup(empty, "restore", str(tmp_path / "b.zip"))
    replaced = backup(empty, "restore", "--replace", str(tmp_path / "b.zip"))
    assert "before-restore-" in replaced
    empty.database.dispose()


def test_without_a_name_it_goes_into_the_data_folder(
    full: Services, backup: Command, tmp_path: Path
) -> None:
    made = backup(full, "make", "--without-secrets")
    assert "not in it" in made
    [path] = (tmp_path / "full" / "backups").iterdir()
    assert str(path) in made


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "clone_studio.worker"],
        ["-c", "from clone_studio.serve import application; application()"],
    ],
)
def test_a_newer_database_ends_a_start_with_one_sentence(
    full: Services, tmp_path: Path, command: list[str]
) -> None:
    with full.database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ended = run(tmp_path / "full", *command)
    assert ended.returncode == 1
    [line] = (ended.stdout + ended.stderr).splitlines()
    assert line.startswith("studio: The database has schema 9999")
    assert "restore a backup" in line


def test_several_processes_are_refused_together(tmp_path: Path, postgres: PostgresServer) -> None:
    studio = studio_in(tmp_path / "data", postgres.new_database())
    with studio.database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ended = run(
        tmp_path / "data",
        "-m",
        "clone_studio.serve",
        DATABASE_URL=studio.database.url,
        REDIS_URL="redis://127.0.0.1:1",
        STUDIO_WORKERS="2",
    )
    studio.database.dispose()
    assert ended.returncode == 1
    [line] = (ended.stdout + ended.stderr).splitlines()
    assert line.startswith("studio: The database has schema 9999")


def test_the_launcher_hands_the_arguments_on() -> None:
    found = parse(["backup", "b.zip", "--without-secrets", "--data-dir", "/kept"], {})
    assert found.rest == ("b.zip", "--without-secrets")
    assert found.data_dir == Path("/kept")
    assert parse(["restore", "--replace", "b.zip"], {}).rest == ("--replace", "b.zip")
