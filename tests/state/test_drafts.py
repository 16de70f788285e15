"""Unsent questions in the browser's storage."""

import pytest

from clone_studio.state.drafts import ALL_CHARS, DRAFT_CHARS, keep_draft, read_draft


def test_each_clone_keeps_its_own_draft():
    stored = keep_draft(keep_draft("{}", "ada", "to Ada"), "ben", "to Ben")
    assert read_draft(stored, "ada") == "to Ada"
    assert read_draft(stored, "ben") == "to Ben"


def test_an_emptied_draft_is_forgotten():
    assert read_draft(keep_draft(keep_draft("{}", "ada", "x"), "ada", "  "), "ada") == ""


@pytest.mark.parametrize("stored", ["", "no json", "[]", "null", '{"ada": 5}', '{"ada": null}'])
def test_what_others_wrote_into_the_storage_reads_as_no_draft(stored: str):
    assert read_draft(stored, "ada") == ""
    assert read_draft(keep_draft(stored, "ada", "mine"), "ada") == "mine"


def test_the_oldest_drafts_make_room():
    stored = "{}"
    for number in range(10):
        stored = keep_draft(stored, f"clone-{number}", "x" * DRAFT_CHARS)
    assert read_draft(stored, "clone-0") == ""
    assert len(read_draft(stored, "clone-9")) == DRAFT_CHARS
    assert len(stored) < ALL_CHARS + 1000
