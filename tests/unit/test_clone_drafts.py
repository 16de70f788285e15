"""Drafts of the clone form in the browser's storage, which can hold anything."""

import json

import pytest

from clone_studio.state.clone_drafts import DRAFTS_KEPT, drop_draft, keep_draft, read_draft


def test_a_draft_is_read_as_it_was_kept() -> None:
    stored = keep_draft("{}", "new", {"name": "Ada"})
    assert read_draft(stored, "new") == {"name": "Ada"}
    assert read_draft(stored, "another") == {}


def test_a_draft_is_dropped_and_others_stay() -> None:
    stored = keep_draft(keep_draft("{}", "a", {"name": "A"}), "b", {"name": "B"})
    assert read_draft(drop_draft(stored, "a"), "a") == {}
    assert read_draft(drop_draft(stored, "a"), "b") == {"name": "B"}


def test_only_the_newest_drafts_are_kept() -> None:
    stored = "{}"
    for number in range(20):
        stored = keep_draft(stored, f"clone-{number}", {"name": str(number)})
    assert len(json.loads(stored)) == DRAFTS_KEPT
    assert read_draft(stored, "clone-19") == {"name": "19"}


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "not json",
        "[]",
        "null",
        '{"new": 3}',
        '{"new": {"name": 7, "other": "x"}}',
        "[" * 5000,
        "[" * 300_000,
    ],
)
def test_other_storage_counts_as_no_draft(stored: str) -> None:
    assert read_draft(stored, "new") == {}


def test_a_long_draft_is_cut() -> None:
    stored = json.dumps({"new": {"name": "x" * 100_000}})
    assert len(read_draft(stored, "new")["name"]) == 120
