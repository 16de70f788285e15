"""Sentences, passages and windows: nothing is lost, nothing is said twice."""

import random
from itertools import pairwise

import pytest

from clone_studio.services.knowledge import chunk, sentences
from clone_studio.services.knowledge.document import Page

PROSE = "Some words of a sentence that is neither short nor long, said number {}. "


def page(text: str) -> Page:
    return Page(1, "", text, "A › B")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("He said “No.” Then he left.", ["He said “No.”", "Then he left."]),
        ("Mr. Smith and Dr. Jones met J. S. Bach.", ["Mr. Smith and Dr. Jones met J. S. Bach."]),
        ("一。二！三", ["一。", "二！", "三"]),
        ("It costs 3.50 a day. Yes.", ["It costs 3.50 a day.", "Yes."]),
        ("Title\n\nText follows", ["Title", "Text follows"]),
        ("Shopping:\n- bread\n- milk", ["Shopping:", "- bread", "- milk"]),
        ("   \n ", []),
    ],
)
def test_sentences_end_where_readers_see_them_end(text: str, expected: list[str]) -> None:
    assert [text[a:b] for a, b in sentences.spans(text)] == expected


def texts() -> list[str]:
    generator = random.Random(5)
    made = [
        "",
        "short",
        "x" * 5000,
        "word " * 3000,
        "\n".join(["| a | b |"] * 900),
        "日本語。" * 900,
    ]
    for _ in range(30):
        parts = [PROSE.format(number) for number in range(generator.randint(1, 90))]
        made.append("".join(part + generator.choice(["", "", "\n\n", "\n"]) for part in parts))
    return made


@pytest.mark.parametrize("text", texts())
def test_passages_cover_the_page_once_and_in_order(text: str) -> None:
    pieces = list(chunk.pieces(page(text)))
    assert "".join(text[p.start : p.end] for p in pieces).split() == text.split() or (
        "".join("".join(text[p.start : p.end].split()) for p in pieces) == "".join(text.split())
    )
    for one, following in pairwise(pieces):
        assert one.end <= following.start
    for piece in pieces:
        assert 0 < piece.end - piece.start <= chunk.MAX_CHARS
        assert text[piece.start : piece.end].strip() == text[piece.start : piece.end]
        assert (piece.page, piece.heading) == (1, "A › B")


def test_no_crumbs_are_left_at_the_end_of_prose() -> None:
    text = "".join(PROSE.format(number) for number in range(25))
    lengths = [piece.end - piece.start for piece in chunk.pieces(page(text))]
    assert min(lengths) > 500


def test_passages_end_with_paragraphs_where_they_can() -> None:
    paragraph = "".join(PROSE.format(number) for number in range(11)).strip()
    text = "\n\n".join([paragraph] * 3)
    found = [text[piece.start : piece.end] for piece in chunk.pieces(page(text))]
    assert found == [paragraph] * 3


@pytest.mark.parametrize("text", texts())
def test_windows_are_the_passage_cut_without_overlap(text: str) -> None:
    found = chunk.windows(text)
    assert len(found) >= 1
    assert "".join("".join(found).split()) == "".join(text.split())
    if " " in text.strip():
        assert max(len(window.split()) for window in found) <= chunk.MOST_WINDOW_WORDS
