"""The table of files, its filters, and the question before a deletion."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import button, link
from clone_studio.components.fields import select, text_input
from clone_studio.components.overlays import dialog, dialog_actions, dialog_close
from clone_studio.components.surfaces import status_of, table

FILTERS = (
    ("", "All states"),
    ("processing", "Processing"),
    ("ready", "Ready"),
    ("ready_with_warnings", "Ready with warnings"),
    ("failed", "Failed"),
)
HEADS = ("Name", "State", "Pages", "Passages", "Size", "Added")


def file_table(
    rows: rx.Var[list[Any]], clone: rx.Var[str], on_retry: Any, on_cancel: Any, on_delete: Any
) -> rx.Component:
    """Return the table of `rows`, a list of `FileRow`; on a phone each row is a card.

    Args:
        rows: What to show.
        clone: The clone's slug, for the viewer's address.
        on_retry: Takes a file's id; likewise `on_cancel` and `on_delete`.
    """

    def line(row: rx.Var[Any]) -> rx.Component:
        return rx.el.tr(
            rx.el.td(_name(row, clone), class_name="file-name-cell"),
            rx.el.td(_state(row), class_name="file-state-cell"),
            _figure(row.pages, row.pages_unit),
            _figure(row.chunks, row.chunks_unit),
            _figure(row.size, ""),
            rx.el.td(rx.el.time(row.added, title=row.added_exact), class_name="file-added"),
            rx.el.td(_actions(row, on_retry, on_cancel, on_delete), class_name="file-actions-cell"),
            key=row.key,
        )

    heads = [*HEADS, rx.el.span("Actions", class_name="sr-only")]
    return rx.el.div(table(heads, rx.foreach(rows, line), "Files"), class_name="file-table")


def _name(row: rx.Var[Any], clone: rx.Var[str]) -> rx.Component:
    return rx.cond(
        row.can_open,
        link(
            row.name,
            to="/files/" + clone + "?file=" + row.key.to(str),
            class_name="file-name two-lines",
            title=row.name,
        ),
        rx.el.span(row.name, class_name="file-name two-lines", title=row.name),
    )


def _figure(value: rx.Var[str], unit: rx.Var[str] | str) -> rx.Component:
    """A number; its unit shows where the table's head does not."""
    return rx.el.td(
        rx.cond(
            value,
            rx.fragment(value, rx.el.span(unit, class_name="file-unit")),
            rx.el.span("–", class_name="file-none"),
        ),
        class_name="number file-figure",
    )


def _state(row: rx.Var[Any]) -> rx.Component:
    elapsed = rx.el.span(
        # Counts on in the browser, see `.elapsed` in the style sheet: no news every second.
        class_name="elapsed figures",
        style={"animationDelay": "-" + row.elapsed.to(str) + "s"},
    )
    return rx.el.div(
        rx.el.span(
            status_of(row.words, row.tone),
            rx.cond(row.stage, rx.el.span(row.stage, " · ", elapsed, class_name="meta")),
            class_name="file-state",
        ),
        rx.cond(row.detail, rx.el.p(row.detail, class_name="file-detail")),
        rx.cond(row.note, rx.el.p(row.note, class_name="meta")),
        class_name="stack file-states",
    )


def _actions(row: rx.Var[Any], on_retry: Any, on_cancel: Any, on_delete: Any) -> rx.Component:
    def act(word: str, icon: str, handler: Any) -> rx.Component:
        return button(
            rx.icon(icon, size=16),
            kind="quiet",
            small=True,
            class_name="btn--icon",
            aria_label=rx.Var.create(word + " ") + row.name.to(str),
            title=word,
            on_click=handler(row.key),
        )

    return rx.el.div(
        rx.cond(row.can_retry, act("Try again", "rotate-cw", on_retry)),
        rx.cond(row.can_cancel, act("Cancel", "x", on_cancel), act("Delete", "trash-2", on_delete)),
        class_name="row file-actions",
    )


def filters(query: rx.Var[str], state: rx.Var[str], on_search: Any, on_state: Any) -> rx.Component:
    """Return the search field and the choice of a state."""
    return rx.el.div(
        text_input(
            "find-file",
            type="search",
            default_value=query,
            placeholder="Find a file by name",
            aria_label="Find a file by name",
            on_change=on_search.debounce(250),
        ),
        select("file-state", FILTERS, default_value=state, on_change=on_state, aria_label="State"),
        class_name="file-filters",
    )


def delete_question(
    name: rx.Var[str], is_open: rx.Var[bool], on_delete: Any, on_open_change: Any
) -> rx.Component:
    """Return the question before a file is deleted, which cannot be undone."""
    return dialog(
        "Delete this file?",
        rx.el.p(rx.el.strong(name)),
        rx.el.p(
            "Its passages go with it. Answers keep the words they cited from it, "
            "but can no longer open the page.",
            class_name="muted",
        ),
        dialog_actions(
            dialog_close(button("Keep it")),
            button("Delete the file", kind="danger", on_click=on_delete),
        ),
        is_open=is_open,
        on_open_change=on_open_change,
    )
