"""What is said of an answer: sentences, without the marks of writing."""

import pytest

from clone_studio.services.speaking.number_words import in_words
from clone_studio.services.speaking.sayable import LONGEST_SENTENCE, Sayable, sayable

ANSWER = """# The plan
I wrote **thirteen** virtues [1]. They are *few*, see [the book](https://example.org/a_b) [2, 3].

```python
print("not said")
```
- Temperance: `eat` not to dullness.
- [x] Silence 🙂

| virtue | week |
|---|---|
| Order | 3 |

> In 1726 I sailed. `x = {1}` is code; https://example.org/page?x=1 is not said.
***
**One. Two** and Mr. Smith."""
SAID = [
    "The plan.",
    "I wrote thirteen virtues.",
    "They are few, see the book.",
    "Temperance: eat not to dullness.",
    "Silence.",
    "virtue, week.",
    "Order, three.",
    "In seventeen twenty-six I sailed.",
    "is code; is not said.",
    "One.",
    "Two and Mr. Smith.",
]


def test_marks_code_addresses_and_citations_are_not_said() -> None:
    assert sayable(ANSWER) == SAID


@pytest.mark.parametrize("step", [1, 2, 7, 40])
def test_a_growing_text_gives_each_sentence_once_and_in_order(step: int) -> None:
    reader, found = Sayable(), []
    for length in range(0, len(ANSWER), step):
        found += reader.take(ANSWER[:length])
    assert found == SAID[: len(found)]
    assert len(found) >= len(SAID) - 2
    assert found + reader.take(ANSWER, ended=True) == SAID


def test_the_first_sentence_does_not_wait_for_the_second() -> None:
    assert Sayable().take("I wrote a little book. And th") == ["I wrote a little book."]


def test_a_link_is_not_cut_at_a_full_stop_in_it() -> None:
    reader, text = Sayable(), "See [Poor Richard. An almanack](https://x.org) now. Then"
    assert reader.take(text[:24]) == reader.take(text[:45]) == []
    assert reader.take(text) == ["See Poor Richard. An almanack now."]


@pytest.mark.parametrize("text", ["", "```\ncode\n```", "***", "[1]", "https://x.org", "🙂"])
def test_there_may_be_nothing_to_say(text: str) -> None:
    assert sayable(text) == []


def test_a_sentence_without_end_is_cut_at_its_words() -> None:
    found = sayable("word " * 1000)
    assert max(map(len, found)) <= LONGEST_SENTENCE
    assert " ".join(found).count("word") == 1000


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("born 17 January 1706", "born the seventeenth of January, seventeen oh-six"),
        ("on July 4, 1776", "on July fourth, seventeen seventy-six"),
        ("due 2026-11-23", "due November twenty-third, twenty twenty-six"),
        ("1,234 men", "one thousand, two hundred and thirty-four men"),
        ("$2.50 or £3 million", "two dollars and fifty cents or three million pounds"),
        ("the 1730s and the 21st", "the seventeen thirties and the twenty-first"),
        ("at 10:30, up 12.5%", "at ten thirty, up twelve point five percent"),
        ("from 1726–1732", "from seventeen twenty-six to seventeen thirty-two"),
        ("version 1.2.3, call 555-1234-567", "version 1.2.3, call 555-1234-567"),
        ("A4 and x2", "A4 and x2"),
        ("9" * 30, "9" * 30),
        ("2026-99-99", "2026-99-99"),
        ("99:99", "99:99"),
        ("Das ist nicht die Zahl 12", "Das ist nicht die Zahl 12"),
    ],
)
def test_numbers_become_words(written: str, said: str) -> None:
    assert in_words(written) == said
