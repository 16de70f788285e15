"""The table of files, its filters, and the question before a deletion."""

from typing import Any

import reflex as rx

STATE_ICONS = (
    ("ready", "circle-check"),
    ("ready_with_warnings", "triangle-alert"),
    ("failed", "circle-x"),
)
FILTERS = (
    ("", "All states"),
    ("processing", "Processing"),
    ("ready", "Ready"),
    ("ready_with_warnings", "Ready with warnings"),
    ("failed", "Failed"),
)


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
            rx.el.td(
                rx.cond(
                    row.can_open,
                    rx.link(
                        row.name,
                        href="/files/" + clone + "?file=" + row.key.to(str),
                        class_name="file-name",
                        title=row.name,
                    ),
                    rx.el.span(row.name, class_name="file-name", title=row.name),
                ),
                class_name="file-cell-name",
            ),
            rx.el.td(_state(row), class_name="file-cell-state"),
            _figure("Pages", row.pages),
            _figure("Passages", row.chunks),
            _figure("Size", row.size),
            rx.el.td(
                rx.el.time(row.added, title=row.added_exact), custom_attrs={"data-label": "Added"}
            ),
            rx.el.td(_actions(row, on_retry, on_cancel, on_delete), class_name="file-cell-actions"),
            key=row.key,
            data_state=row.state,
        )

    heads = ("Name", "State", "Pages", "Passages", "Size", "Added")
    return rx.el.table(
        rx.el.thead(
            rx.el.tr(
                *[rx.el.th(name, scope="col") for name in heads],
                rx.el.th(rx.el.span("Actions", class_name="sr-only"), scope="col"),
            )
        ),
        rx.el.tbody(rx.foreach(rows, line)),
        class_name="file-table",
    )


def _figure(label: str, value: rx.Var[str]) -> rx.Component:
    return rx.el.td(
        rx.cond(value, value, "–"), class_name="file-figure", custom_attrs={"data-label": label}
    )


def _state(row: rx.Var[Any]) -> rx.Component:
    icon = rx.match(
        row.state,
        *[(state, rx.icon(name, size=16, aria_hidden="true")) for state, name in STATE_ICONS],
        rx.icon("loader-circle", size=16, class_name="file-spinner", aria_hidden="true"),
    )
    return rx.el.div(
        rx.el.span(icon, row.words, class_name="file-state", data_state=row.state),
        rx.cond(
            row.stage,
            rx.el.span(
                row.stage,
                ", ",
                # Counts on in the browser: see `.elapsed` in the style sheet.
                rx.el.span(
                    class_name="elapsed",
                    style={"animationDelay": "-" + row.elapsed.to(str) + "s"},
                ),
                class_name="file-detail",
            ),
        ),
        rx.cond(row.detail, rx.el.span(row.detail, class_name="file-detail")),
        rx.cond(row.note, rx.el.span(row.note, class_name="file-note")),
        class_name="file-state-cell",
    )


def _actions(row: rx.Var[Any], on_retry: Any, on_cancel: Any, on_delete: Any) -> rx.Component:
    def button(word: str, icon: str, handler: Any) -> rx.Component:
        return rx.el.button(
            rx.icon(icon, size=16, aria_hidden="true"),
            type="button",
            class_name="icon-button",
            aria_label=rx.Var.create(word + " ") + row.name.to(str),
            title=word,
            on_click=handler(row.key),
        )

    return rx.el.div(
        rx.cond(row.can_retry, button("Try again", "rotate-cw", on_retry)),
        rx.cond(
            row.can_cancel,
            button("Cancel", "x", on_cancel),
            button("Delete", "trash-2", on_delete),
        ),
        class_name="file-actions",
    )


def filters(query: rx.Var[str], state: rx.Var[str], on_search: Any, on_state: Any) -> rx.Component:
    """Return the search field and the choice of a state."""
    return rx.el.div(
        rx.el.input(
            type="search",
            default_value=query,
            placeholder="Find a file by name",
            aria_label="Find a file by name",
            on_change=on_search.debounce(250),
            class_name="field",
        ),
        rx.el.select(
            *[rx.el.option(words, value=value) for value, words in FILTERS],
            default_value=state,
            on_change=on_state,
            aria_label="State",
            class_name="field",
        ),
        class_name="file-filters",
    )


def delete_question(name: rx.Var[str], on_delete: Any, on_keep: Any) -> rx.Component:
    """Return the question before a file is deleted, which cannot be undone."""
    return rx.el.div(
        rx.el.p(
            rx.el.strong("Delete “", name, "”?"),
            " Its passages go too. Answers keep the words they cited, but can no longer open the page.",
        ),
        rx.el.div(
            rx.el.button(
                "Keep it", type="button", auto_focus=True, class_name="quiet-button", on_click=on_keep
            ),
            rx.el.button("Delete the file", type="button", class_name="danger-button", on_click=on_delete),
            class_name="file-question-actions",
        ),
        class_name="file-question",
        role="alertdialog",
        aria_label="Delete the file",
    )
