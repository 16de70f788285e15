"""What holds content: cards, status words, avatars, tables, and the states of a page."""

from collections.abc import Sequence
from typing import Any, Literal

import reflex as rx

from clone_studio.components.buttons import button, button_link

Tone = Literal["success", "warning", "danger", "busy", "neutral"]

_TONE_ICONS: dict[Tone, str] = {
    "success": "circle-check",
    "warning": "triangle-alert",
    "danger": "circle-x",
    "busy": "loader-circle",
    "neutral": "circle",
}


def card(*children: Any, **props: Any) -> rx.Component:
    """Return a framed surface."""
    extra = str(props.pop("class_name", ""))
    return rx.el.section(*children, class_name=f"card {extra}".strip(), **props)


def status(words: str | rx.Var[str], tone: Tone) -> rx.Component:
    """Return an icon and a word that say how something is."""
    return rx.el.span(
        rx.icon(_TONE_ICONS[tone], size=14), words, class_name=f"status status--{tone}"
    )


def status_of(words: rx.Var[str], tone: rx.Var[str]) -> rx.Component:
    """Return `status` for a tone that is only known at run time."""
    return rx.match(
        tone,
        *((name, status(words, name)) for name in ("success", "warning", "danger", "busy")),
        status(words, "neutral"),
    )


def chip(*children: Any, icon: str | None = None) -> rx.Component:
    """Return a small label, such as a tag."""
    mark = [rx.icon(icon, size=12)] if icon else []
    return rx.el.span(*mark, *children, class_name="chip")


def avatar(
    letters: str | rx.Var[str],
    hue: str | rx.Var[str],
    size: Literal["small", "usual", "large"] = "usual",
) -> rx.Component:
    """Return a clone's picture: initials or an emoji on one of eight colours.

    The name always stands beside it, so it is hidden from screen readers.
    """
    sized = "" if size == "usual" else f" avatar--{size}"
    return rx.el.span(
        letters, class_name=rx.Var.create(f"avatar{sized} hue-") + hue, aria_hidden="true"
    )


def table(head: Sequence[str | rx.Component], body: rx.Component, label: str) -> rx.Component:
    """Return a table; `body` are its rows, `label` names it for screen readers."""
    return rx.el.div(
        rx.el.table(
            rx.el.thead(rx.el.tr(*(rx.el.th(cell, scope="col") for cell in head))),
            rx.el.tbody(body),
            class_name="table",
            aria_label=label,
        ),
        class_name="table-wrap",
    )


def empty_state(
    icon: str, title: str | rx.Var[str], text: str | rx.Var[str], *actions: rx.Component
) -> rx.Component:
    """Return what a page shows when there is nothing yet: one sentence and what to do."""
    return rx.el.div(
        rx.el.span(rx.icon(icon, size=20), class_name="blank__icon", aria_hidden="true"),
        rx.el.h2(title),
        rx.el.p(text, class_name="blank__text"),
        rx.el.div(*actions, class_name="blank__actions") if actions else rx.fragment(),
        class_name="blank",
    )


def no_clone() -> rx.Component:
    """Return what a page of a clone shows when its address names none."""
    return empty_state(
        "file-question",
        "There is no such clone",
        "It may have been deleted or renamed.",
        button_link("All clones", to="/clones"),
    )


def error_state(
    text: str | rx.Var[str], on_retry: Any, title: str | rx.Var[str] = "This did not load"
) -> rx.Component:
    """Return what a page shows when it could not load, with a way to try again."""
    return rx.el.div(
        rx.el.span(rx.icon("unplug", size=20), class_name="blank__icon", aria_hidden="true"),
        rx.el.h2(title),
        rx.el.p(text, class_name="blank__text"),
        rx.el.div(
            button("Try again", icon="rotate-cw", on_click=on_retry), class_name="blank__actions"
        ),
        class_name="blank blank--danger",
        role="alert",
    )


def bone(width: str = "100%", height: str = "12px", **props: Any) -> rx.Component:
    """Return one grey bar of a skeleton; sizes are CSS lengths."""
    return rx.el.span(class_name="bone", style={"width": width, "height": height}, **props)


def loading(*children: Any, label: str = "Loading", **props: Any) -> rx.Component:
    """Return a skeleton: bones in the shape of what comes, named for screen readers."""
    return rx.el.div(
        rx.el.span(label, class_name="sr-only", role="status"), *children, aria_busy="true", **props
    )


def page_state(
    ready: rx.Var[bool],
    problem: rx.Var[str],
    *,
    skeleton: rx.Component,
    content: rx.Component,
    on_retry: Any,
) -> rx.Component:
    """Return the one of three faces a page has: failed, loading, or its content."""
    return rx.cond(problem, error_state(problem, on_retry), rx.cond(ready, content, skeleton))
