"""The launcher runs on a bare Python 3.11, and says so in a sentence on any other."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clone_studio import PROJECT_ROOT

LAUNCHER = sorted((PROJECT_ROOT / "clone_studio" / "launch").glob("*.py"))
OWN = {
    "clone_studio.errors",
    "clone_studio.providers",
    "clone_studio.providers.local_models",
    "clone_studio.providers.model_catalogue",
    "clone_studio.providers.model_sources",
}
SHARED = [PROJECT_ROOT / f"{name.replace('.', '/')}.py" for name in sorted(OWN)]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


@pytest.mark.parametrize(
    "path", [path for path in LAUNCHER + SHARED if path.is_file()], ids=lambda path: path.stem
)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    foreign = {
        name
        for name in _imports(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and name not in OWN
        and not name.startswith("clone_studio.launch")
    }
    assert not foreign


def test_the_script_parses_on_an_old_python() -> None:
    ast.parse((PROJECT_ROOT / "studio").read_text(encoding="utf-8"), feature_version=(3, 4))


def _studio(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(PROJECT_ROOT / "studio"), *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_needs_no_package() -> None:
    answer = _studio("--help")
    assert answer.returncode == 0
    assert "one-time sign-in link" in answer.stdout


def test_a_wrong_python_gets_one_line(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "studio").read_text(encoding="utf-8")
    other = tmp_path / "studio"
    other.write_text(text.replace("(3, 11)", "(3, 7)"))
    answer = subprocess.run(
        [sys.executable, str(other), "up"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "needs Python 3.11" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up", "--port", "99999"], "from 1 to 65535"),
        (["models", "install", "unheard-of"], "no local model called"),
        (["models", "polish"], "list, install or verify"),
    ],
)
def test_a_mistake_gets_one_line(arguments: list[str], sentence: str) -> None:
    answer = _studio(*arguments)
    assert answer.returncode == 1
    assert sentence in answer.stderr
    assert answer.stderr.startswith("studio: ")
    assert answer.stderr.count("\n") == 1


def test_models_are_listed_without_being_there(tmp_path: Path) -> None:
    answer = _studio("models", "list", "--data-dir", str(tmp_path / "with a space"))
    assert answer.returncode == 0
    assert "all-MiniLM-L6-v2" in answer.stdout
    assert "not here" in answer.stdout
    assert "qwen2.5-coder-1.5b-instruct llm" in answer.stdout


def test_verify_says_what_is_absent(tmp_path: Path) -> None:
    answer = _studio("models", "verify", STUDIO_MODELS_DIR=str(tmp_path))
    assert answer.returncode == 1
    assert "model.onnx_data" in answer.stdout
