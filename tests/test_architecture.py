"""The house rules hold in every file, and each rule catches what it is there for."""

import ast
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from clone_studio import PROJECT_ROOT
from tests.architecture_rules import RULES

STATE = "clone_studio/state/sample.py"
PAGE = "clone_studio/pages/sample.py"
SAMPLES = [
    ("public_state_methods", STATE, "class A(rx.State):\n def go(self): pass"),
    ("public_state_methods", STATE, "class A(StudioState):\n @other\n def go(self): pass"),
    ("computed_vars_are_pure", STATE, "class A(rx.State):\n @rx.var\n def a(self): services()"),
    ("computed_vars_are_pure", STATE, "class A(rx.State):\n @rx.var\n async def a(self): pass"),
    ("services_run_in_threads", STATE, "async def a(): services().personas.get_for(1, 2)"),
    ("no_waiting_with_the_lock", STATE, "async def a():\n async with self:\n  await sleep(1)"),
    (
        "no_waiting_with_the_lock",
        STATE,
        "async def a():\n async with self:\n  await services().chat.stop()",
    ),
    ("markup_only_in_one_place", PAGE, "rx.markdown('x')"),
    ("nothing_evaluated", PAGE, "rx.call_script('x')"),
    ("nothing_evaluated", PAGE, "rx.upload()"),
    ("nothing_evaluated", STATE, "rx.toast('x')"),
    ("short_files_and_functions", PAGE, "\n" * 400 + "x = 1"),
    ("short_files_and_functions", PAGE, "def a():\n" + " x = 1\n" * 50),
    ("names_say_what_is_inside", "clone_studio/services/utils.py", "x = 1"),
    ("tests_use_seams", "tests/test_x.py", "from unittest.mock import Mock"),
    ("tests_use_seams", "tests/test_x.py", "monkeypatch.setattr(a, 'b', 1)"),
    ("tests_use_seams", "tests/test_x.py", "pytest.mark.skip()"),
    ("tests_use_seams", "tests/test_x.py", "time.sleep(1)"),
]
ALLOWED = [
    (
        "public_state_methods",
        STATE,
        "class A(rx.State):\n @rx.event(background=True)\n def a(self): pass",
    ),
    ("services_run_in_threads", STATE, "async def a(): await services().chat.start(1)"),
    ("services_run_in_threads", STATE, "async def a():\n def b(): services().a.b()"),
    (
        "services_run_in_threads",
        STATE,
        "async def a():\n async for x in services().chat.attach(1): x",
    ),
    ("no_waiting_with_the_lock", STATE, "async def a():\n async with self:\n  self.x = 1"),
    ("markup_only_in_one_place", "clone_studio/components/markdown.py", "rx.markdown('x')"),
]


def sources() -> list[Path]:
    """Return every Python file that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    paths = [PROJECT_ROOT / name for name in listed if not name.startswith("alembic/")]
    return [path for path in paths if path.exists()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule) -> None:
    faults = []
    for path in sources():
        place = PurePosixPath(path.relative_to(PROJECT_ROOT).as_posix())
        tree = ast.parse(path.read_text(encoding="utf-8"))
        faults += [f"{place}:{line}: {words}" for line, words in rule(tree, place)]
    assert faults == []


@pytest.mark.parametrize(("name", "path", "source"), SAMPLES)
def test_a_rule_catches_what_it_is_for(name: str, path: str, source: str) -> None:
    rule = next(one for one in RULES if one.__name__ == name)
    assert list(rule(ast.parse(source), PurePosixPath(path)))


@pytest.mark.parametrize(("name", "path", "source"), ALLOWED)
def test_a_rule_lets_the_rest_be(name: str, path: str, source: str) -> None:
    rule = next(one for one in RULES if one.__name__ == name)
    assert not list(rule(ast.parse(source), PurePosixPath(path)))


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
    faults = [
        f"{path.relative_to(PROJECT_ROOT)}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(line)
    ]
    assert faults == []


def test_modules_are_short_in_the_middle() -> None:
    lengths = sorted(
        len(path.read_text(encoding="utf-8").splitlines())
        for path in sources()
        if path.is_relative_to(PROJECT_ROOT / "clone_studio")
    )
    assert lengths[len(lengths) // 2] < 150
