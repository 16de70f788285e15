"""Voice: `/voice/{slug}`. Who speaks for the clone, how, and a place to try it."""

import reflex as rx

from clone_studio.components import voice
from clone_studio.components.surfaces import bone, loading, no_clone, page_state
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.voice import VoiceState

ROUTE = "/voice/[slug]"


def _skeleton() -> rx.Component:
    cards = [bone(height="92px") for _ in range(6)]
    return loading(
        bone(height="96px"), rx.el.div(*cards, class_name="voice-cards"), class_name="stack loose"
    )


def _content() -> rx.Component:
    state = VoiceState
    speaking = rx.el.div(
        rx.el.div(
            rx.cond(
                state.list_problem,
                voice.list_problem(state),
                rx.el.div(
                    voice.current_voice(state), voice.library(state), class_name="stack loose"
                ),
            ),
            class_name="voice-main",
        ),
        rx.el.div(
            voice.settings(state),
            voice.playground(state),
            voice.usage(state),
            class_name="voice-side stack loose",
        ),
        class_name="voice",
    )
    return rx.cond(state.engine == "off", voice.silent(), speaking)


def view() -> rx.Component:
    """Return the page."""
    state = VoiceState
    return framed(
        page_state(
            state.ready,
            state.problem,
            skeleton=_skeleton(),
            content=rx.cond(state.missing, no_clone(), _content()),
            on_retry=state.open,
        ),
        kind="voice",
        title="Voice",
        of_clone=True,
    )


def register(app: rx.App) -> None:
    """Add the page to the app."""
    add_page(app, view, ROUTE, "Voice", on_load=[VoiceState.open])
