"""The keys that work everywhere, and the dialog that lists them."""

from collections.abc import Sequence
from typing import Any

import reflex as rx

from clone_studio.components.overlays import dialog

EVERYWHERE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Search clones, pages, threads and files", ("Ctrl", "K")),
    ("Fold or unfold the rail", ("[",)),
    ("Show this list", ("?",)),
    ("Close what is open on top", ("Esc",)),
)
IN_CHAT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Send the question", ("Enter",)),
    ("New line in the question", ("Shift", "Enter")),
)


class Shortcuts(rx.Component):
    """Listens for keys in the browser; shows nothing."""

    library = "$/public/components/shortcuts.jsx"
    tag = "Shortcuts"

    on_search: rx.EventHandler[rx.event.no_args_event_spec]
    on_help: rx.EventHandler[rx.event.no_args_event_spec]
    on_rail: rx.EventHandler[rx.event.no_args_event_spec]


def _keys(rows: Sequence[tuple[str, tuple[str, ...]]]) -> rx.Component:
    return rx.el.dl(
        *(
            part
            for words, keys in rows
            for part in (rx.el.dt(words), rx.el.dd(*(rx.el.kbd(key) for key in keys)))
        ),
        class_name="keys",
    )


def shortcuts_dialog(is_open: rx.Var[bool], on_open_change: Any) -> rx.Component:
    """Return the list of shortcuts."""
    return dialog(
        "Keyboard shortcuts",
        _keys(EVERYWHERE),
        rx.el.h3("In a chat", style={"marginTop": "20px"}),
        _keys(IN_CHAT),
        is_open=is_open,
        on_open_change=on_open_change,
        text="On a Mac, Ctrl is the Command key.",
    )
