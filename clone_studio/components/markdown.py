"""The one place that renders Markdown: answers, guide pages, anything a person or model wrote.

Raw HTML stays text, links open elsewhere without a way back, pictures are shown as their
words (a picture's address would tell its host that the page was read), and citation links
(`#cite-…`) become numbered chips.
"""

from collections.abc import Callable
from typing import Any

import reflex as rx

from clone_studio.components.buttons import button

_PLAIN_TAGS = ("h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "code")


def _plain(tag: str) -> Callable[..., rx.Component]:
    """Return the bare element for `tag`: the page's style sheet does the rest."""

    def element(children: Any, **_props: Any) -> rx.Component:
        return getattr(rx.el, tag)(children)

    return element


def _table(children: Any, **_props: Any) -> rx.Component:
    """A table that scrolls in itself on narrow pages."""
    return rx.el.div(rx.el.table(children), class_name="prose-table", tab_index=0)


def _picture(_children: Any = "", **_props: Any) -> rx.Component:
    """A picture's words in its place."""
    return rx.el.span(rx.Var("props.alt", _var_type=str), class_name="prose-picture")


def _code_block(value: Any, language: Any = "", **_props: Any) -> rx.Component:
    """A block of code with its language and a copy button that acts in the browser."""
    return rx.el.div(
        rx.el.div(
            rx.el.span(language),
            button("Copy", kind="quiet", small=True, on_click=rx.set_clipboard(value)),
            class_name="prose-code-bar",
        ),
        rx.el.pre(rx.el.code(value), tab_index=0),
        class_name="prose-code",
    )


def _link(on_cite: Callable[[Any], Any] | None) -> Callable[..., rx.Component]:
    """Return the link element; with `on_cite`, citation links are chips that call it."""
    href = rx.Var("props.href", _var_type=str)
    title = rx.Var("props.title", _var_type=str)

    def element(children: Any, **_props: Any) -> rx.Component:
        outside = rx.el.a(children, href=href, target="_blank", rel="noopener noreferrer nofollow")
        if on_cite is None:
            return outside
        chip = rx.el.button(
            children,
            type="button",
            class_name="cite",
            title=title,
            aria_label=rx.Var.create("Source ") + children.to(str),
            on_click=on_cite(href),
        )
        return rx.el.span(rx.cond(href.to(str).startswith("#cite-"), chip, outside))

    return element


def markdown(text: rx.Var[str] | str, on_cite: Callable[[Any], Any] | None = None) -> rx.Component:
    """Return `text` rendered as Markdown with tables and code, and with nothing active in it.

    Args:
        text: The Markdown.
        on_cite: Event handler that takes the address of a clicked citation chip.
    """
    components: dict[str, Callable[..., rx.Component]] = {tag: _plain(tag) for tag in _PLAIN_TAGS}
    components |= {"a": _link(on_cite), "pre": _code_block, "img": _picture, "table": _table}
    return rx.markdown(
        text,
        use_raw=False,
        use_math=False,
        use_katex=False,
        use_unwrap_images=False,
        component_map=components,
        class_name="prose",
    )
