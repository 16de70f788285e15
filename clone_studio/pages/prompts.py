"""Prompts: `/prompts/{slug}`. Who the clone is, how it uses its files, how it is asked."""

import reflex as rx

from clone_studio.components import prompts
from clone_studio.components.surfaces import bone, loading, no_clone, page_state
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.prompts import PromptsState

ROUTE = "/prompts/[slug]"


def _skeleton() -> rx.Component:
    return loading(
        bone("50%", height="34px"), bone(height="320px"), bone("30%"), class_name="stack loose"
    )


def _content() -> rx.Component:
    state = PromptsState
    return rx.el.div(
        rx.el.div(
            prompts.tabs(state),
            prompts.editor(state),
            prompts.opened_version(state),
            prompts.preview(state),
            prompts.templates(state),
            class_name="prompt-main stack loose",
        ),
        prompts.history(state),
        class_name="prompts",
    )


def view() -> rx.Component:
    """Return the page."""
    state = PromptsState
    return framed(
        page_state(
            # As in the clone's form: nothing is typed into an editor that is about to be made anew.
            state.ready & state.is_hydrated,
            state.problem,
            skeleton=_skeleton(),
            content=rx.cond(state.missing, no_clone(), _content()),
            on_retry=state.open,
        ),
        kind="prompts",
        title="Prompts",
        of_clone=True,
    )


def register(app: rx.App) -> None:
    """Add the page to the app."""
    add_page(app, view, ROUTE, "Prompts", on_load=[PromptsState.open])
