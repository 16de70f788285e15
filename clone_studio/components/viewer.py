"""The file viewer: the page's text on the left, the passages on the right."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import button, button_link, outward_link


def viewer(
    *,
    name: rx.Var[str],
    back: rx.Var[str],
    navigation: rx.Component,
    text: rx.Component,
    passages: rx.Component,
    original: rx.Var[str],
) -> rx.Component:
    """Return the viewer of one file.

    Args:
        name: The file's name.
        back: Address of the table of files.
        navigation: The pager.
        text: The page's text.
        passages: The list of passages.
        original: Address of the original document.
    """
    return rx.el.section(
        rx.el.header(
            button_link("All files", to=back, kind="quiet", icon="arrow-left", small=True),
            rx.el.h2(name, title=name, class_name="one-line grow"),
            outward_link("Open the original", href=original),
            class_name="viewer-head",
        ),
        rx.el.div(
            rx.el.div(navigation, text, class_name="viewer-page"),
            passages,
            class_name="viewer-body",
        ),
        class_name="viewer",
    )


def passage_list(
    rows: rx.Var[list[Any]], count: rx.Var[int], has_more: rx.Var[bool], on_show: Any, on_more: Any
) -> rx.Component:
    """Return the passages the clone can cite, each one a way to its place in the page."""

    def passage(row: rx.Var[Any]) -> rx.Component:
        return rx.el.li(
            rx.el.button(
                rx.el.small("Page ", row.page, rx.cond(row.heading, " · " + row.heading, "")),
                rx.el.span(row.text),
                type="button",
                class_name="viewer-passage",
                on_click=on_show(row.key),
            ),
            key=row.key,
        )

    return rx.el.aside(
        rx.el.h3("Passages ", rx.el.small(count)),
        rx.el.ol(rx.foreach(rows, passage)),
        rx.cond(
            has_more,
            button("More passages", kind="quiet", small=True, on_click=on_more),
        ),
        class_name="viewer-passages",
        aria_label="Passages",
    )
