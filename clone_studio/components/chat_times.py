"""The latency waterfall of one answer: a bar per span, with its number beside it."""

from typing import Any

import reflex as rx


def times(spans: rx.Var[list[Any]]) -> rx.Component:
    """Return the waterfall of `spans`, a list of `SpanRow`."""

    def bar(span: rx.Var[Any]) -> rx.Component:
        return rx.el.tr(
            rx.el.th(span.name, scope="row"),
            rx.el.td(
                rx.el.div(
                    class_name="chat-bar",
                    style={
                        "marginInlineStart": span.left.to(str) + "%",
                        "inlineSize": span.width.to(str) + "%",
                    },
                ),
                aria_hidden="true",
            ),
            rx.el.td(span.label, class_name="figures"),
        )

    return rx.el.table(
        rx.el.caption("Where the time went", class_name="sr-only"),
        rx.el.tbody(rx.foreach(spans, bar)),
        class_name="chat-times",
    )
