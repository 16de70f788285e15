"""The top bar: brand, clone switcher, search, model, state of the studio, account."""

from typing import Any

import reflex as rx

from clone_studio.components.buttons import icon_button, link
from clone_studio.components.fields import post_form
from clone_studio.components.overlays import menu, menu_label, menu_line, menu_link, menu_target
from clone_studio.components.surfaces import avatar

SIGN_OUT = "/api/auth/sign-out"


def topbar(state: Any, search: Any) -> rx.Component:
    """Return the top bar.

    Args:
        state: The frame's vars and handlers.
        search: The search dialog's.
    """
    opener = icon_button(
        "menu", "Open the navigation", on_click=state.set_drawer(True), class_name="only-phone"
    )
    return rx.el.header(
        rx.el.div(
            opener,
            _brand(),
            rx.el.span(class_name="topbar__cut", aria_hidden="true"),
            _switcher(state),
            class_name="topbar__start",
        ),
        _search_button(search),
        rx.el.div(
            rx.el.span(state.model, class_name="model-label one-line", title=state.model_note),
            _health(state),
            _account(state),
            class_name="topbar__end",
        ),
        class_name="topbar",
    )


def _brand() -> rx.Component:
    return link(
        brand_mark(),
        rx.el.span(
            rx.el.span("Penng ", class_name="brand__word--first"),
            "Clone Studio",
            class_name="brand__word",
        ),
        to="/clones",
        class_name="brand",
        aria_label="Penng Clone Studio, all clones",
    )


def brand_mark() -> rx.Component:
    """Return the studio's sign: a figure and its double."""
    return rx.el.svg(
        rx.el.svg.rect(x="1", y="1", width="15", height="15", rx="5", fill="var(--text)"),
        rx.el.svg.rect(
            x="8",
            y="8",
            width="15",
            height="15",
            rx="5",
            fill="var(--accent)",
            stroke="var(--rail)",
            stroke_width="2",
        ),
        class_name="brand__mark",
        view_box="0 0 24 24",
        custom_attrs={"aria-hidden": "true"},
    )


def _switcher(state: Any) -> rx.Component:
    label = rx.cond(state.clone.name, state.clone.name, "No clone yet")
    trigger = rx.el.button(
        avatar(state.clone.letters, state.clone.hue, "small"),
        rx.el.span(label, class_name="one-line"),
        rx.icon("chevrons-up-down", size=14),
        type="button",
        class_name="switcher",
        aria_label=rx.Var.create("Clone: ") + label,
    )
    return menu(
        trigger,
        rx.foreach(state.clones, _clone_entry),
        menu_line(),
        menu_link(menu_target("layout-grid", "All Clones…", "/clones")),
        menu_link(menu_target("plus", "Create New Clone", "/clones/new")),
    )


def _clone_entry(row: Any) -> rx.Component:
    return menu_link(
        link(
            avatar(row.letters, row.hue, "small"),
            rx.el.span(row.name, class_name="one-line grow"),
            rx.cond(row.is_sample, rx.el.span("Sample", class_name="meta"), rx.fragment()),
            rx.cond(
                row.is_active,
                rx.icon("check", size=16, aria_label="Active"),
                rx.el.span(style={"width": "16px"}),
            ),
            to=row.href,
            class_name="menu__item",
        )
    )


def _search_button(search: Any) -> rx.Component:
    return rx.el.button(
        rx.icon("search", size=16),
        rx.el.span("Search", class_name="searcher__word grow"),
        rx.el.kbd("Ctrl K"),
        on_click=search.show,
        type="button",
        class_name="searcher",
        aria_label="Search, Ctrl K",
    )


def _health(state: Any) -> rx.Component:
    mark = rx.match(
        state.health_tone,
        ("success", rx.icon("circle-check", size=16)),
        ("warning", rx.icon("triangle-alert", size=16)),
        ("danger", rx.icon("circle-x", size=16)),
        rx.icon("circle-dashed", size=16),
    )
    words = rx.cond(state.health, state.health, "Checking the parts of the studio")
    return link(
        rx.el.span(mark, class_name="status status--" + state.health_tone),
        to="/health",
        class_name="btn btn--quiet btn--icon only-wide",
        aria_label=words,
        custom_attrs={"data-tip": words, "data-tip-side": "end"},
    )


def _account(state: Any) -> rx.Component:
    trigger = rx.el.button(
        state.person_letters, type="button", class_name="person", aria_label="Account"
    )
    # Signing out is a form post: only an answer of the server can take the cookie back. The
    # menu stays open on it, because a button that leaves the page no longer submits its form.
    sign_out = rx.el.button(
        rx.icon("log-out", size=16),
        "Sign out",
        type="submit",
        form="sign-out",
        class_name="menu__item",
    )
    return rx.fragment(
        post_form(id="sign-out", action=SIGN_OUT, hidden=True),
        menu(
            trigger,
            menu_label(state.person),
            menu_link(menu_target("settings-2", "Settings", "/settings")),
            menu_line(),
            menu_link(sign_out, keep_open=True),
            align="end",
        ),
    )
