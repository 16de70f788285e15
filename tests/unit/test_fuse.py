"""The fusion of two rankings, and what counts as evidence."""

from clone_studio.providers.search.protocol import Hit
from clone_studio.services.knowledge import evidence
from clone_studio.services.knowledge.fuse import fuse
from clone_studio.services.knowledge.passages import Passage

WEIGHTS = evidence.Weights({"lamp": 3, "keeper": 2, "clockwork": 1, "dusk": 1}, 40)


def hits(*ids: str) -> list[Hit]:
    return [Hit(name, 1.0) for name in ids]


def passage(text: str, number: int = 1) -> Passage:
    return Passage(f"c{number}", "f", "f.txt", number, "", 0, len(text), "", text, 0.5, {})


def test_what_both_lists_have_comes_first() -> None:
    ranked = fuse(hits("a", "b", "c"), hits("b", "d"))
    assert [one.chunk_id for one in ranked] == ["b", "a", "d", "c"]
    assert ranked[0].ranks == {"keyword": 2, "vector": 1, "fused": 1, "rerank": None}
    assert ranked[1].ranks["vector"] is None


def test_the_best_of_both_scores_one_and_all_lie_between() -> None:
    ranked = fuse(hits("a", "b"), hits("a", "c"))
    assert ranked[0].score == 1
    assert all(0 < one.score <= 1 for one in ranked)
    assert fuse([], []) == []


def test_what_has_no_vector_yet_counts_as_if_its_meaning_were_as_near_as_its_words() -> None:
    ranked = fuse(hits("new", "old"), hits("old"), unseen={"new"})
    assert [one.chunk_id for one in ranked] == ["new", "old"]
    assert ranked[0].ranks == {"keyword": 1, "vector": None, "fused": 1, "rerank": None}


def test_evidence_needs_words_or_words_and_meaning() -> None:
    question = "When does the keeper wind the clockwork of the lamp?"
    good = [passage("At dusk the keeper winds the clockwork of the lamp.")]
    poor = [passage("The keeper eats his soup.")]
    for likeness in (None, 0.6):
        assert evidence.has_answer(question, good, WEIGHTS, likeness)
        assert not evidence.has_answer(question, poor, WEIGHTS, likeness and 0.2)
    assert not evidence.has_answer(question, [], WEIGHTS, 0.9)


def test_near_meaning_alone_is_no_evidence() -> None:
    assert not evidence.has_answer("Who sells bread?", [passage("A bakery.")], WEIGHTS, 0.5)


def test_words_spread_over_a_long_passage_are_no_evidence() -> None:
    filler = "Nothing of the kind is said in this sentence here. " * 6
    text = f"The keeper slept. {filler}A lamp. {filler}Clockwork. {filler}Dusk."
    question = "keeper lamp clockwork dusk"
    assert not evidence.has_answer(question, [passage(text)], WEIGHTS, None)


def test_quotes_are_distinct_whole_sentences() -> None:
    text = "At dusk the keeper winds the clockwork. He likes soup. Is the keeper old?"
    found = evidence.quotes("keeper clockwork", [passage(text), passage(text, 2)], WEIGHTS)
    assert [(quote.number, quote.text) for quote in found] == [
        (1, "At dusk the keeper winds the clockwork.")
    ]
