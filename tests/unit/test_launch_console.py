"""The launcher's lines."""

import io

import pytest

from clone_studio.launch.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_step_is_one_line_with_its_time() -> None:
    out = io.StringIO()
    with Console(out).step("Page", "built"):
        Console(out).progress("Page", 1, 2, 3)
    assert out.getvalue().startswith("  Page              built ")
    assert out.getvalue().endswith("0.0 s\n")


def test_a_failed_step_leaves_no_line() -> None:
    out = io.StringIO()
    with pytest.raises(OSError, match="full"), Console(out).step("Page", "built"):
        raise OSError("full")
    assert out.getvalue() == ""


def test_a_terminal_sees_size_and_rate() -> None:
    out = Terminal()
    Console(out).progress("Model", 45_000_000, 90_000_000, 3_500_000)
    assert "[############............] 45 of 90 MB, 3.5 MB/s" in out.getvalue()
