"""The cards of All Clones, and the dialog that deletes one."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import button, link
from clone_studio.components.fields import field, text_input
from clone_studio.components.overlays import (
    dialog,
    dialog_actions,
    dialog_close,
    menu,
    menu_item,
    menu_line,
    menu_link,
    menu_target,
)
from clone_studio.components.surfaces import avatar, bone, chip, loading


def create_card() -> rx.Component:
    """Return the first card, which makes a new clone."""
    return link(
        rx.el.span(rx.icon("plus", size=20), class_name="create-card__plus"),
        rx.el.span("Create a clone", class_name="create-card__title"),
        rx.el.span("From what a person has written", class_name="meta"),
        to="/clones/new",
        class_name="clone-card create-card",
    )


def clone_card(row: Any, *, busy: rx.Var[str], on_duplicate: Any, on_delete: Any) -> rx.Component:
    """Return the card of one clone.

    Args:
        row: A `CloneRow`.
        busy: Id of the clone that is being copied.
        on_duplicate: Handler that takes the clone's id.
        on_delete: Handler that takes the clone's id.
    """
    return rx.el.article(
        rx.el.div(
            avatar(row.letters, row.hue, "large"),
            rx.el.div(
                rx.el.h2(
                    link(
                        row.name,
                        to=rx.Var.create("/chat/") + row.slug,
                        class_name="clone-card__open",
                    ),
                    class_name="clone-card__name one-line",
                ),
                _marks(row),
                class_name="grow",
            ),
            _card_menu(row, on_duplicate, on_delete),
            class_name="clone-card__head",
        ),
        rx.el.p(
            rx.cond(row.purpose, row.purpose, "No purpose written yet"),
            class_name=rx.cond(
                row.purpose, "clone-card__purpose two-lines", "clone-card__purpose two-lines meta"
            ),
        ),
        rx.el.div(
            rx.el.span(row.counts, class_name="figures"),
            rx.cond(
                busy == row.key,
                rx.el.span("Copying…", role="status"),
                rx.el.span(row.used, title=row.used_exact),
            ),
            class_name="clone-card__foot meta",
        ),
        class_name="clone-card",
    )


def _marks(row: Any) -> rx.Component:
    return rx.el.div(
        rx.cond(row.is_sample, chip("Sample", icon="book-open"), rx.fragment()),
        rx.cond(
            row.consent,
            rx.el.span(
                rx.icon("shield-check", size=12),
                "Consent ",
                row.consent,
                class_name="meta row tight",
            ),
            rx.fragment(),
        ),
        class_name="clone-card__marks",
    )


def _card_menu(row: Any, on_duplicate: Any, on_delete: Any) -> rx.Component:
    trigger = rx.el.button(
        rx.icon("ellipsis", size=16),
        type="button",
        class_name="btn btn--quiet btn--icon btn--small clone-card__menu",
        aria_label=rx.Var.create("Actions for ") + row.name,
    )
    return menu(
        trigger,
        menu_link(menu_target("message-square", "Chat", rx.Var.create("/chat/") + row.slug)),
        menu_link(menu_target("scroll-text", "Prompts", rx.Var.create("/prompts/") + row.slug)),
        menu_link(menu_target("file-text", "Files", rx.Var.create("/files/") + row.slug)),
        menu_link(menu_target("audio-lines", "Voice", rx.Var.create("/voice/") + row.slug)),
        menu_link(menu_target("pencil", "Edit", rx.Var.create("/clones/") + row.slug)),
        menu_item("Duplicate", icon="copy", on_select=on_duplicate(row.key)),
        menu_line(),
        menu_item("Delete…", icon="trash-2", danger=True, on_select=on_delete(row.key)),
        align="end",
    )


def delete_dialog(
    row: Any, error: rx.Var[str], *, is_open: rx.Var[bool], on_open_change: Any, on_delete: Any
) -> rx.Component:
    """Return the dialog that deletes a clone once its name is typed."""
    return dialog(
        rx.Var.create("Delete ") + row.name,
        rx.el.form(
            field(
                "Type the clone's name to confirm",
                text_input(
                    "typed", error=error, auto_complete="off", placeholder=row.name, required=True
                ),
                name="typed",
                error=error,
            ),
            dialog_actions(
                dialog_close(button("Keep it")),
                button("Delete this clone", kind="danger", type="submit"),
            ),
            on_submit=on_delete,
            style={"marginTop": "16px"},
        ),
        is_open=is_open,
        on_open_change=on_open_change,
        text=rx.Var.create("This cannot be undone. Its documents (")
        + row.counts
        + ") and all of its threads go with it.",
    )


def cards_skeleton() -> rx.Component:
    """Return the cards before they are there."""
    one = rx.el.div(
        rx.el.div(
            bone("44px", "44px"),
            rx.el.div(bone("60%"), bone("36%"), class_name="stack grow"),
            class_name="clone-card__head",
        ),
        rx.el.div(bone(), bone("70%"), class_name="stack"),
        bone("50%"),
        class_name="clone-card clone-card--bones",
    )
    return loading(*([one] * 4), label="Loading your clones", class_name="clone-grid")
