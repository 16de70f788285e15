"""Puts pages into the frame and the app: the frame's vars are bound to components here."""

from collections.abc import Callable, Sequence
from typing import Any

import reflex as rx

from clone_studio.components.shell import Frame, RailItem, shell
from clone_studio.state.finder import FinderState
from clone_studio.state.shell import ShellState

STUDIO = "Clone Studio"


def framed(*children: Any, kind: str, title: str | rx.Var[str], **options: Any) -> rx.Component:
    """Return a page inside the frame; see `components.shell.shell` for the options."""
    rail = (
        RailItem("clones", "All Clones", "layout-grid", "/clones", "Clones"),
        RailItem("chat", "Chat", "message-square", ShellState.chat_href, "Communicate"),
        RailItem("prompts", "Prompts", "scroll-text", ShellState.prompts_href, "Workbench"),
        RailItem("files", "Files", "file-text", ShellState.files_href),
        RailItem("voice", "Voice", "audio-lines", ShellState.voice_href),
        RailItem("settings", "Settings", "settings-2", "/settings", "System"),
    )
    frame = Frame(ShellState, FinderState, rail)
    return shell(frame, *children, kind=kind, title=title, **options)


def add_page(
    app: rx.App,
    view: Callable[[], rx.Component],
    route: str,
    title: str,
    on_load: Sequence[Any] = (),
) -> None:
    """Add a page of the signed-in studio; the frame is prepared before the page's own events.

    Args:
        app: The app.
        view: Returns the page, usually by `framed`.
        route: Its address.
        title: What the browser's tab says before the studio's name.
        on_load: Events after the frame is ready.
    """
    app.add_page(
        view,
        route=route,
        title=f"{title} · {STUDIO}",
        on_load=[ShellState.enter, *on_load],
    )
