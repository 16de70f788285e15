"""The analyser: what is one term in a document is the same term in a question."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import snowballstemmer

from clone_studio.services.knowledge.analyse import MAX_TERM, query_terms, terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Uploading documents", "upload document"),
        ("CAFÉ", "cafe"),
        ("naïve ﬁle", "naive file"),
        ("Franklin’s virtues", "franklin virtue"),
        ("１２３", "123"),
        ("1,577.00", "1577.00"),
        ("Straße", "strasse"),
        ("Ελλάδα", "ελλαδα"),
        ("Пэнтерс очков", "пэнтерс очки"),
        ("İstanbul", "istanbul"),
    ],
)
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("黑豹队", ["黑豹", "豹队"]),
        ("日", ["日"]),
        ("日本語 text", ["日本", "本語", "text"]),
        ("กขค", ["กข", "ขค"]),
        ("한국어", ["한국", "국어"]),
        ("", []),
        ("!? --- \x00", []),
    ],
)
def test_scripts_without_spaces_give_pairs(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_questions_lose_words_without_a_subject() -> None:
    assert query_terms("What are the thirteen virtues?") == terms("thirteen virtues")
    assert query_terms("Wer war der Vater von Franklin?") == terms("Vater Franklin")
    assert query_terms("What is it?") == terms("What is it?")
    assert query_terms("lamp lamp Lamp") == ["lamp"]


def test_terms_are_bounded() -> None:
    assert max(map(len, terms("x" * 10_000 + " " + "9" * 10_000 + " 1,2" * 3))) <= MAX_TERM
    assert len(terms("a" * 1_000_000)) == 1


def test_threads_do_not_spoil_each_others_stems() -> None:
    # Each thread has words of its own, so none finds what another one has found before.
    words = [[f"hopefulness{one}x{number}izations" for number in range(400)] for one in range(8)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda mine: [terms(word)[0] for word in mine], words))
    finally:
        sys.setswitchinterval(usual)
    stem = snowballstemmer.stemmer("english").stemWord
    assert found == [[stem(word) for word in mine] for mine in words]
