"""Settings: `/settings`."""

import reflex as rx

from clone_studio.components.buttons import button
from clone_studio.components.settings import (
    account_form,
    color_mode_choice,
    health,
    models,
    password_form,
    places,
    section,
    settings_skeleton,
    sign_out_buttons,
)
from clone_studio.components.surfaces import page_state
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.settings import SettingsState


def view() -> rx.Component:
    """Return the page."""
    state = SettingsState
    again = button("Check again", small=True, icon="rotate-cw", on_click=state.check)
    sections = rx.el.div(
        section("Account", "Who you are in the studio.", account_form(state), anchor="account"),
        section(
            "Password",
            "Another way in, beside one-time links.",
            password_form(state),
            anchor="password",
        ),
        section(
            "Where you are signed in",
            rx.el.span(
                "Each place is signed out ", state.session_hours, " hours after signing in."
            ),
            places(state),
            sign_out_buttons(state),
            anchor="sessions",
        ),
        section("Appearance", "For this browser.", color_mode_choice(), anchor="appearance"),
        section(
            "Language model",
            "What writes the answers, and what finds passages by meaning.",
            models(state),
            anchor="models",
        ),
        section(
            "Health",
            "The parts of the studio, and what they need.",
            health(state),
            anchor="health",
            action=again,
        ),
        class_name="sections",
    )
    return framed(
        page_state(
            state.ready,
            state.problem,
            skeleton=settings_skeleton(),
            content=sections,
            on_retry=state.open,
        ),
        kind="settings",
        title="Settings",
        narrow=True,
    )


def register(app: rx.App) -> None:
    """Add the page to the app."""
    add_page(app, view, "/settings", "Settings", [SettingsState.open])
