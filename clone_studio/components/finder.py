"""The search dialog over clones, pages, threads and files."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import link
from clone_studio.components.overlays import dialog

_ICONS = {
    "page": "panel-top",
    "clone": "user-round",
    "thread": "message-square",
    "file": "file-text",
}


def finder(state: Any) -> rx.Component:
    """Return the search dialog.

    Args:
        state: Has `is_open`, `query`, `found` and the handlers `set_open` and `find`.
    """
    return dialog(
        rx.el.span("Search the studio", class_name="sr-only"),
        rx.el.div(
            rx.el.div(
                rx.icon("search", size=16),
                rx.el.input(
                    placeholder="Search clones, pages, threads and files",
                    default_value="",
                    on_change=state.find.debounce(80),
                    class_name="finder__input",
                    aria_label="Search",
                    auto_complete="off",
                    max_length=100,
                    auto_focus=True,
                ),
                rx.el.kbd("Esc"),
                class_name="finder__field",
            ),
            rx.el.div(
                rx.foreach(state.found, lambda row: _row(row, state)),
                rx.cond(
                    state.found.length() == 0,
                    rx.el.p(
                        'Nothing has "', state.query, '" in its name.', class_name="finder__none"
                    ),
                    rx.fragment(),
                ),
                class_name="finder__list",
                role="region",
                aria_label="Results",
                aria_live="polite",
            ),
            custom_attrs={"data-arrows": ""},
            class_name="stack",
            style={"gap": "0", "minHeight": "0"},
        ),
        is_open=state.is_open,
        on_open_change=state.set_open,
        class_name="finder",
    )


def _row(row: Any, state: Any) -> rx.Component:
    mark = rx.match(
        row.kind,
        *((kind, rx.icon(icon, size=16)) for kind, icon in _ICONS.items()),
        rx.icon("circle", size=16),
    )
    return rx.fragment(
        rx.cond(row.group, rx.el.p(row.group, class_name="finder__group"), rx.fragment()),
        link(
            mark,
            rx.el.span(row.title, class_name="one-line grow"),
            rx.el.span(row.note, class_name="meta"),
            to=row.href,
            on_click=state.set_open(False),
            class_name="finder__item",
        ),
        key=row.key,
    )
