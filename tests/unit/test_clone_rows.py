"""How clones are put into words: initials, colours, counts and times."""

from datetime import UTC, datetime, timedelta

import pytest

from clone_studio.state.clone_rows import (
    ago,
    avatar_parts,
    avatar_value,
    counted,
    exactly,
    initials,
)

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Benjamin Franklin", "BF"),
        ("ada", "A"),
        ("Jean-Luc de la Tour", "JT"),
        ("田中先生", "田"),
        ("  ", "?"),
        ("", "?"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert initials(name) == letters


@pytest.mark.parametrize(
    ("stored", "parts"),
    [("BF#2", ("BF", "2")), ("🦊#7", ("🦊", "7")), ("#3", ("AL", "3")), ("A#9", ("A#9", None))],
)
def test_an_avatar_is_letters_and_a_colour(stored: str, parts: tuple[str, str | None]) -> None:
    letters, hue = avatar_parts(stored, "Ada Lovelace", "some-id")
    assert letters == parts[0]
    assert hue == (parts[1] or hue)
    assert hue in set("01234567")


def test_a_clone_without_an_avatar_keeps_its_colour() -> None:
    assert avatar_parts("", "Ada", "id-1") == avatar_parts("", "Ada", "id-1")
    hues = {avatar_parts("", "Ada", f"id-{number}")[1] for number in range(50)}
    assert len(hues) > 4


@pytest.mark.parametrize(("letters", "hue"), [("BF", "2"), ("", "0"), ("👩🏽‍🚀", "5")])
def test_an_avatar_survives_storing(letters: str, hue: str) -> None:
    stored = avatar_value(letters, hue)
    assert len(stored) <= 16
    assert avatar_parts(stored, letters or "?", "id") == (letters or "?", hue)


def test_a_made_up_colour_becomes_grey() -> None:
    assert avatar_value("A", "red") == "A#7"


def test_counts_have_units_and_separators() -> None:
    assert counted(1, "file", "files") == "1 file"
    assert counted(0, "file", "files") == "0 files"
    assert counted(12_345, "chunk", "chunks") == "12,345 chunks"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3, minutes=59), "3 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=12), "12 days ago"),
        (timedelta(days=45), "1 May 2026"),
    ],
)
def test_times_are_relative_until_they_are_old(before: timedelta, words: str) -> None:
    assert ago(NOW - before, NOW) == words


def test_no_time_is_no_words() -> None:
    assert ago(None) == ""
    assert exactly(None) == ""
    assert exactly(NOW) == "15 June 2026, 12:00 UTC"
