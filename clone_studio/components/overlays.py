"""What floats: dialogs, sheets, menus, notices.

Dialogs and menus are Radix primitives without its theme: they trap and return the focus,
close on Escape, and move through a menu with the arrow keys.
"""

from typing import Any, Literal

import reflex as rx
from reflex_base.components.component import field
from reflex_base.constants.compiler import MemoizationMode
from reflex_base.utils.imports import ImportVar
from reflex_components_radix.primitives.dialog import (
    DialogClose,
    DialogContent,
    DialogDescription,
    DialogOverlay,
    DialogPortal,
    DialogRoot,
    DialogTitle,
    DialogTrigger,
)

from clone_studio.components.buttons import icon_button, link

_MENU = "@radix-ui/react-dropdown-menu@2.2.1"


_RETURN_FOCUS = rx.Var(
    "returnFocus",
    _var_type=rx.EventChain,
    _var_data=rx.vars.VarData(
        imports={"$/public/components/focus.js": [ImportVar(tag="returnFocus")]}
    ),
)


def _floating(
    content: rx.Component, is_open: rx.Var[bool], on_open_change: Any, trigger: rx.Component | None
) -> rx.Component:
    opener = [DialogTrigger.create(trigger, as_child=True)] if trigger is not None else []
    return DialogRoot.create(
        *opener,
        DialogPortal.create(DialogOverlay.create(class_name="scrim"), content),
        open=is_open,
        on_open_change=on_open_change,
    )


def dialog(
    title: str | rx.Var[str],
    *children: Any,
    is_open: rx.Var[bool],
    on_open_change: Any,
    text: str | rx.Var[str] = "",
    class_name: str = "",
) -> rx.Component:
    """Return a modal dialog.

    Args:
        title: Its heading.
        children: Its content; put buttons into `dialog_actions`.
        is_open: Whether it shows.
        on_open_change: Handler that takes the new openness (Escape, a click outside, close).
        text: A sentence under the heading.
        class_name: Further classes.
    """
    has_text = isinstance(text, rx.Var) or bool(text)
    words = DialogDescription.create(text, class_name="dialog__text") if has_text else rx.fragment()
    content = DialogContent.create(
        rx.el.div(DialogTitle.create(title, class_name="dialog__title"), class_name="dialog__head"),
        words,
        *children,
        class_name=f"dialog {class_name}".strip(),
        on_close_auto_focus=_RETURN_FOCUS,
        **({} if has_text else {"aria_describedby": ""}),
    )
    return _floating(content, is_open, on_open_change, None)


def dialog_actions(*children: Any) -> rx.Component:
    """Return the row of buttons at the end of a dialog."""
    return rx.el.div(*children, class_name="dialog__actions")


def dialog_close(child: rx.Component) -> rx.Component:
    """Return a button that closes the dialog it stands in."""
    return DialogClose.create(child, as_child=True)


def sheet(
    title: str | rx.Var[str],
    *children: Any,
    is_open: rx.Var[bool],
    on_open_change: Any,
    side: Literal["left", "right"] = "right",
    show_title: bool = True,
) -> rx.Component:
    """Return a panel that slides in from a side and covers the page behind it."""
    heading = DialogTitle.create(title, class_name="dialog__title" if show_title else "sr-only")
    head = rx.el.div(
        heading,
        dialog_close(icon_button("x", "Close", side="end")),
        class_name="card__head",
    )
    content = DialogContent.create(
        head if show_title else heading,
        *children,
        class_name=f"sheet sheet--{side}",
        on_close_auto_focus=_RETURN_FOCUS,
        aria_describedby="",
    )
    return _floating(content, is_open, on_open_change, None)


class _MenuPart(rx.Component):
    library = _MENU


class _MenuRoot(_MenuPart):
    tag = "Root"
    alias = "MenuRoot"
    modal: rx.Var[bool]


class _MenuTrigger(_MenuPart):
    tag = "Trigger"
    alias = "MenuTrigger"
    as_child: rx.Var[bool]
    _memoization_mode = MemoizationMode(recursive=False)


class _MenuPortal(_MenuPart):
    tag = "Portal"
    alias = "MenuPortal"


class _MenuContent(_MenuPart):
    tag = "Content"
    alias = "MenuContent"
    align: rx.Var[str]
    side_offset: rx.Var[int]
    collision_padding: rx.Var[int]
    _memoization_mode = MemoizationMode(recursive=False)


class _MenuItem(_MenuPart):
    tag = "Item"
    alias = "MenuItem"
    as_child: rx.Var[bool]
    disabled: rx.Var[bool]
    on_select: rx.EventHandler[rx.event.no_args_event_spec] = field(doc="Chosen.")
    _memoization_mode = MemoizationMode(recursive=False)


class _MenuSeparator(_MenuPart):
    tag = "Separator"
    alias = "MenuSeparator"


def menu(
    trigger: rx.Component, *items: Any, align: Literal["start", "end"] = "start"
) -> rx.Component:
    """Return a menu that `trigger` opens.

    The trigger must not have an `on_click` of its own. Items come from `menu_item`,
    `menu_link`, `menu_line` and `menu_label`.
    """
    return _MenuRoot.create(
        _MenuTrigger.create(trigger, as_child=True),
        _MenuPortal.create(
            _MenuContent.create(
                *items, class_name="menu", align=align, side_offset=6, collision_padding=8
            )
        ),
        modal=False,
    )


def menu_item(
    *children: Any, on_select: Any, icon: str | None = None, danger: bool = False, **props: Any
) -> rx.Component:
    """Return an entry that does something."""
    mark = [rx.icon(icon, size=16)] if icon else []
    look = "menu__item menu__item--danger" if danger else "menu__item"
    return _MenuItem.create(*mark, *children, class_name=look, on_select=on_select, **props)


def menu_link(target: rx.Component, keep_open: bool = False) -> rx.Component:
    """Return an entry that is a link; make `target` with `link(..., class_name="menu__item")`."""
    props = {"on_select": rx.prevent_default} if keep_open else {}
    return _MenuItem.create(target, as_child=True, **props)


def menu_target(icon: str, words: str, to: str | rx.Var[str]) -> rx.Component:
    """Return the usual target of a `menu_link`: an icon and words."""
    return link(rx.icon(icon, size=16), words, to=to, class_name="menu__item")


def menu_line() -> rx.Component:
    """Return the line between two groups of entries."""
    return _MenuSeparator.create(class_name="menu__line")


def menu_label(words: str | rx.Var[str]) -> rx.Component:
    """Return the heading of a group of entries."""
    return rx.el.div(words, class_name="menu__label")


def notice_list(notices: rx.Var[list[Any]], on_dismiss: Any) -> rx.Component:
    """Return the list of notices, which is read aloud as it changes.

    Args:
        notices: Rows with `key`, `kind`, `title` and `text`.
        on_dismiss: Handler that takes a row's key.
    """
    return rx.el.div(
        rx.foreach(notices, lambda row: _notice(row, on_dismiss)),
        class_name="notices",
        role="log",
        aria_live="polite",
        aria_label="Notices",
    )


def _notice(row: Any, on_dismiss: Any) -> rx.Component:
    icons = {"success": "circle-check", "warning": "triangle-alert", "danger": "circle-x"}
    mark = rx.match(
        row.kind,
        *((kind, rx.icon(name, size=16)) for kind, name in icons.items()),
        rx.icon("info", size=16),
    )
    return rx.el.div(
        rx.el.span(mark, class_name="notice__icon status--" + row.kind),
        rx.el.div(
            rx.cond(row.title, rx.el.p(row.title, class_name="notice__title"), rx.fragment()),
            rx.el.p(row.text, class_name="notice__text"),
            class_name="notice__words",
        ),
        icon_button("x", "Dismiss", small=True, side="end", on_click=on_dismiss(row.key)),
        class_name="notice notice--" + row.kind,
        key=row.key,
    )
