"""A page of a document with a passage marked: the chat's source panel and the viewer's text."""

from typing import Any

import reflex as rx

from clone_studio.components.arrival import Passage
from clone_studio.components.buttons import icon_button, link, outward_link


def page_text(
    before: rx.Var[str], marked: rx.Var[str], after: rx.Var[str], place: rx.Var[int]
) -> rx.Component:
    """Return a page's text with a passage marked and in view.

    Args:
        before: The text up to the passage.
        marked: The passage, empty for none.
        after: The rest.
        place: Changes each time the passage is asked for.
    """
    return rx.el.div(
        before,
        rx.cond(marked, Passage.create(text=marked, place=place)),
        after,
        class_name="page-text",
        tab_index=0,
        role="region",
        aria_label="Text of the page",
    )


def pager(page: rx.Var[int], count: rx.Var[int], label: rx.Var[str], on_turn: Any) -> rx.Component:
    """Return previous, the page's label, "Page 3 of 12", and next."""

    def step(name: str, icon: str, by: int, at_end: rx.Var[bool]) -> rx.Component:
        return icon_button(icon, name, small=True, disabled=at_end, on_click=on_turn(by))

    return rx.el.div(
        step("Previous page", "chevron-left", -1, page <= 1),
        rx.el.span(
            rx.cond(label, rx.el.span(label, class_name="one-line", title=label)),
            rx.el.span("Page ", page, " of ", count, class_name="meta figures"),
            class_name="pager__label",
        ),
        step("Next page", "chevron-right", 1, page >= count),
        class_name="pager",
    )


def source_panel(
    *,
    number: rx.Var[int],
    file_name: rx.Var[str],
    navigation: rx.Component,
    text: rx.Component,
    gone: rx.Var[str],
    quote: rx.Var[str],
    original: rx.Var[str],
    viewer: rx.Var[str],
    on_close: Any,
) -> rx.Component:
    """Return the panel of one citation.

    Args:
        number: The citation's number in the answer.
        file_name: The cited file.
        navigation: Its pager.
        text: The page's text with the passage marked.
        gone: Why the page cannot be shown, empty when it can.
        quote: The cited words, shown when the page is gone.
        original: Address of the original document.
        viewer: Address of the file in the file viewer.
        on_close: Puts the panel away.
    """
    return rx.el.aside(
        rx.el.header(
            rx.el.span(number, class_name="cite", aria_hidden="true"),
            rx.el.h2(file_name, title=file_name),
            icon_button("x", "Close the source", shortcut="Esc", side="end", on_click=on_close),
            class_name="source-head",
        ),
        rx.cond(
            gone,
            rx.el.div(rx.el.p(gone), rx.el.blockquote(quote), class_name="source-gone"),
            rx.fragment(
                navigation,
                text,
                rx.el.footer(
                    link("Open in Files", to=viewer),
                    outward_link("Open the original", href=original),
                    class_name="source-foot",
                ),
            ),
        ),
        class_name="source-panel",
        aria_label="Source",
    )
