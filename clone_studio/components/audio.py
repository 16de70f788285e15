"""Buttons that play speech: a thin wrapper of `assets/components/audio.jsx`.

One sound plays at a time. The sound is an `<audio>` element on an address of the API, begun
inside the click, because browsers play nothing that nobody asked for.
"""

from typing import Any

import reflex as rx


def _started(milliseconds: rx.Var[int]) -> tuple[rx.Var[int]]:
    """Arguments of `on_started`: milliseconds from the request to the engine's first audio."""
    return (milliseconds,)


class SpeakButton(rx.Component):
    """Listen, pause, stop, volume; and what went wrong, in words, with a way to go on."""

    library = "$/public/components/audio.jsx"
    tag = "SpeakButton"

    address: rx.Var[str]
    label: rx.Var[str]
    auto: rx.Var[int]
    on_started: rx.EventHandler[_started]


def speak_button(clip: rx.Var[str] | str, label: rx.Var[str] | str, **props: Any) -> rx.Component:
    """Return the button that plays a clip.

    Args:
        clip: Id of an answer, or of a text's clip.
        label: What is read aloud, for those who do not see where the button stands.
        props: `on_started`, called when the first audio is heard; `auto`, a number: each
            time it grows, the clip is played, as after a click elsewhere on the page.
    """
    address = rx.Var.create("/api/speech/") + clip
    return SpeakButton.create(address=address, label=label, **props)
