"""What a failed step says: which step, why, what to do, in one line."""

import os
import sys
from pathlib import Path

import pytest

from clone_studio.launch.console import Failure
from clone_studio.launch.process import run_logged


def _fail(folder: Path, said: str) -> str:
    with pytest.raises(Failure) as caught:
        run_logged(
            [sys.executable, "-c", f"print({said!r}); raise SystemExit(1)"],
            step="Building the page",
            log=folder / "logs" / "step.log",
            env=os.environ,
            cwd=folder,
        )
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("Building the page failed: ")
    return text


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("npm error code ENOSPC", "the disk is full"),
        ("Temporary failure in name resolution", "registry cannot be reached"),
        ("npm error network request failed, reason: getaddrinfo ENOTFOUND x", "be reached"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "pinned sum"),
        ("npm error code EINTEGRITY", "pinned sum"),
        ("one\nSyntaxError: invalid syntax\nbye", "SyntaxError: invalid syntax"),
        ("", "it said nothing"),
    ],
)
def test_a_known_reason_is_told(tmp_path: Path, said: str, sentence: str) -> None:
    assert sentence in _fail(tmp_path, said)


def test_a_sentence_of_the_studios_own_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"^STUDIO_PORT: wrong \(docs/settings.md\)$"):
        run_logged(
            [
                sys.executable,
                "-c",
                "print('noise'); exit('studio: STUDIO_PORT: wrong (docs/settings.md)')",
            ],
            step="Building the page",
            log=tmp_path / "log",
            env=os.environ,
            cwd=tmp_path,
        )


def test_everything_it_said_is_kept(tmp_path: Path) -> None:
    text = _fail(tmp_path, "an unheard-of mishap")
    assert str(tmp_path / "logs" / "step.log") in text
    assert "unheard-of" in (tmp_path / "logs" / "step.log").read_text()


def test_a_program_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no-such-program is not there"):
        run_logged(
            [tmp_path / "no-such-program"],
            step="Checking",
            log=tmp_path / "log",
            env=os.environ,
            cwd=tmp_path,
        )
