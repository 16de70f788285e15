"""The models on this machine: which there are, installing one, a model server that was found."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import button
from clone_studio.components.surfaces import status


def local_models(state: Any) -> rx.Component:
    """Return the models, each with its licence, and what can be done with it."""
    return rx.el.div(
        rx.el.ul(rx.foreach(state.rows, lambda row: _row(state, row)), class_name="list"),
        rx.cond(state.offered, _offer(state), rx.fragment()),
        class_name="stack loose",
    )


def _row(state: Any, row: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(row.key, class_name="list-row__name"),
            rx.el.p(row.role, " · ", row.size, " · ", row.licence, class_name="meta"),
            rx.cond(
                state.installing == row.key,
                _progress(state),
                rx.cond(row.is_here, rx.fragment(), _missing(state, row)),
            ),
            class_name="grow",
        ),
        rx.cond(
            row.is_here,
            status("Here", "success"),
            rx.cond(
                state.installing == row.key,
                button(
                    "Stop",
                    small=True,
                    on_click=state.stop,
                    aria_label=rx.Var.create("Stop installing ") + row.key,
                    aria_disabled=rx.cond(state.stopping, "true", "false"),
                ),
                rx.cond(row.is_optional, _install(state, row), status("Not here", "neutral")),
            ),
        ),
        class_name="list-row",
        key=row.key,
    )


def _install(state: Any, row: Any) -> rx.Component:
    return button(
        "Install",
        icon="download",
        small=True,
        on_click=state.install(row.key),
        aria_label=rx.Var.create("Install ") + row.key,
        disabled=state.installing != "",
    )


def _missing(state: Any, row: Any) -> rx.Component:
    """Return how a model is fetched, and why the last try failed."""
    optional = rx.fragment(
        rx.el.p(
            "Writes answers without a key; nothing leaves this machine. It needs about 2 GB of "
            "memory and is slower and weaker than a large model.",
            class_name="list-row__fix muted",
        ),
        rx.cond(
            state.failed == row.key,
            rx.el.div(status(state.failure, "danger"), class_name="list-row__fix", role="alert"),
            rx.fragment(),
        ),
    )
    command = rx.el.p(
        "Fetch it in a terminal: ",
        rx.el.code("./studio models install ", row.key),
        class_name="list-row__fix",
    )
    return rx.cond(row.is_optional, optional, command)


def _progress(state: Any) -> rx.Component:
    return rx.el.div(
        rx.el.progress(
            value=state.percent.to_string(),
            max="100",
            class_name="upload-bar",
            aria_label="Installed so far",
        ),
        rx.el.p(state.progress, class_name="meta"),
        class_name="list-row__fix",
    )


def _offer(state: Any) -> rx.Component:
    """Return the offer of a model server on this machine; it is never used without a click."""
    return rx.el.div(
        rx.el.p("Ollama answers on this machine", class_name="list-row__name"),
        rx.el.p(
            "It offers ",
            rx.foreach(
                state.offered_models,
                lambda name, place: rx.fragment(rx.cond(place > 0, ", ", ""), rx.el.code(name)),
            ),
            ". It is not used unless you choose it; another of its models can be chosen above.",
            class_name="muted",
        ),
        rx.el.div(button("Use ", state.offered, icon="plug-zap", on_click=state.use_offered)),
        class_name="stack",
        role="group",
        aria_label="A model server on this machine",
    )
