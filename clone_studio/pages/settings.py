"""Settings: `/settings`."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import button_link
from clone_studio.components.connections import (
    elevenlabs_form,
    for_the_owner,
    models_form,
    openai_form,
    speech_form,
    vectors_form,
)
from clone_studio.components.health import needing_attention
from clone_studio.components.local_models import local_models
from clone_studio.components.rebuild import rebuild_panel
from clone_studio.components.settings import (
    Section,
    account_form,
    color_mode_choice,
    color_mode_words,
    password_form,
    places,
    section,
    sections_nav,
    settings_skeleton,
    sign_out_buttons,
)
from clone_studio.components.surfaces import error_state, page_state
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.connections import ConnectionsState
from clone_studio.state.health import HealthState
from clone_studio.state.local_models import LocalModelsState
from clone_studio.state.rebuild import RebuildState
from clone_studio.state.settings import SettingsState

ACCOUNT = Section("account", "Account", SettingsState.email, "success")
PASSWORD = Section(
    "password",
    "Password",
    rx.cond(SettingsState.has_password, "Set", "Not set"),
    rx.cond(SettingsState.has_password, "success", "neutral"),
)
SESSIONS = Section(
    "sessions",
    "Where you are signed in",
    rx.cond(
        SettingsState.places.length() == 1,
        "One place",
        SettingsState.places.length().to_string() + " places",
    ),
    "success",
)
APPEARANCE = Section("appearance", "Appearance", color_mode_words(), "success")
ANSWERING = HealthState.tones.get("language model", "neutral")
# A key that is there is not yet a good key: what the server says of it decides.
KEYS = Section(
    "keys",
    "Keys and services",
    ConnectionsState.keys_words,
    rx.cond(ConnectionsState.keys_tone == "success", ANSWERING, ConnectionsState.keys_tone),
)
MODELS = Section("models", "Models", ConnectionsState.models_words, ANSWERING)
VECTORS = Section(
    "vectors",
    "Search by meaning",
    ConnectionsState.vectors_words,
    HealthState.tones.get("vectors", "neutral"),
)
SPEECH = Section(
    "speech",
    "Speech",
    ConnectionsState.speech_words,
    HealthState.tones.get("speech", "neutral"),
)
LOCAL = Section("local-models", "Local models", LocalModelsState.words, "success")
HEALTH = Section("health", "Health", HealthState.words, HealthState.tone)
SECTIONS = (ACCOUNT, PASSWORD, SESSIONS, APPEARANCE, KEYS, MODELS, VECTORS, SPEECH, LOCAL, HEALTH)


def view() -> rx.Component:
    """Return the page."""
    state = SettingsState
    sections = rx.el.div(
        section(ACCOUNT, "Who you are in the studio.", account_form(state)),
        section(PASSWORD, "Another way in, beside one-time links.", password_form(state)),
        section(
            SESSIONS,
            rx.el.span(
                "Each place is signed out ", state.session_hours, " hours after signing in."
            ),
            places(state),
            sign_out_buttons(state),
        ),
        section(APPEARANCE, "For this browser.", color_mode_choice()),
        *_owners_sections(),
        section(
            HEALTH,
            "The parts of the studio, and what they need.",
            rx.el.div(
                needing_attention(HealthState),
                rx.el.div(button_link("Open Health", to="/health", icon="activity")),
                class_name="stack",
            ),
        ),
        class_name="sections",
    )
    return framed(
        page_state(
            state.ready,
            state.problem,
            skeleton=settings_skeleton(),
            content=rx.el.div(sections_nav(SECTIONS), sections, class_name="settings"),
            on_retry=state.open,
        ),
        kind="settings",
        title="Settings",
    )


def _owners_sections() -> list[rx.Component]:
    def owned(state: Any, content: rx.Component) -> rx.Component:
        return rx.cond(
            state.problem,
            error_state(state.problem, state.open),
            rx.cond(state.ready, for_the_owner(state, content), rx.fragment()),
        )

    return [
        section(
            KEYS,
            "What the studio is connected to. A change holds at once; running answers go on.",
            owned(ConnectionsState, openai_form(ConnectionsState)),
        ),
        section(
            MODELS,
            "What writes the answers, and what finds passages by meaning.",
            owned(
                ConnectionsState,
                rx.el.div(
                    rebuild_panel(RebuildState, ConnectionsState.go_back),
                    models_form(ConnectionsState),
                    class_name="stack loose",
                ),
            ),
        ),
        section(
            VECTORS,
            "Where the vectors are kept by which passages are found in other words.",
            owned(ConnectionsState, vectors_form(ConnectionsState)),
        ),
        section(
            SPEECH,
            "Who reads answers aloud. A change holds for what is heard next.",
            owned(
                ConnectionsState,
                rx.el.div(
                    speech_form(ConnectionsState),
                    elevenlabs_form(ConnectionsState),
                    class_name="stack loose",
                ),
            ),
        ),
        section(
            LOCAL,
            "What runs on this machine, without a key.",
            owned(LocalModelsState, local_models(LocalModelsState)),
        ),
    ]


def register(app: rx.App) -> None:
    """Add the page to the app."""
    events = [
        SettingsState.open,
        ConnectionsState.open,
        LocalModelsState.open,
        HealthState.check,
        RebuildState.follow,
    ]
    add_page(app, view, "/settings", "Settings", events)
