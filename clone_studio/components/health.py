"""How each part of the studio is."""

from typing import Any

import reflex as rx

from clone_studio.components.surfaces import bone, error_state, loading, status_of


def health_parts(state: Any) -> rx.Component:
    """Return every part with its state, and what to do about those that are not well.

    Args:
        state: Vars `parts`, `ready`, `problem` and the handler `check_again`.
    """
    rows = rx.el.ul(rx.foreach(state.parts, _part), class_name="list")
    waiting = loading(
        *(rx.el.div(bone("30%"), bone("55%"), class_name="stack list-row--bone") for _ in range(8)),
        label="Checking the parts of the studio",
    )
    return rx.cond(
        state.problem,
        error_state(state.problem, state.check_again),
        rx.cond(state.ready, rows, waiting),
    )


def needing_attention(state: Any) -> rx.Component:
    """Return only the parts that are not well, or that all are; arguments as above."""
    bad = rx.el.ul(
        rx.foreach(
            state.parts,
            lambda row: rx.cond(row.tone == "success", rx.fragment(), _part(row)),
        ),
        class_name="list",
    )
    well = rx.el.p("Every part of the studio works.")
    waiting = loading(bone("45%"), label="Checking the parts of the studio")
    return rx.cond(
        state.problem,
        error_state(state.problem, state.check_again),
        rx.cond(state.ready, rx.cond(state.tone == "success", well, bad), waiting),
    )


def _part(row: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(row.name, class_name="list-row__name"),
            rx.el.p(row.detail, class_name="meta"),
            rx.cond(row.fix, rx.el.p(row.fix, class_name="list-row__fix"), rx.fragment()),
            class_name="grow",
        ),
        status_of(row.words, row.tone),
        class_name="list-row",
        key=row.key,
    )
