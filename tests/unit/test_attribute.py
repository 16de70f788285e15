"""Marks for the sentences of a small model: set where a passage holds what they say."""

import pytest

from clone_studio.services.knowledge.attribute import Attributor
from clone_studio.services.knowledge.passages import Passage

VIRTUES = (
    "I included under thirteen names of virtues all that occurred to me as necessary.\n"
    "These names of virtues, with their precepts, were:\n"
    "- Temperance. Eat not to dullness; drink not to elevation.\n"
    "- Silence. Speak not but what may benefit others or yourself."
)
FATHER = (
    "At ten years old I was taken home to assist my father in his business, which was that of a "
    "tallow-chandler and sope-boiler. My brother James returned from England in 1717 with a press."
)


def _passage(text: str) -> Passage:
    return Passage("c", "f", "a.pdf", 1, "", 0, len(text), "", text, 0.5, {})


def _written(text: str, question: str, *texts: str, size: int = 3) -> str:
    attributor = Attributor(question, [_passage(one) for one in texts])
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(map(attributor.feed, pieces)) + attributor.finish()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_a_passage_holds_gets_its_mark(size: int) -> None:
    answer = "The first of my thirteen virtues was Temperance. My father was a tallow-chandler."
    question = "What was the first of your thirteen virtues?"
    assert _written(answer, question, FATHER, VIRTUES, size=size) == (
        "The first of my thirteen virtues was Temperance. [2] My father was a tallow-chandler. [1]"
    )


@pytest.mark.parametrize(
    "invented",
    [
        "My brother James returned from England in 1718.",
        "My brother William returned from England in 1717.",
        "I was apprenticed to my brother as a printer.",
        "The Junto met in New York to discuss ideas.",
        "I have found nothing about that in my material.",
    ],
)
def test_what_no_passage_holds_stays_without(invented: str) -> None:
    question = "What was your trade when you were apprenticed to your brother?"
    assert _written(invented, question, FATHER, VIRTUES) == invented


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_marks_of_the_model_itself_are_not_believed(size: int) -> None:
    answer = "I was born in Boston [2]. My father was a tallow-chandler [2][7].\n\nSo it was [1]."
    assert _written(answer, "Who was your father?", FATHER, VIRTUES, size=size) == (
        "I was born in Boston. My father was a tallow-chandler. [1]\n\nSo it was."
    )


def test_a_name_of_the_question_must_stand_in_the_passage_too() -> None:
    order = "The precept of Order requiring that every part of my business should have its time."
    answer = "The precept of Silence is that every part of my business should have its time."
    assert _written(answer, "What is the precept of Silence?", order) == answer


def test_questions_and_code_are_left_alone() -> None:
    answer = "Was my father a tallow-chandler?\n\n```\nfather[1] = 'tallow-chandler'.\n```\n"
    assert _written(answer, "Who?", FATHER) == answer


def test_nothing_to_say_and_nothing_to_cite() -> None:
    assert _written("", "Who?", FATHER) == ""
    assert _written("My father was a tallow-chandler.", "Who?") == (
        "My father was a tallow-chandler."
    )
