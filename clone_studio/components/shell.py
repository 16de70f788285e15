"""The frame of every page: top bar, rail, drawer, page head, notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx
from reflex_components_core.base.error_boundary import ErrorBoundary

from clone_studio.components.buttons import button, icon_button, link
from clone_studio.components.finder import finder
from clone_studio.components.overlays import menu, notice_list, sheet
from clone_studio.components.shortcuts import Shortcuts, shortcuts_dialog
from clone_studio.components.surfaces import error_state
from clone_studio.components.topbar import topbar


@dataclass(frozen=True)
class RailItem:
    """One entry of the rail. `kind` is the kind of page it opens; `group` heads its group."""

    kind: str
    label: str
    icon: str
    href: Any
    group: str = ""


@dataclass(frozen=True)
class Frame:
    """The vars and handlers that the frame shows and calls.

    `shell` and `search` are the state classes of the frame and of the search dialog; they are
    handed in because components know no state.
    """

    shell: Any
    search: Any
    rail: Sequence[RailItem]


def shell(
    frame: Frame,
    *children: Any,
    kind: str,
    title: str | rx.Var[str],
    of_clone: bool = False,
    crumbs: Sequence[rx.Component] = (),
    actions: Sequence[rx.Component] = (),
    phone_actions: Sequence[rx.Component] = (),
    fixed: bool = False,
    narrow: bool = False,
) -> rx.Component:
    """Return a whole page inside the frame.

    Args:
        frame: Vars and handlers of the frame.
        children: The page area.
        kind: Which rail entry is the active one.
        title: The page's name: the last part of the breadcrumb and its only h1.
        of_clone: Whether the page belongs to the active clone; then the breadcrumb begins with it.
        crumbs: Parts of the breadcrumb between the clone and the title.
        actions: The page's actions, at the right of its head.
        phone_actions: Menu entries that take the place of `actions` on a phone.
        fixed: The page area fills the window and scrolls inside itself (chat).
        narrow: One column of reading width (forms).
    """
    state, body = frame.shell, "page__body page__body--narrow" if narrow else "page__body"
    return rx.el.div(
        rx.el.a("Skip to the page", href="#page", class_name="skip"),
        topbar(state, frame.search),
        _rail(frame, kind),
        rx.el.main(
            _page_head(
                state,
                title=title,
                of_clone=of_clone,
                crumbs=crumbs,
                actions=actions,
                phone_actions=phone_actions,
            ),
            ErrorBoundary.create(rx.el.div(*children, class_name=body), fallback_render=_broken()),
            id="page",
            # Until the page has met the studio, nothing in it takes a click.
            aria_busy=rx.cond(state.is_hydrated, "false", "true"),
            class_name="page page--fixed" if fixed else "page",
            tab_index=-1,
        ),
        *_floating(frame, kind),
        class_name="shell",
    )


def _floating(frame: Frame, kind: str) -> list[rx.Component]:
    """Return what lies over the page: drawer, search, shortcuts, notices."""
    state = frame.shell
    return [
        sheet(
            "Navigation",
            _rail(frame, kind),
            is_open=state.drawer_open,
            on_open_change=state.set_drawer,
            side="left",
            show_title=False,
        ),
        finder(frame.search),
        shortcuts_dialog(state.shortcuts_open, state.set_shortcuts),
        Shortcuts.create(
            on_search=frame.search.show,
            on_help=state.show_shortcuts,
            on_rail=state.toggle_rail,
        ),
        notice_list(state.notices, state.dismiss_notice),
    ]


def _broken() -> rx.Component:
    """Return what stands in the page area when drawing the page failed; the frame stays."""
    return error_state(
        "The page met something it could not show. Reload it; if that does not help, "
        "open another page from the rail.",
        rx.Var("() => window.location.reload()", _var_type=rx.EventChain),
        "This page could not be drawn",
    )


def _rail(frame: Frame, kind: str) -> rx.Component:
    state = frame.shell
    folded = state.rail == "folded"
    fold = rx.el.button(
        rx.icon("panel-left", size=16),
        rx.el.span(rx.cond(folded, "Unfold", "Fold"), class_name="rail__word"),
        on_click=state.toggle_rail,
        type="button",
        class_name="rail__item rail__fold",
        aria_label=rx.cond(folded, "Unfold the rail", "Fold the rail"),
        custom_attrs={"data-tip": "Unfold  [", "data-tip-side": "right"},
    )
    return rx.el.nav(
        *(part for item in frame.rail for part in _rail_item(item, kind)),
        rx.el.div(fold, class_name="rail__foot"),
        class_name=rx.cond(folded, "rail rail--folded", "rail"),
        aria_label="Main",
    )


def _rail_item(item: RailItem, kind: str) -> list[rx.Component]:
    heading = [rx.el.p(item.group, class_name="rail__group")] if item.group else []
    entry = link(
        rx.icon(item.icon, size=16),
        rx.el.span(item.label, class_name="rail__word"),
        to=item.href,
        class_name="rail__item",
        aria_label=item.label,
        custom_attrs={"data-tip": item.label, "data-tip-side": "right"},
        **({"aria_current": "page"} if item.kind == kind else {}),
    )
    return [*heading, entry]


def _page_head(
    state: Any,
    *,
    title: str | rx.Var[str],
    of_clone: bool,
    crumbs: Sequence[rx.Component],
    actions: Sequence[rx.Component],
    phone_actions: Sequence[rx.Component],
) -> rx.Component:
    clone = (
        [link("Clone: ", state.clone.name, to=state.chat_href, class_name="one-line"), _chevron()]
        if of_clone
        else []
    )
    between = [part for crumb in crumbs for part in (crumb, _chevron())]
    wide = "page__actions only-wide" if phone_actions else "page__actions"
    phone = (
        rx.el.div(
            menu(icon_button("ellipsis", "Page actions", side="end"), *phone_actions, align="end"),
            class_name="page__actions only-phone",
        )
        if phone_actions
        else rx.fragment()
    )
    return rx.el.div(
        rx.el.nav(
            *clone,
            *between,
            rx.el.h1(title, class_name="one-line", aria_current="page"),
            class_name="crumbs",
            aria_label="Breadcrumb",
        ),
        rx.el.div(*actions, class_name=wide) if actions else rx.fragment(),
        phone,
        class_name="page__head",
    )


def _chevron() -> rx.Component:
    return rx.icon("chevron-right", size=14)


def not_found(title: str, text: str, action: rx.Component) -> rx.Component:
    """Return the content of a page that is not there."""
    return rx.el.div(
        rx.el.span(rx.icon("compass", size=20), class_name="blank__icon", aria_hidden="true"),
        rx.el.h2(title),
        rx.el.p(text, class_name="blank__text"),
        rx.el.div(action, class_name="blank__actions"),
        class_name="blank",
    )


def reload_button() -> rx.Component:
    """Return a button that loads the document again."""
    return button(
        "Reload",
        icon="rotate-cw",
        on_click=rx.Var("() => window.location.reload()", _var_type=rx.EventChain),
    )
