"""The virtual environment: made once, filled from the lock, every package by its sum."""

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from clone_studio.launch.console import Console, Failure
from clone_studio.launch.environment import Environment

NAME = "tiny_tool-1.0-py3-none-any.whl"


def _wheel(folder: Path) -> str:
    """Put a package into `folder` and return the SHA-256 of its wheel."""
    folder.mkdir()
    with zipfile.ZipFile(folder / NAME, "w") as wheel:
        wheel.writestr("tiny_tool.py", "VALUE = 7\n")
        facts = "Metadata-Version: 2.1\nName: tiny-tool\nVersion: 1.0\n"
        wheel.writestr("tiny_tool-1.0.dist-info/METADATA", facts)
        tag = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr("tiny_tool-1.0.dist-info/WHEEL", tag)
        wheel.writestr("tiny_tool-1.0.dist-info/RECORD", "")
    return hashlib.sha256((folder / NAME).read_bytes()).hexdigest()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder with a space; its lock names one package of a local registry."""
    project = tmp_path / "my project"
    project.mkdir()
    total = _wheel(tmp_path / "registry")
    (project / "requirements.txt").write_text(f"tiny-tool==1.0 --hash=sha256:{total}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "registry"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return project


def _install(project: Path) -> str:
    out = io.StringIO()
    Environment(project, Console(out)).install()
    return out.getvalue()


def _value(project: Path) -> str:
    python = project / ".venv" / "bin" / "python"
    code = "import tiny_tool; print(tiny_tool.VALUE)"
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_lock_is_installed_once_and_again_when_it_changes(project: Path) -> None:
    first = _install(project)
    assert first.startswith("  Python packages   installed")
    assert first.count("\n") == 1
    assert _value(project) == "7"
    assert _install(project) == ""
    lock = project / "requirements.txt"
    lock.write_text(lock.read_text() + "# changed\n")
    assert _install(project).startswith("  Python packages   installed")


def test_an_environment_that_was_moved_is_made_again(project: Path) -> None:
    _install(project)
    moved = project.rename(project.parent / "moved project")
    assert _install(moved).startswith("  Python packages   installed")
    assert _value(moved) == "7"


def test_an_environment_of_somebody_elses_making_is_kept(project: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", project / ".venv"], check=True)
    kept = project / ".venv" / "mine.txt"
    kept.write_text("mine")
    _install(project)
    assert _value(project) == "7"
    assert kept.exists()


def test_a_package_without_the_pinned_sum_is_not_installed(project: Path) -> None:
    (project / "requirements.txt").write_text(f"tiny-tool==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(Failure, match="does not have the pinned sum"):
        _install(project)
    with pytest.raises(subprocess.CalledProcessError):
        _value(project)


def test_an_unreachable_registry_is_one_line_and_the_next_start_goes_on(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    registry = project.parent / "registry"
    registry.rename(project.parent / "away")
    with pytest.raises(Failure) as caught:
        _install(project)
    assert "Installing the Python packages failed: the package registry cannot be" in str(
        caught.value
    )
    (project.parent / "away").rename(registry)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    _install(project)
    assert _value(project) == "7"


def test_tools_keep_their_files_in_the_project(project: Path) -> None:
    variables = Environment(project, Console(io.StringIO())).variables({"PATH": "/bin"})
    kept = (
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "REFLEX_DIR",
        "npm_config_cache",
        "PLAYWRIGHT_BROWSERS_PATH",
    )
    assert all(variables[name].startswith(f"{project}/.studio/") for name in kept)
    assert variables["PATH"].endswith("/bin")


def test_a_linked_environment_is_never_emptied(project: Path, tmp_path: Path) -> None:
    others = tmp_path / "another project" / ".venv"
    others.mkdir(parents=True)
    (others / "precious").write_text("kept")
    (project / ".venv").symlink_to(others)

    with pytest.raises(Failure, match="link to another folder"):
        _install(project)
    assert (others / "precious").read_text() == "kept"
