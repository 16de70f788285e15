"""Form fields: a label, the control, a note, and the error beside it."""

from collections.abc import Sequence
from typing import Any

import reflex as rx
from reflex_components_core.el.elements.base import BaseHTML


def field(
    label: str,
    control: rx.Component,
    *,
    name: str,
    note: str | rx.Component = "",
    error: rx.Var[str] | str = "",
) -> rx.Component:
    """Return a control with its label, note and error.

    The control must have been made by this module with the same `name`: label and messages
    refer to it by id.
    """
    return rx.el.div(
        rx.el.label(label, html_for=_id(name), class_name="field__label"),
        control,
        rx.el.p(note, class_name="field__note", id=f"{_id(name)}-note") if note else rx.fragment(),
        field_error(name, error),
        class_name="field",
    )


def field_error(name: str, error: rx.Var[str] | str) -> rx.Component:
    """Return the sentence that says what is wrong with a field; nothing while it is right."""
    return rx.cond(
        error,
        rx.el.p(
            rx.icon("circle-alert", size=14),
            rx.el.span(error),
            class_name="field__error",
            id=f"{_id(name)}-error",
            role="alert",
        ),
        rx.fragment(),
    )


def _id(name: str) -> str:
    return f"field-{name}"


def _control(name: str, error: rx.Var[str] | str, props: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that tie a control to its label and messages."""
    described = f"{_id(name)}-error {_id(name)}-note"
    return {
        "id": _id(name),
        "name": name,
        "class_name": "input",
        "aria_invalid": rx.cond(error, "true", "false"),
        "aria_describedby": described,
        **props,
    }


def text_input(name: str, *, error: rx.Var[str] | str = "", **props: Any) -> rx.Component:
    """Return a one-line text control; `default_value`, `max_length` … go to the element."""
    props.setdefault("type", "text")
    return rx.el.input(**_control(name, error, props))


def text_area(name: str, *, error: rx.Var[str] | str = "", **props: Any) -> rx.Component:
    """Return a text control of several lines that grows with its text."""
    props.setdefault("rows", "3")
    return rx.el.textarea(**_control(name, error, props))


def select(
    name: str,
    options: Sequence[tuple[str, str]] | rx.Component,
    *,
    error: rx.Var[str] | str = "",
    **props: Any,
) -> rx.Component:
    """Return a choice of one; `options` are (value, words) pairs, or a `foreach` of options."""
    shown = (
        [options]
        if isinstance(options, rx.Component)
        else [rx.el.option(words, value=value) for value, words in options]
    )
    return rx.el.select(*shown, **_control(name, error, props))


class _PostForm(BaseHTML):
    tag = "form"

    action: rx.Var[str]
    method: rx.Var[str]


def post_form(*children: Any, action: str, **props: Any) -> rx.Component:
    """Return a form that the browser itself posts to `action`, with a document load.

    Reflex's own form keeps the browser from sending it, even without a handler.
    """
    return _PostForm.create(*children, action=action, method="post", **props)
