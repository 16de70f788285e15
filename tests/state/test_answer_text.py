"""Where a growing answer may be cut, and how its citation marks become links."""

import pytest
from markdown_it import MarkdownIt

from clone_studio.state.answer_text import QUOTE_IN_TITLE, link_marks, settled_length

ANSWER = """# Uploading

Three ways [1]:

1. Drag the file.

2. Choose it.

   It may be large.

- one
- two

| a | b |
|---|---|
| 1 | 2 |

```python
def f():

    return 1
```

> quoted

12 files are the limit [2].

Last words"""

render = MarkdownIt("commonmark").enable("table").render


def cuts(text: str) -> list[int]:
    """Return every place at which the text was ever cut while it grew."""
    return sorted({settled_length(text[:end]) for end in range(len(text) + 1)})


def test_the_pieces_render_as_the_whole_does():
    places = [*cuts(ANSWER), len(ANSWER)]
    pieces = [ANSWER[a:b] for a, b in zip([0, *places], places, strict=False)]
    assert "".join(map(render, pieces)) == render(ANSWER)


def test_an_answer_is_cut_at_its_paragraphs():
    assert len(cuts(ANSWER)) >= 7


@pytest.mark.parametrize(
    "growing",
    [
        "One paragraph without an end " * 50,
        "```\ncode\n\nmore\n\nstill code",
        "~~~~\n~~~\n\nstill code",
        "- a\n\n- b\n\n- c",
        "1. a\n\n2",
        "- a\n\n  second paragraph of a",
        "",
    ],
)
def test_what_is_not_finished_is_not_cut(growing: str):
    assert settled_length(growing) == 0


def test_a_cut_never_moves_back():
    lengths = [settled_length(ANSWER[:end]) for end in range(len(ANSWER) + 1)]
    assert lengths == sorted(lengths)


def test_a_mark_becomes_a_link_that_carries_its_quote():
    text = link_marks("So it is [1].", "m", {1: 'He said "yes"\n\nand <b>left</b>'})
    assert text == r'So it is [1](#cite-m-1 "He said \"yes\" and \<b\>left\</b\>").'


def test_marks_side_by_side_are_two_links():
    assert link_marks("So [1][2].", "m") == "So [1](#cite-m-1)[2](#cite-m-2)."


def test_a_number_that_is_no_citation_stays_text():
    assert link_marks("See [7].", "m", {1: "q"}) == "See [7]."


@pytest.mark.parametrize(
    "text",
    ["`a[1]`", "```\na[1]\n```", "~~~\na[1]", r"\[1]", "![1]", "[1](https://example.org)", "[x]"],
)
def test_code_links_and_pictures_are_left_alone(text: str):
    assert link_marks(text, "m", {1: "q"}) == text


def test_a_quote_cannot_break_out_of_its_title():
    quote = 'x" onmouseover="y) [2](javascript:alert(1)) `c` &quot; ' * 20
    rendered = render(link_marks("So [1].", "m", {1: quote}))
    assert rendered.count("<a ") == 1
    assert "javascript" not in rendered.split('title="')[0]
    assert len(rendered) < 3 * QUOTE_IN_TITLE


def test_marking_a_long_hostile_text_takes_no_time():
    link_marks("`" * 5000 + "[1]" * 5000 + "~~~" * 5000, "m", {1: "q"})
