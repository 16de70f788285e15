"""Another embedding model while files are embedded and questions are asked."""

import threading
from collections import Counter

import numpy as np
import pytest
from sqlmodel import select

from clone_studio.errors import ProviderDown, ProviderRefused
from clone_studio.models import Chunk, ChunkVector
from clone_studio.services.knowledge.rebuild import CloneRebuild
from clone_studio.services.switching import SwitchedEmbedder
from tests.knowledge.embedders import Choice, Named, switched, until
from tests.knowledge.shelves import ADA, BOB, Shelves

LONG, SECOND = (
    " ".join(f"Sentence {number} {does} a few words." for number in range(2000)).encode()
    for does in ("says", "sings")
)
LAMPS, BOATS = b"Some words about lamps.", b"Other words about boats."


def lacking(shelves: Shelves, model: str) -> int:
    """Return how many passages have no vector of `model`."""
    with shelves.database.read() as session:
        done = set(session.exec(select(ChunkVector.chunk_id).where(ChunkVector.model == model)))
        return sum(one not in done for one in session.exec(select(Chunk.id)))


def by_meaning(shelves: Shelves, question: str = "lamps") -> "int | None":
    """Return the place of the best passage by meaning, None where only words found it."""
    return shelves.retriever.retrieve("franklin", question)[0].ranks["vector"]


def building(shelves: Shelves) -> CloneRebuild:
    """Return how the only rebuild is."""
    [found] = shelves.ingester.rebuild.progress()
    return found


def kept(shelves: Shelves) -> set[str]:
    """Return the models of which there are vectors, after all old ones are deleted."""
    with shelves.database.write() as session:
        shelves.jobs.hurry(session, "forget")
    shelves.work("forget")
    with shelves.database.read() as session:
        return shelves.index.models(session, "franklin")


def twice(*embedders: Named) -> list[str]:
    """Return the texts that one of `embedders` was given more than once."""
    return [text for one in embedders for text, count in Counter(one.seen).items() if count > 1]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_file_that_is_being_embedded_gets_all_its_new_vectors(
    shelves: Shelves, batch: int
) -> None:
    def exchange(number: int) -> None:
        if number == batch:
            choice.choose("new")
            room.ingester.resume()

    choice = Choice(Named("old", exchange), Named("new"))
    room = switched(shelves, choice)
    info = room.add("long.txt", LONG)
    assert choice.switch.model == "new", "the exchange took place"
    assert info.embedding == "done"
    assert lacking(room, "new") == 0
    assert room.ingester.resume() == 0
    assert room.ingester.rebuild.progress() == ()
    assert kept(room) == {"new"}
    assert twice(*choice.named.values()) == []


def test_the_exchange_in_the_only_batch_is_seen_too(shelves: Shelves) -> None:
    choice = Choice(Named("old", lambda _: choice.choose("new")), Named("new"))
    room = switched(shelves, choice)
    assert room.add("a.txt", LAMPS).embedding == "done"
    assert lacking(room, "new") == 0
    assert by_meaning(room) == 1


def test_the_old_model_answers_until_the_new_one_is_complete(shelves: Shelves) -> None:
    old, new = Named("old"), Named("new")
    choice = Choice(old, new)
    room = switched(shelves, choice)
    files = [room.add("a.txt", LAMPS), room.add("b.txt", BOATS)]
    choice.choose("new")
    assert room.ingester.resume() == 2
    revision = room.revision()
    for done in (0, 1):
        assert (building(room).done, building(room).total) == (done, 2)
        assert (building(room).old, building(room).new) == ("old", "new")
        assert by_meaning(room) == 1
        assert [room.files.get_for(ADA, one.id).embedding for one in files] == ["done", "done"]
        assert room.revision() == revision, "what is found does not change"
        job = room.claim("embed")
        room.ingester.embed(job)
        room.jobs.finish(job)
    assert room.ingester.rebuild.progress() == ()
    assert room.revision() == revision + 1
    old.failing = ProviderDown("Nobody answers.")
    assert by_meaning(room) == 1
    assert kept(room) == {"new"}
    # And in the other direction.
    old.failing = None
    choice.choose("old")
    assert room.ingester.resume() == 2
    assert by_meaning(room) == 1
    room.work()
    assert kept(room) == {"old"}
    assert by_meaning(room) == 1
    assert twice(new) == []


def test_questions_that_never_stop_are_always_found_by_meaning(shelves: Shelves) -> None:
    asked, places, ended = [0], Counter[int | None](), threading.Event()

    def answered(count: int) -> None:
        """Wait until so many more questions were answered: the work takes its time."""
        wanted = asked[0] + count
        until(lambda: asked[0] >= wanted or ended.is_set())

    choice = Choice(Named("old"), Named("new", lambda _: answered(3)))
    room = switched(shelves, choice)
    ids = [room.add(f"{text[:9]!r}.txt", text).id for text in (LONG, SECOND, LAMPS)]

    def ask() -> None:
        while not ended.is_set():
            # Another question each time: none is answered from what is remembered.
            found = room.retriever.retrieve("franklin", f"lamps {asked[0]}")
            places[found[0].ranks["vector"]] += 1
            asked[0] += 1

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    try:
        with room.running():
            for model in ("new", "old", "new"):
                choice.choose(model)
                room.ingester.resume()
                until(lambda: not room.ingester.rebuild.progress())
                answered(10)
    finally:
        ended.set()
        for thread in asking:
            thread.join(30)
    assert places[None] == 0, "no question fell back to words"
    assert sum(places.values()) > 30
    assert room.files.get_for(ADA, ids[0]).embedding == "done"
    assert kept(room) == {"new"}
    assert twice(choice.named["new"]) == []


def test_a_question_that_a_switch_overtakes_finds_what_it_began_with(shelves: Shelves) -> None:
    old = Named("old")
    choice = Choice(old, Named("new"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    choice.choose("new")
    room.ingester.resume()

    def overtake() -> None:
        room.work()
        assert room.ingester.rebuild.progress() == ()

    old.on_query = overtake
    assert by_meaning(room) == 1


def test_a_third_model_and_going_back_in_the_middle(shelves: Shelves) -> None:
    choice = Choice(Named("old"), Named("second"), Named("third"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    room.add("b.txt", BOATS)

    def half(model: str) -> None:
        choice.choose(model)
        room.ingester.resume()
        job = room.claim("embed")
        room.ingester.embed(job)
        room.jobs.finish(job)
        assert building(room).done == 1
        assert by_meaning(room) == 1

    half("second")
    half("third")
    assert kept(room) == {"old", "third"}
    choice.choose("old")
    assert room.ingester.resume() == 0
    assert room.ingester.rebuild.progress() == ()
    room.work()
    assert kept(room) == {"old"}
    assert by_meaning(room) == 1
    half("third")
    room.work()
    assert kept(room) == {"third"}
    assert twice(choice.named["old"], choice.named["second"]) == []


def test_a_file_that_comes_or_goes_in_the_middle(shelves: Shelves) -> None:
    choice = Choice(Named("old"), Named("new"))
    room = switched(shelves, choice)
    first = room.add("a.txt", LAMPS)
    choice.choose("new")
    room.ingester.resume()
    added = room.upload("b.txt", BOATS)
    room.work("ingest")
    assert by_meaning(room) == 1
    assert by_meaning(room, "boats") is None, "the old model has not seen it"
    assert room.retriever.retrieve("franklin", "boats")[0].file_id == added.id
    # The new file is complete first, and still not found by meaning: the clone is not.
    job = next(
        one for one in (room.claim("embed"), room.claim("embed")) if one.subject_id == added.id
    )
    room.ingester.embed(job)
    room.jobs.finish(job)
    assert room.files.get_for(ADA, added.id).embedding == "pending"
    assert by_meaning(room, "boats") is None
    # What the clone waited for is deleted.
    room.files.delete(ADA, first.id)
    assert room.ingester.rebuild.progress() == ()
    assert room.files.get_for(ADA, added.id).embedding == "done"
    assert by_meaning(room, "boats") == 1


def test_clones_change_over_one_by_one(shelves: Shelves) -> None:
    choice = Choice(Named("old"), Named("new"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    room.add("b.txt", BOATS, user=BOB, persona="emerson")
    choice.choose("new")
    room.ingester.resume()
    job = room.claim("embed")
    room.ingester.embed(job)
    room.jobs.finish(job)
    assert building(room).total == 1
    assert by_meaning(room) == 1
    assert room.retriever.retrieve("emerson", "boats")[0].ranks["vector"] == 1
    room.work()
    assert room.retriever.retrieve("emerson", "boats")[0].ranks["vector"] == 1


def test_a_new_model_that_fails_leaves_the_old_one_and_says_so(shelves: Shelves) -> None:
    new = Named("new")
    choice = Choice(Named("old"), new)
    room = switched(shelves, choice)
    info = room.add("a.txt", LAMPS)
    new.failing = ProviderRefused("The embedding service refused the key.")
    choice.choose("new")
    room.ingester.resume()
    room.work()
    assert building(room).error == "The embedding service refused the key."
    assert by_meaning(room) == 1
    assert room.files.get_for(ADA, info.id).embedding == "done"
    added = room.add("b.txt", BOATS)
    assert added.embedding == "failed", "found by its words, and the file says why"
    new.failing = None
    assert room.ingester.resume() == 2
    assert building(room).error == ""
    room.work()
    assert room.ingester.rebuild.progress() == ()
    assert room.files.get_for(ADA, added.id).embedding == "done"
    assert by_meaning(room, "boats") == 1


def test_vectors_of_a_wrong_size_leave_the_old_model(shelves: Shelves) -> None:
    class Short(Named):
        def embed_passages(self, texts: "list[str]") -> "np.ndarray":
            return super().embed_passages(texts)[:, :8]

    choice = Choice(Named("old"), Short("new"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    choice.choose("new")
    room.ingester.resume()
    room.work()
    assert "of another size than asked for" in building(room).error
    assert lacking(room, "new") == 1
    assert by_meaning(room) == 1


def test_an_old_model_that_is_gone_leaves_words_and_says_so(shelves: Shelves) -> None:
    choice = Choice(Named("old"), Named("new"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    choice.choose("new")
    choice.gone.add("old")
    room.ingester.resume()
    assert building(room).problem == "old is gone."
    assert by_meaning(room) is None
    room.work()
    assert by_meaning(room) == 1


def test_a_restart_goes_on_where_it_was(shelves: Shelves) -> None:
    choice = Choice(Named("old"), Named("new"))
    room = switched(shelves, choice)
    room.add("a.txt", LONG)
    choice.choose("new")
    # The process ended after the choice and before anything was queued.
    again = Choice(Named("new"), choice.named["old"])
    other = switched(shelves, again)
    assert other.ingester.resume() == 1
    until_some = again.named["new"]

    def stop(number: int) -> None:
        if number == 2:
            job.stop()

    until_some.on_batch = stop
    job = other.claim("embed")
    with pytest.raises(Exception, match="stops"):
        other.ingester.embed(job)
    other.jobs.release(job)
    began = building(other).started_at
    assert 0 < building(other).done < building(other).total
    assert other.ingester.resume() == 0, "the job is there already"
    assert building(other).started_at == began
    assert by_meaning(other, "Which sentence says 77?") is not None
    other.work()
    assert other.ingester.rebuild.progress() == ()
    assert twice(again.named["new"]) == []


def test_clones_from_before_the_table_are_taken_over(shelves: Shelves) -> None:
    choice = Choice(Named("old"), Named("new"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    with room.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM embedding_uses")
    assert room.ingester.resume() == 0
    choice.choose("new")
    room.ingester.resume()
    assert building(room).old == "old"
    assert by_meaning(room) == 1


def test_a_failure_of_the_old_model_does_not_hold_up_the_new_one(shelves: Shelves) -> None:
    old = Named("old")
    choice = Choice(old, Named("new"))
    room = switched(shelves, choice)
    old.failing = ProviderDown("Nobody answers.")
    info = room.add("a.txt", LAMPS)
    assert info.embedding == "running", "tried again later"
    assert by_meaning(room) is None
    choice.choose("new")
    room.ingester.resume()
    assert room.work("embed") == 1, "at once, not after the pause"
    assert room.files.get_for(ADA, info.id).embedding == "done"
    assert by_meaning(room) == 1


def test_a_model_that_fails_while_another_is_chosen_is_not_held_against_that(
    shelves: Shelves,
) -> None:
    def refuse(_: int) -> None:
        choice.choose("third")
        room.ingester.resume()
        raise ProviderRefused("No such model.")

    choice = Choice(Named("old"), Named("second", refuse), Named("third"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    choice.choose("second")
    room.ingester.resume()
    room.work()
    assert room.ingester.rebuild.progress() == ()
    assert kept(room) == {"third"}


def test_spares_are_given_back_when_no_clone_needs_them(shelves: Shelves) -> None:
    class Closing(Named):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    old = Closing("old")
    choice = Choice(old, Named("new"))
    choice.switch = SwitchedEmbedder(lambda: Named("old"))
    room = switched(shelves, choice)
    room.add("a.txt", LAMPS)
    choice.choose("new")
    room.ingester.resume()
    assert by_meaning(room) == 1
    assert old.closed == 0
    room.work()
    assert by_meaning(room) == 1
    assert old.closed == 1
