"""What the app is made with: style sheets in their order, and what lies over every page."""

from collections.abc import Callable

import reflex as rx
from reflex.app import default_error_boundary
from reflex_components_core.core.banner import has_too_many_connection_errors

STYLE_SHEETS: tuple[str, ...] = (
    "/styles/tokens.css",
    "/styles/base.css",
    "/styles/controls.css",
    "/styles/surfaces.css",
    "/styles/topbar.css",
    "/styles/shell.css",
    "/styles/clones.css",
    "/styles/pages.css",
    "/styles/prose.css",
    "/styles/chat.css",
    "/styles/speech.css",
    "/styles/prompts.css",
    "/styles/voice.css",
    "/styles/files.css",
    "/styles/settings.css",
)


def offline_note() -> rx.Component:
    """Return the line that says that the connection is lost, while it is."""
    return rx.cond(
        has_too_many_connection_errors,
        rx.el.div(
            rx.icon("wifi-off", size=16),
            "The studio does not answer. Trying again.",
            class_name="offline",
            role="status",
        ),
        rx.fragment(),
    )


def app_wraps() -> dict[tuple[int, str], Callable[[bool], rx.Component | None]]:
    """Return what wraps every page: the outermost error boundary and the connection note.

    They replace Reflex's own, whose connection toast needs a style of its own.
    """
    return {
        (55, "ErrorBoundary"): lambda _stateful: default_error_boundary(),
        (5, "Overlay"): lambda stateful: offline_note() if stateful else None,
    }
