"""Health: `/health`."""

import reflex as rx

from clone_studio.components.buttons import button, outward_link
from clone_studio.components.health import health_parts
from clone_studio.components.surfaces import card, status_of
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.health import HealthState


def view() -> rx.Component:
    """Return the page."""
    state = HealthState
    again = button(
        rx.cond(state.checking, "Checking", "Check again"),
        icon="rotate-cw",
        on_click=state.check_again,
        aria_disabled=rx.cond(state.checking, "true", "false"),
    )
    head = rx.el.div(
        rx.el.div(
            rx.el.h2("The parts of the studio"),
            rx.el.p("What each one says now, and what mends it.", class_name="meta"),
        ),
        rx.cond(state.words, status_of(state.words, state.tone), rx.fragment()),
        class_name="card__head",
    )
    program = rx.el.p(
        "A program reads the same at ",
        outward_link("/api/health", href="/api/health"),
        ", without signing in.",
        class_name="meta health__note",
    )
    return framed(
        card(head, rx.el.div(health_parts(state), class_name="card__body")),
        program,
        kind="settings",
        title="Health",
        crumbs=[],
        actions=[again],
        narrow=True,
    )


def register(app: rx.App) -> None:
    """Add the page to the app."""
    add_page(app, view, "/health", "Health", [HealthState.check])
