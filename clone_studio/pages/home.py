"""The start, `/`, which leads on to the last page, and the page for wrong addresses."""

import reflex as rx

from clone_studio.components.buttons import button_link
from clone_studio.components.clone_cards import cards_skeleton
from clone_studio.components.shell import not_found
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.shell import ShellState


def start() -> rx.Component:
    """Return what shows for the moment before the start leads on."""
    return framed(cards_skeleton(), kind="", title="Opening the studio")


def missing() -> rx.Component:
    """Return the page for an address that leads nowhere."""
    return framed(
        not_found(
            "There is no page here",
            "The address may be old or mistyped. Your clones are where they were.",
            button_link("All Clones", to="/clones", kind="primary", icon="layout-grid"),
        ),
        kind="",
        title="Not found",
    )


def register(app: rx.App) -> None:
    """Add both pages to the app."""
    app.add_page(start, route="/", title="Clone Studio", on_load=ShellState.go_on)
    add_page(app, missing, "/404", "Not found")
