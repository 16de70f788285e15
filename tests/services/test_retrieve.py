"""Retrieval: what is found, for whom, and what happens when search by meaning does not serve."""

from datetime import timedelta

from sqlmodel import select

from clone_studio.errors import ProviderDown
from clone_studio.models import Chunk, StoredFile
from clone_studio.services.spans import SpanRecorder
from tests.knowledge.pdfs import pdf
from tests.knowledge.shelves import ADA, BOB, Shelves

VIRTUES = pdf(
    [
        "Temperance. Eat not to dullness; drink not to elevation.",
        "Silence. Speak not but what may benefit others or yourself.",
        "Order. Let all your things have their places.",
    ]
)
QUESTION = "What should be said about silence and speaking?"


def test_passages_carry_their_place_and_ranks(shelves: Shelves) -> None:
    info = shelves.add("virtues.pdf", VIRTUES)
    spans = SpanRecorder()
    best = shelves.retriever.retrieve("franklin", QUESTION, limit=2, spans=spans)[0]
    assert (best.file_id, best.file, best.page) == (info.id, "virtues.pdf", 2)
    page = shelves.files.pages(ADA, info.id, best.page, 1)[0]
    assert page.text[best.start : best.end] == best.text
    assert (best.ranks["keyword"], best.ranks["vector"], best.ranks["fused"]) == (1, 1, 1)
    assert 0 < best.score <= 1
    names = [span["name"] for span in spans.as_list()]
    assert names == ["retrieve.embed", "retrieve.search", "retrieve.rerank"]


def test_nothing_of_another_clone_is_found(shelves: Shelves) -> None:
    shelves.add("virtues.pdf", VIRTUES)
    shelves.add("emerson.txt", b"Silence is a friend.", user=BOB, persona="emerson")
    found = shelves.retriever.retrieve("emerson", QUESTION, limit=50)
    assert {passage.file for passage in found} == {"emerson.txt"}
    assert shelves.retriever.retrieve("nobody", QUESTION) == []


def test_words_serve_when_the_embedder_fails_and_the_ranks_say_so(shelves: Shelves) -> None:
    shelves.add("virtues.pdf", VIRTUES)
    shelves.embedder.failing = ProviderDown("Down.")
    best = shelves.retriever.retrieve("franklin", QUESTION)[0]
    assert (best.page, best.ranks["keyword"], best.ranks["vector"]) == (2, 1, None)


def test_a_file_whose_meaning_search_still_follows_is_not_behind(shelves: Shelves) -> None:
    shelves.add("manners.txt", b"Speaking of the weather benefits nobody.")
    shelves.upload("virtues.pdf", VIRTUES)
    shelves.work("ingest")
    best = shelves.retriever.retrieve("franklin", QUESTION)[0]
    assert (best.file, best.page, best.ranks["vector"]) == ("virtues.pdf", 2, None)


def test_a_document_arrives_until_it_is_read_but_not_for_ever(shelves: Shelves) -> None:
    info = shelves.upload("virtues.pdf", VIRTUES)
    assert shelves.retriever.is_arriving("franklin")
    assert not shelves.retriever.is_arriving("emerson")
    with shelves.database.write() as session:
        session.get_one(StoredFile, info.id).created_at -= timedelta(minutes=1)
    assert not shelves.retriever.is_arriving("franklin")
    shelves.add("order.txt", b"Let all your things have their places.")
    assert not shelves.retriever.is_arriving("franklin")


def test_a_passage_that_was_switched_off_is_not_found(shelves: Shelves) -> None:
    shelves.add("virtues.pdf", VIRTUES)
    before = shelves.retriever.retrieve("franklin", QUESTION, limit=50)
    with shelves.database.write() as session:
        for chunk in session.exec(select(Chunk).where(Chunk.page == 2)):
            chunk.enabled = False
    after = shelves.retriever.retrieve("franklin", QUESTION, limit=50)
    assert {passage.page for passage in before} - {passage.page for passage in after} == {2}


def test_odd_questions_are_no_errors(shelves: Shelves) -> None:
    shelves.add("virtues.pdf", VIRTUES)
    odd = ["", "   ", "the of and", "?!\x00", "' OR 1=1 --", '"NEAR(', "x" * 100_000, "ß" * 5000]
    for question in odd:
        assert len(shelves.retriever.retrieve("franklin", question, limit=500)) <= 3


def test_evidence_tells_what_the_knowledge_holds(shelves: Shelves) -> None:
    shelves.add("virtues.pdf", VIRTUES)
    retriever = shelves.retriever
    for question, expected in (
        ("What does Order say about things and their places?", True),
        ("How do I bake a pizza in a wood oven?", False),
        ("Who won the football championship?", False),
    ):
        found = retriever.retrieve("franklin", question)
        assert retriever.has_answer(question, found) is expected, question
    assert not retriever.has_answer("anything", [])


def test_quotes_are_whole_sentences_with_the_number_of_their_passage(shelves: Shelves) -> None:
    shelves.add("virtues.pdf", VIRTUES)
    question = "Where should all things have their places?"
    found = shelves.retriever.retrieve("franklin", question)
    quotes = shelves.retriever.quotes(question, found)
    assert quotes[0].text == "Let all your things have their places."
    assert found[quotes[0].number - 1].page == 3
    assert 1 <= len(quotes) <= 4
    assert shelves.retriever.quotes(question, []) == ()


def test_a_page_that_stands_twice_is_given_once(shelves: Shelves) -> None:
    shelves.add("twice.pdf", pdf(["Nine lamps burn.", "Nine lamps burn.", "Ten ships sail."]))
    found = shelves.retriever.retrieve("franklin", "Which lamps burn?")
    assert [passage.text for passage in found].count("Nine lamps burn.") == 1
    assert found[0].page == 1
