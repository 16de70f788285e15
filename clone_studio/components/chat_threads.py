"""The thread list of the chat page."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import button, icon_button, link


def thread_list(
    rows: rx.Var[list[Any]],
    clone: rx.Var[str],
    open_id: rx.Var[str],
    renaming: rx.Var[str],
    has_more: rx.Var[bool],
    *,
    on_rename: Any,
    on_save: Any,
    on_cancel: Any,
    on_delete: Any,
    on_more: Any,
) -> rx.Component:
    """Return the threads, newest first, under their date groups.

    Args:
        rows: A list of `ThreadRow`.
        clone: The clone's slug, for the addresses.
        open_id: The thread that is open.
        renaming: The thread whose title is a field now.
        has_more: Whether older threads exist.
        on_rename: Takes a thread's id; likewise `on_delete`.
        on_save: Takes the form with `title`.
        on_cancel: Leaves the title as it was.
        on_more: Reads older threads.
    """
    return rx.el.div(
        rx.el.ul(
            rx.foreach(
                rows,
                lambda row: _line(
                    row,
                    renaming,
                    _title_form(row, on_save, on_cancel),
                    _thread(row, clone, open_id, on_rename, on_delete),
                ),
            ),
            class_name="threads-list",
        ),
        rx.cond(
            has_more,
            button("Older threads", kind="quiet", small=True, on_click=on_more),
        ),
        rx.cond(
            rows.length() == 0,
            rx.el.p(
                "Threads appear here once you have asked something.", class_name="threads-empty"
            ),
        ),
    )


def _line(
    row: rx.Var[Any], renaming: rx.Var[str], form: rx.Component, thread: rx.Component
) -> rx.Component:
    return rx.fragment(
        rx.cond(row.first, rx.el.li(rx.el.h3(row.group), class_name="thread-group")),
        rx.el.li(rx.cond(renaming == row.key, form, thread), class_name="thread"),
        key=row.key,
    )


def _thread(
    row: rx.Var[Any], clone: rx.Var[str], open_id: rx.Var[str], on_rename: Any, on_delete: Any
) -> rx.Component:
    return rx.el.div(
        link(
            row.title,
            to="/chat/" + clone + "/" + row.key.to(str),
            class_name="thread-link",
            title=row.title.to(str) + ", " + row.moment.to(str),
            custom_attrs={"aria-current": rx.cond(open_id == row.key, "page", "false")},
        ),
        rx.el.span(
            _act("pencil", "Rename", row, on_rename),
            _act("trash-2", "Delete", row, on_delete),
            class_name="thread-actions",
        ),
        class_name="thread-line",
        data_open=open_id == row.key,
    )


def _act(icon: str, word: str, row: rx.Var[Any], handler: Any) -> rx.Component:
    return button(
        rx.icon(icon, size=16),
        kind="quiet",
        small=True,
        class_name="btn--icon",
        aria_label=rx.Var.create(word + " ") + row.title.to(str),
        title=word,
        on_click=handler(row.key),
    )


def _title_form(row: rx.Var[Any], on_save: Any, on_cancel: Any) -> rx.Component:
    return rx.el.form(
        rx.el.input(
            name="title",
            default_value=row.title,
            max_length=120,
            class_name="input",
            auto_focus=True,
            aria_label="Title of the thread",
            on_key_down=lambda key, _info: rx.cond(key == "Escape", on_cancel(), rx.noop()),
        ),
        button("Save", type="submit", small=True),
        on_submit=on_save,
        class_name="thread-form",
    )


def undo_line(title: rx.Var[str], on_undo: Any, on_forget: Any) -> rx.Component:
    """Return the line that brings a deleted thread back."""
    return rx.el.div(
        rx.el.span("Deleted “", title, "”.", class_name="one-line grow"),
        button("Undo", small=True, on_click=on_undo),
        icon_button("x", "Dismiss", small=True, side="end", on_click=on_forget),
        class_name="threads-undo",
        role="status",
    )
