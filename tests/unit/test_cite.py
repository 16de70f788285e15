"""Citations: marks in a stream, however it is cut, and the sentence that supports each."""

import random

import pytest

from clone_studio.services.knowledge.cite import CitationWriter, support
from clone_studio.services.knowledge.passages import Passage

TEXT = "The harbour has nine lamps. At dusk the keeper winds the clockwork. Nobody else may."


def passages(count: int = 4) -> list[Passage]:
    return [
        Passage(f"c{n}", f"f{n}", f"{n}.pdf", n, "", 100, 100 + len(TEXT), "", TEXT, 0.5, {})
        for n in range(1, count + 1)
    ]


def written(text: str, seed: int = 0) -> str:
    """Return what the writer makes of `text`, given in pieces of random length."""
    generator, writer, shown, place = random.Random(seed), CitationWriter(passages()), "", 0
    while place < len(text):
        size = generator.randint(1, 7) if seed else len(text)
        shown += writer.feed(text[place : place + size])
        place += size
    return shown + writer.finish()


CASES = {
    "Cats [2]. Dogs [1][2], x [1, 3] and 【4】 and 【2†source】.": (
        "Cats [1]. Dogs [2][1], x [2][3] and [4] and [1]."
    ),
    "Gone [9] here [0].": "Gone here.",
    "Gone 【12】\nnext line [2]": "Gone\nnext line [1]",
    "two  [7] [8].": "two.",
    "[9] at the start": " at the start",
    "span [1-3] and [2–3]": "span [1][2][3] and [2][3]",
    "span [2;1]": "span [1][2]",
    "footnote [^2]": "footnote [1]",
    "code `a[1]` and ``b`[2]`` then [3]": "code `a[1]` and ``b`[2]`` then [1]",
    "un`closed [1]\n\nnext [1]": "un`closed [1]\n\nnext [1]",
    "```py\nx[2] = [1]\n```\nafter [3]": "```py\nx[2] = [1]\n```\nafter [1]",
    "~~~~\n[2]\n~~~\n[2]\n~~~~\n[2]": "~~~~\n[2]\n~~~\n[2]\n~~~~\n[1]",
    "```\nnever closed [2]": "```\nnever closed [2]",
    "link [1](http://x) and [text][2]": "link [1](http://x) and [text][1]",
    "tail [1": "tail [1",
    "tail [": "tail [",
    "tail 【1†": "tail 【1†",
    "no mark [a], [1a], [], [ ], [12345]": "no mark [a], [1a], [], [ ], [12345]",
    "list\n- one [2]\n- two [3]\n": "list\n- one [1]\n- two [2]\n",
    "trailing space [1] ": "trailing space [1] ",
    "": "",
    "日本語【3】です。": "日本語[1]です。",
}


@pytest.mark.parametrize(("text", "shown"), CASES.items())
def test_marks_are_minted_wherever_the_stream_is_cut(text: str, shown: str) -> None:
    for seed in range(60):
        assert written(text, seed) == shown, seed


def test_random_texts_are_shown_alike_however_they_are_cut() -> None:
    pieces = [
        "[1]",
        "[2, 9]",
        "【3】",
        "[",
        "]",
        "`",
        "```",
        "\n",
        "\n\n",
        " ",
        "word",
        "[x](y)",
        "~~~",
    ]
    for seed in range(1, 300):
        generator = random.Random(seed)
        text = "".join(generator.choice(pieces) for _ in range(25))
        whole = written(text)
        assert written(text, seed) == whole, text


def test_text_is_not_held_back_longer_than_needed() -> None:
    writer = CitationWriter(passages())
    assert writer.feed("Plain words") == "Plain words"
    assert writer.feed(" and") == " and"
    assert writer.feed(" [1") == ""
    assert writer.feed("] so") == " [1] so"
    assert writer.feed("[" + "1, " * 30) != ""


def test_citations_point_at_the_supporting_sentence() -> None:
    writer = CitationWriter(passages())
    answer = writer.feed("The keeper winds the clockwork at dusk [3]. There are nine lamps [1, 3].")
    answer += writer.finish()
    first, second = writer.citations(answer)
    assert (first.number, first.chunk_id, first.file, first.page) == (1, "c3", "3.pdf", 3)
    assert "winds the clockwork" in first.quote
    assert second.quote == "The harbour has nine lamps."
    for citation in (first, second):
        assert TEXT[citation.start - 100 : citation.end - 100] == citation.quote


def test_a_number_that_was_cut_away_has_no_citation() -> None:
    writer = CitationWriter(passages())
    writer.feed("One [1]. Two [2].")
    assert [one.number for one in writer.citations("Two [2].")] == [2]
    assert writer.citations("`[1]`") == []


def test_support_is_the_whole_text_when_no_word_is_shared() -> None:
    assert support(TEXT, "completely different statement") == (0, len(TEXT))
    assert support("", "anything") == (0, 0)


def test_support_takes_neighbours_that_add_to_it() -> None:
    start, end = support(TEXT, "There are nine lamps, and the keeper winds the clockwork at dusk.")
    assert TEXT[start:end].startswith("The harbour")
    assert TEXT[start:end].endswith("clockwork.")


def test_a_number_behind_several_sentences_marks_them_all() -> None:
    writer = CitationWriter(passages(1))
    shown = writer.feed("> “The harbour has nine lamps.” [1]\n\n> “Nobody else may.” [1]")
    (citation,) = writer.citations(shown + writer.finish())
    assert (citation.start, citation.end) == (100, 100 + len(TEXT))
