"""Create a clone: `/clones/new`. Edit one: `/clones/{slug}`."""

import reflex as rx

from clone_studio.components.buttons import button_link, link
from clone_studio.components.clone_form import back_to_clones, clone_form, form_skeleton
from clone_studio.components.overlays import menu_link, menu_target
from clone_studio.components.shell import not_found
from clone_studio.components.surfaces import page_state
from clone_studio.pages.layout import add_page, framed
from clone_studio.state.clone_form import MISSING, CloneFormState


def _body() -> rx.Component:
    return page_state(
        # After a reload the state's last form is there before its own event has run: what was
        # typed into that one would be lost.
        CloneFormState.ready & CloneFormState.is_hydrated,
        CloneFormState.problem,
        skeleton=form_skeleton(),
        content=rx.cond(
            CloneFormState.missing,
            not_found("No such clone", MISSING, back_to_clones()),
            clone_form(CloneFormState),
        ),
        on_retry=CloneFormState.open,
    )


def create() -> rx.Component:
    """Return the page that makes a new clone."""
    return framed(
        _body(),
        kind="clones",
        title="New clone",
        crumbs=[link("All Clones", to="/clones", class_name="one-line")],
        narrow=True,
    )


def edit() -> rx.Component:
    """Return the page that edits a clone."""
    slug = rx.State.slug  # type: ignore[attr-defined]
    chat, files = rx.Var.create("/chat/") + slug, rx.Var.create("/files/") + slug
    return framed(
        _body(),
        kind="clones",
        title="Edit",
        of_clone=True,
        actions=[
            button_link("Chat", to=chat, icon="message-square"),
            button_link("Files", to=files, icon="file-text"),
        ],
        phone_actions=[
            menu_link(menu_target("message-square", "Chat", chat)),
            menu_link(menu_target("file-text", "Files", files)),
        ],
        narrow=True,
    )


def register(app: rx.App) -> None:
    """Add both pages to the app."""
    add_page(app, create, "/clones/new", "New clone", [CloneFormState.open])
    add_page(app, edit, "/clones/[slug]", "Edit clone", [CloneFormState.open])
