"""What a prompt may say, and that no prompt runs long or grows without end."""

import time
from typing import Any

import pytest

from clone_studio.errors import InvalidInput, TooLarge
from clone_studio.services import prompt_language
from clone_studio.services.prompt_language import OUTPUT_CHARS, SOURCE_CHARS, check, render
from clone_studio.services.templates import TemplateCatalog


def values(**given: Any) -> dict[str, Any]:
    passages = [
        {"number": 1, "file": "life.pdf", "page": "72", "heading": "Virtues", "text": "«x»\nEat."}
    ]
    usual: dict[str, Any] = {
        "persona": {"name": "Ben", "purpose": "Talks", "description": "A printer."},
        "language": "",
        "today": "Monday, 23 November 2026",
        "passages": passages,
        "question": "Which?",
        "history": [{"role": "user", "content": "Before?"}],
        "no_answer": "Nothing.",
    }
    return usual | given


def test_fills_in_variables_conditions_and_loops() -> None:
    source = (
        "{{ persona.name }}{% if language %} in {{ language }}{% endif %}:"
        "{% for one in passages %} [{{ one.number }}] {{ one.page|default('-') }}{% endfor %}"
        " {{ 'many' if passages|length > 1 else 'one' }} {{ history[0].content }}"
    )
    assert render(source, values(language="German")) == "Ben in German: [1] 72 one Before?"


def test_text_of_variables_is_never_a_template() -> None:
    assert render("{{ question }}", values(question="{{ 7 }}{% if")) == "{{ 7 }}{% if"
    assert render("{{ question }}", values(question="<b> & </b>")) == "<b> & </b>"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ nonsense }}", 'Line 1: there is no variable "nonsense"'),
        ("a\nb\n{{ persona.age }}", "Line 3: "),
        ("{% for p in passages %}\n{{ p.nonsense }}{% endfor %}", "Line 2: "),
        ("a\n{% if %}", "Line 2: "),
        ("a\n{% if question %}", "Line 2: "),
        ("\n{{ 'a' * 10 }}", 'Line 2: "mul" is not allowed'),
        ("{{ 10 ** 99 }}", '"pow" is not allowed'),
        ("{{ question ~ question }}", '"concat" is not allowed'),
        ("{{ range(10) }}", '"call" is not allowed'),
        ("{{ question.upper() }}", '"call" is not allowed'),
        ("{% for i in range(9) %}{% endfor %}", "only go over passages or history"),
        ("{% for i in question %}{% endfor %}", "only go over passages or history"),
        ("{% for a, b in passages %}{% endfor %}", "one new name"),
        ("{% for question in passages %}{% endfor %}", "one new name"),
        ("{% for a in passages recursive %}{% endfor %}", "only go over"),
        ("{% set x = 1 %}", '"assign" is not allowed'),
        ("{% macro m() %}{% endmacro %}", '"macro" is not allowed'),
        ("{% include 'x' %}", '"include" is not allowed'),
        ("{% extends 'x' %}", '"extends" is not allowed'),
        ("{{ question|center(999999999) }}", 'no filter "center"'),
        ("{{ question|replace('a', 'b') }}", 'no filter "replace"'),
        ("{{ question|nonsense }}", "filter"),
        ("{{ question is divisibleby 2 }}", 'no test "divisibleby"'),
        ("{{ question.__class__ }}", "not allowed"),
        ("{{ persona['__class__'] }}", "not allowed"),
        ("{{ 1 > 'a' }}", "cannot be worked out"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(source: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        render(source, values())
    assert words in caught.value.detail
    assert caught.value.detail.startswith("Line ")


def test_loops_nest_twice_at_most() -> None:
    twice = "{% for a in passages %}{% for b in history %}x{% endfor %}{% endfor %}"
    assert render(twice, values()) == "x"
    with pytest.raises(InvalidInput, match="too deeply"):
        check("{% for z in history %}" + twice + "{% endfor %}")


def test_the_largest_prompt_ends_quickly() -> None:
    loops = "{% for a in passages %}{% for b in passages %}{{ a.text }}{% endfor %}{% endfor %}"
    many = [{"number": n, "text": "x" * 16_000} for n in range(20)]
    began = time.perf_counter()
    with pytest.raises(TooLarge, match=f"{OUTPUT_CHARS:,}"):
        render(loops, values(passages=many))
    assert time.perf_counter() - began < 1


def test_a_source_has_its_limit() -> None:
    check("x" * SOURCE_CHARS)
    with pytest.raises(TooLarge):
        check("x" * (SOURCE_CHARS + 1))


def test_nesting_has_its_limit() -> None:
    with pytest.raises(InvalidInput):
        check("{{ " + "(" * 10_000 + "1" + ")" * 10_000 + " }}")
    with pytest.raises(InvalidInput):
        check("{% if question %}" * 2000 + "{% endif %}" * 2000)


def test_every_shipped_template_renders_with_and_without_passages() -> None:
    for template in TemplateCatalog().list():
        for layer in template.layers.values():
            for given in ({}, {"passages": [], "language": "German", "history": []}):
                assert render(layer, values(**given)).strip() or given


def test_the_variables_in_the_documentation_exist() -> None:
    assert values().keys() == prompt_language.VARIABLES
