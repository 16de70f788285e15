"""What the user reads when a handler failed in a way that nobody foresaw."""

import reflex as rx

from clone_studio.state.base import StudioState

UNFORESEEN = "Something went wrong in the studio; its log says what. Try again or reload the page."


class FailureState(StudioState):
    """Puts the failure into the list of notices: the page itself stays usable."""

    @rx.event
    def report(self) -> None:
        """Say that something went wrong."""
        self._notify(UNFORESEEN, "danger", "That did not work")
