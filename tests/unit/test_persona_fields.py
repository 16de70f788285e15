from typing import Any

import pytest

from clone_studio.errors import InvalidInput
from clone_studio.services.persona_fields import checked_changes


def test_known_fields_are_trimmed_and_others_left_out() -> None:
    changes = {
        "name": "  Ada ",
        "temperature": "0.5",
        "max_tokens": 16.0,
        "example_questions": [" Who? ", "", "Why?"],
        "retrieval": {"limit": "8", "other": 1},
        "user_id": "somebody",
        "is_sample": True,
    }
    assert checked_changes(changes) == {
        "name": "Ada",
        "temperature": 0.5,
        "max_tokens": 16,
        "example_questions": ["Who?", "Why?"],
        "retrieval": {"limit": 8},
    }


def test_the_number_of_passages_can_be_left_to_the_studio() -> None:
    assert checked_changes({"retrieval": {"limit": None}}) == {"retrieval": {}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 81),
        ("name", None),
        ("name", 7),
        ("name", "a\x00b"),
        ("name", "\ud800"),
        ("slug", "new"),
        ("avatar", "x" * 17),
        ("purpose", "x" * 301),
        ("description", "x" * 4001),
        ("greeting", "x" * 1001),
        ("no_answer_text", "x" * 1001),
        ("language", "x" * 41),
        ("model", "x" * 121),
        ("consent_statement", "x" * 501),
        ("temperature", 2.01),
        ("temperature", -0.1),
        ("temperature", "warm"),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", True),
        ("temperature", [1]),
        ("max_tokens", 15),
        ("max_tokens", 16_001),
        ("max_tokens", 16.5),
        ("example_questions", "Who?"),
        ("example_questions", ["x"] * 7),
        ("example_questions", ["x" * 201]),
        ("example_questions", [1]),
        ("retrieval", 6),
        ("retrieval", {"limit": 0}),
        ("retrieval", {"limit": 21}),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_changes({field: value})
    assert (refused.value.field or "").startswith(field)
