"""The clone form's fields: every fault is found at once and said beside its field."""

from dataclasses import replace

from clone_studio.state.clone_fields import CloneFields, changes_of, faults_of

GOOD = CloneFields(name="Ada", slug="ada")


def test_a_name_is_enough() -> None:
    assert faults_of(CloneFields(name="Ada"), editing=False) == {}


def test_every_fault_is_found() -> None:
    wrong = replace(
        GOOD,
        name="  ",
        slug="Not A Slug",
        purpose="x" * 301,
        questions="\n".join(f"Question {number}?" for number in range(9)),
        temperature="hot",
        max_tokens="1.5",
        passages="400",
    )
    faults = faults_of(wrong, editing=True)
    assert set(faults) == {
        "name",
        "slug",
        "purpose",
        "questions",
        "temperature",
        "max_tokens",
        "passages",
    }
    assert all(text.endswith(".") for text in faults.values())


def test_a_new_clone_takes_its_address_from_its_name() -> None:
    assert "slug" not in changes_of(GOOD, editing=False)
    assert changes_of(GOOD, editing=True)["slug"] == "ada"


def test_questions_are_one_per_line() -> None:
    fields = replace(GOOD, questions="What is thrift?\n\n  Who are you?  \n")
    changes = changes_of(fields, editing=True)
    assert changes["example_questions"] == ["What is thrift?", "  Who are you?  "]
