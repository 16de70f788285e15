"""All Clones: `/clones`."""

import reflex as rx

from clone_studio.components.buttons import button_link
from clone_studio.components.clone_cards import (
    cards_skeleton,
    clone_card,
    create_card,
    delete_dialog,
)
from clone_studio.components.surfaces import empty_state, page_state
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.clones import ClonesState


def view() -> rx.Component:
    """Return the page."""
    grid = rx.el.div(
        create_card(),
        rx.foreach(
            ClonesState.rows,
            lambda row: clone_card(
                row,
                busy=ClonesState.busy,
                on_duplicate=ClonesState.duplicate,
                on_delete=ClonesState.ask_delete,
            ),
        ),
        class_name="clone-grid",
    )
    nothing = empty_state(
        "users-round",
        "No clone yet",
        "A clone answers as a person does, from that person's own documents, and shows where "
        "each answer comes from.",
        button_link("Create a clone", to="/clones/new", kind="primary", icon="plus"),
    )
    return framed(
        page_state(
            ClonesState.ready,
            ClonesState.problem,
            skeleton=cards_skeleton(),
            content=rx.cond(ClonesState.rows.length() > 0, grid, nothing),
            on_retry=ClonesState.open,
        ),
        delete_dialog(
            ClonesState.deleting,
            ClonesState.delete_error,
            is_open=ClonesState.delete_open,
            on_open_change=ClonesState.set_delete_open,
            on_delete=ClonesState.delete,
        ),
        kind="clones",
        title="All Clones",
    )


def register(app: rx.App) -> None:
    """Add the page to the app."""
    add_page(app, view, "/clones", "All Clones", [ClonesState.open])
