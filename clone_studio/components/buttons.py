"""Buttons and links."""

from typing import Any, Literal

import reflex as rx
from reflex_components_core.react_router.dom import ReactRouterLink

ButtonKind = Literal["primary", "plain", "quiet", "danger"]


def _classes(kind: ButtonKind, small: bool, extra: str) -> str:
    return " ".join(filter(None, ["btn", f"btn--{kind}", "btn--small" if small else "", extra]))


def button(
    *children: Any,
    kind: ButtonKind = "plain",
    icon: str | None = None,
    small: bool = False,
    **props: Any,
) -> rx.Component:
    """Return a button. It submits nothing unless `type="submit"` is given.

    Args:
        children: The words, a verb first, and whatever stands beside them.
        kind: `primary` is for the one main action of a page.
        icon: Name of a lucide icon put before the words.
        small: 28 instead of 34 pixels high.
        props: Further properties of the HTML element, e.g. `on_click`.
    """
    props.setdefault("type", "button")
    extra = str(props.pop("class_name", ""))
    mark = [rx.icon(icon, size=16)] if icon else []
    return rx.el.button(*mark, *children, class_name=_classes(kind, small, extra), **props)


def icon_button(
    icon: str | rx.Component,
    label: str | rx.Var[str],
    *,
    kind: ButtonKind = "quiet",
    small: bool = False,
    side: Literal["bottom", "right", "top", "end"] = "bottom",
    shortcut: str = "",
    **props: Any,
) -> rx.Component:
    """Return a button that shows an icon only; its label is read aloud and shown as a tooltip.

    Args:
        icon: Name of a lucide icon, or the icon itself.
        label: What it does, in words.
        kind: As for `button`.
        small: 28 instead of 34 pixels.
        side: Where the tooltip opens; `end` aligns it to the right edge of the button.
        shortcut: Keys to name in the tooltip.
        props: Further properties of the HTML element.
    """
    props.setdefault("type", "button")
    extra = str(props.pop("class_name", ""))
    tip = label + f"  {shortcut}" if shortcut else label
    return rx.el.button(
        rx.icon(icon, size=16) if isinstance(icon, str) else icon,
        class_name=_classes(kind, small, f"btn--icon {extra}".strip()),
        aria_label=label,
        custom_attrs={"data-tip": tip, "data-tip-side": side},
        **props,
    )


def link(*children: Any, to: str | rx.Var[str], **props: Any) -> rx.Component:
    """Return a link to a page of the studio that opens without a document load."""
    props.setdefault("class_name", "link")
    return ReactRouterLink.create(*children, to=to, **props)


def button_link(
    *children: Any,
    to: str | rx.Var[str],
    kind: ButtonKind = "plain",
    icon: str | None = None,
    small: bool = False,
    **props: Any,
) -> rx.Component:
    """Return a link to a page of the studio that looks like a button."""
    extra = str(props.pop("class_name", ""))
    mark = [rx.icon(icon, size=16)] if icon else []
    return link(*mark, *children, to=to, class_name=_classes(kind, small, extra), **props)


def outward_link(*children: Any, href: str | rx.Var[str], **props: Any) -> rx.Component:
    """Return a link that leaves the studio or asks the API for a document."""
    props.setdefault("class_name", "link")
    return rx.el.a(*children, href=href, target="_blank", rel="noopener noreferrer", **props)
