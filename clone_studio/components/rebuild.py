"""Another embedding model that is being built: how far, until when, and what can be done."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import button
from clone_studio.components.surfaces import status


def rebuild_panel(state: Any, on_go_back: Any) -> rx.Component:
    """Return how far another embedding model is, nothing while none is built.

    Args:
        state: Vars of `RebuildState` and its handler `try_again`.
        on_go_back: Chooses the old model again.
    """
    panel = rx.el.section(
        rx.el.h3("Embedding again with ", state.new),
        rx.el.p(
            rx.cond(
                state.problem,
                rx.fragment("Until it is done, words alone are searched: ", state.problem),
                rx.fragment(
                    state.old,
                    " answers until then, clone by clone. Running answers go on; this page can "
                    "be left.",
                ),
            ),
            class_name="muted",
        ),
        _bar(state.percent, "Embedded so far"),
        rx.el.p(
            state.words,
            rx.cond(state.error, rx.fragment(), rx.fragment(" · ", _elapsed(state))),
            class_name="meta figures",
        ),
        rx.cond(
            state.error,
            rx.el.div(status("It stands still. " + state.error, "danger"), role="alert"),
            rx.fragment(),
        ),
        rx.cond(
            state.rows.length() > 1,
            rx.el.ul(rx.foreach(state.rows, _row), class_name="list"),
            rx.fragment(),
        ),
        rx.el.div(
            rx.cond(
                state.error,
                button("Try again", icon="rotate-cw", on_click=state.try_again),
                rx.fragment(),
            ),
            button("Go back to ", state.old, icon="undo-2", on_click=on_go_back),
            class_name="row rebuild__actions",
        ),
        class_name="rebuild stack",
        aria_label="Another embedding model is being built",
    )
    return rx.cond(state.active, panel, rx.fragment())


def rebuild_note(words: rx.Var[str]) -> rx.Component:
    """Return what the Files page says while another embedding model is built."""
    note = rx.el.p(rx.icon("refresh-cw", size=16), rx.el.span(words), class_name="form-note")
    return rx.cond(words, note, rx.fragment())


def _row(row: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(row.name, class_name="list-row__name"),
            rx.el.p(row.words, class_name="meta figures"),
            class_name="grow",
        ),
        rx.el.div(
            _bar(row.percent, rx.Var.create("Embedded so far of ") + row.name.to(str)),
            class_name="rebuild__bar",
        ),
        class_name="list-row",
        key=row.key,
    )


def _bar(percent: rx.Var[int], label: Any) -> rx.Component:
    return rx.el.progress(
        value=percent.to_string(), max="100", class_name="upload-bar", aria_label=label
    )


def _elapsed(state: Any) -> rx.Component:
    return rx.el.span(
        # Counts on in the browser, see `.elapsed` in the style sheet.
        class_name="elapsed figures",
        style={"animationDelay": "-" + state.elapsed.to(str) + "s"},
    )
