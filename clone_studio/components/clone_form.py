"""The form that creates and edits a clone."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from clone_studio.components.buttons import button, button_link
from clone_studio.components.fields import field, field_error, select, text_area, text_input
from clone_studio.components.surfaces import avatar, bone, loading

LANGUAGES = (
    ("", "The language of the question"),
    *(
        (name, name)
        for name in (
            "English",
            "German",
            "French",
            "Spanish",
            "Italian",
            "Portuguese",
            "Dutch",
            "Polish",
            "Turkish",
            "Arabic",
            "Hindi",
            "Chinese",
            "Japanese",
            "Korean",
        )
    ),
)
KEEP_AFTER_MS = 250
HUE_NAMES = ("Orange", "Rose", "Blue", "Green", "Teal", "Yellow", "Violet", "Grey")
CONSENT_NOTE = (
    "State by what right you make this clone, for example: “I am this person” or “Ann Lee agreed "
    "in writing on 3 May 2026”. The date is kept with it."
)


def clone_form(state: Any) -> rx.Component:
    """Return the form.

    Args:
        state: Vars `fields`, `errors`, `form_key`, `editing`, `dirty`, `restored`, `preview`,
            `consent_date` and the handlers `keep`, `save` and `discard`.
    """
    make = _Maker(state)
    return rx.el.form(
        rx.cond(state.restored, _restored(state), rx.fragment()),
        _section("Who it is", "What people see first.", _picture(state, make), *_who(make, state)),
        _section(
            "How it talks", "The first words, and what it says when it does not know.", *_talk(make)
        ),
        rx.cond(state.editing, rx.fragment(), _template(make, state)),
        _section(
            "How it answers", "The settings of the model and of the search.", *_answers(make, state)
        ),
        _section("Consent", "Shown on the clone and kept in the audit log.", _consent(make, state)),
        _save_bar(state),
        on_submit=state.save,
        class_name="clone-form",
        custom_attrs={"noValidate": True},
        key=state.form_key,
    )


class _Maker:
    """Makes the form's fields: each shows its value and error, and keeps its draft."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._bound = 0

    def __call__(
        self,
        name: str,
        label: str,
        control: Callable[..., rx.Component] = text_input,
        note: str = "",
        **props: Any,
    ) -> rx.Component:
        error = self._state.errors[name].to(str)
        made = control(name, error=error, **self.bound(name), **props)
        return field(label, made, name=name, note=note, error=error)

    def bound(self, name: str) -> dict[str, Any]:
        """Return the properties that tie a control to its field of the state."""
        value = getattr(self._state.fields, name)
        self._bound += 1
        delay = KEEP_AFTER_MS + self._bound
        return {
            "default_value": value,
            # Reflex knows a debounced event by its handler and its delay: with a delay of its
            # own, a field does not swallow what was typed in the one before.
            "on_change": lambda typed: self._state.keep(name, typed, self._state.form_key).debounce(
                delay
            ),
        }


def _section(title: str, text: str, *children: rx.Component) -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2(title), rx.el.p(text, class_name="meta"), class_name="form-section__head"
        ),
        rx.el.div(*children, class_name="form-section__fields"),
        class_name="form-section",
    )


def _template(make: _Maker, state: Any) -> rx.Component:
    """Return the choice of what a new clone's prompts begin with."""

    def control(name: str, **props: Any) -> rx.Component:
        options = rx.foreach(
            state.templates, lambda row: rx.el.option(row.title, value=row.key, key=row.key)
        )
        return select(name, options, **props)

    return _section(
        "Personality",
        "How its prompts begin. All of it can be changed later, under Prompts.",
        make("template_name", "Template", control),
        rx.el.ul(
            rx.foreach(
                state.templates,
                lambda row: rx.el.li(rx.el.strong(row.title), ": ", row.description, key=row.key),
            ),
            class_name="meta form-hints",
        ),
    )


def _picture(state: Any, make: _Maker) -> rx.Component:
    swatches = [
        rx.el.label(
            rx.el.input(
                type="radio",
                name="hue",
                value=str(number),
                default_checked=state.fields.hue == str(number),
                on_change=state.keep("hue", str(number)),
                class_name="sr-only",
                aria_label=name,
            ),
            rx.el.span(class_name=f"swatch hue-{number}"),
            title=name,
        )
        for number, name in enumerate(HUE_NAMES)
    ]
    error = state.errors["letters"].to(str)
    return rx.el.div(
        avatar(state.preview.letters, state.preview.hue, "large"),
        rx.el.div(
            rx.el.label("Initials or emoji", html_for="field-letters", class_name="field__label"),
            text_input(
                "letters", error=error, max_length=12, placeholder="Auto", **make.bound("letters")
            ),
            class_name="field picture__letters",
        ),
        rx.el.div(
            rx.el.span("Colour", class_name="field__label", id="colour-label"),
            rx.el.div(
                *swatches, class_name="swatches", role="radiogroup", aria_labelledby="colour-label"
            ),
            class_name="field",
        ),
        field_error("letters", error),
        class_name="picture",
    )


def _who(make: _Maker, state: Any) -> list[rx.Component]:
    address = make(
        "slug",
        "Address",
        note="The clone's name in links. Links with the old address stop working.",
        auto_capitalize="none",
        spell_check=False,
    )
    return [
        make(
            "name",
            "Name",
            required=True,
            auto_complete="off",
            placeholder="For example Benjamin Franklin",
        ),
        rx.cond(state.editing, address, rx.fragment()),
        make("purpose", "Purpose", note="One sentence, shown on its card.", auto_complete="off"),
        make(
            "description",
            "Description",
            text_area,
            "Who this is, in a few paragraphs. The clone reads it too.",
        ),
    ]


def _talk(make: _Maker) -> list[rx.Component]:
    return [
        make("greeting", "Greeting", text_area, "What an empty chat says first.", rows="2"),
        make("questions", "Example questions", text_area, "One per line, at most six."),
        make(
            "no_answer_text",
            "When its knowledge has no answer",
            text_area,
            "In the clone's own words. Left empty, it says plainly that it does not know.",
            rows="2",
        ),
        make("language", "Language", lambda name, **props: select(name, LANGUAGES, **props)),
    ]


def _answers(make: _Maker, state: Any) -> list[rx.Component]:
    return [
        make(
            "model",
            "Model",
            note="Left empty, the studio's own model answers.",
            auto_complete="off",
            spell_check=False,
        ),
        _temperature(make, state),
        rx.el.div(
            make(
                "max_tokens",
                "Longest answer",
                note="In tokens, 16 to 16,000.",
                input_mode="numeric",
            ),
            make(
                "passages", "Passages read per question", note="From 1 to 20.", input_mode="numeric"
            ),
            class_name="two-fields",
        ),
    ]


def _temperature(make: _Maker, state: Any) -> rx.Component:
    warmth = rx.el.span(
        state.fields.temperature, " · ", state.preview.warmth, class_name="meta figures"
    )
    error = state.errors["temperature"].to(str)
    return rx.el.div(
        rx.el.div(
            rx.el.label("Temperature", html_for="field-temperature", class_name="field__label"),
            warmth,
            class_name="row between",
        ),
        text_input(
            "temperature",
            error=error,
            **{
                **make.bound("temperature"),
                "type": "range",
                "min": "0",
                "max": "2",
                "step": "0.1",
                "class_name": "range",
            },
        ),
        rx.el.div(
            rx.el.span("Exact"),
            rx.el.span("Wild"),
            class_name="row between meta",
            aria_hidden="true",
        ),
        field_error("temperature", error),
        class_name="field",
    )


def _consent(make: _Maker, state: Any) -> rx.Component:
    return rx.fragment(
        make("consent_statement", "Your right to make this clone", text_area, CONSENT_NOTE),
        rx.cond(
            state.consent_date,
            rx.el.p(
                rx.icon("shield-check", size=14),
                "Stated on ",
                state.consent_date,
                class_name="meta row tight",
            ),
            rx.fragment(),
        ),
    )


def _restored(state: Any) -> rx.Component:
    return rx.el.div(
        rx.icon("history", size=16),
        rx.el.span("These are changes you did not save last time.", class_name="grow"),
        button("Discard them", kind="quiet", small=True, on_click=state.discard),
        class_name="form-note",
        role="status",
    )


def _save_bar(state: Any) -> rx.Component:
    faults = state.errors.length() > 0
    words = rx.cond(
        faults,
        rx.el.span(
            rx.icon("circle-alert", size=14),
            "Some fields need another look.",
            class_name="field__error",
        ),
        rx.cond(
            state.dirty,
            rx.el.span("Not saved yet. Your draft is kept in this browser.", class_name="meta"),
            rx.fragment(),
        ),
    )
    return rx.el.div(
        rx.el.div(words, class_name="grow", role="status"),
        rx.cond(
            state.editing & state.dirty,
            button("Discard", kind="quiet", on_click=state.discard),
            rx.fragment(),
        ),
        rx.cond(
            state.editing,
            button("Save changes", kind="primary", type="submit"),
            button("Create clone", kind="primary", type="submit"),
        ),
        class_name="save-bar",
    )


def form_skeleton() -> rx.Component:
    """Return the form before it is there."""
    one = rx.el.div(bone("120px"), bone(height="34px"), class_name="stack")
    section = rx.el.section(
        rx.el.div(bone("90px", "16px"), bone("70%"), class_name="stack"),
        rx.el.div(one, one, one, class_name="form-section__fields"),
        class_name="form-section",
    )
    return loading(section, section, label="Loading the clone")


def back_to_clones() -> rx.Component:
    """Return the way back to all clones."""
    return button_link("All Clones", to="/clones", icon="layout-grid")
