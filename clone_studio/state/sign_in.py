"""The sign-in page: what the reason in its address means in words."""

import reflex as rx

from clone_studio.state.base import Reaction, StudioState

REASONS = {
    "wrong": "The email address or the password is not right. Check both and try again.",
    "limited": "There were too many attempts. Wait a few minutes, then try again.",
    "link": "This link was already used or is too old. Make a new one with ./studio link.",
    "ended": "Your session has ended. Sign in to go on where you were.",
    "out": "You are signed out.",
    "everywhere": "You are signed out everywhere.",
    "failed": "Signing in did not work. Try again in a moment.",
}


class SignInState(StudioState):
    """What the sign-in page shows; it needs no session."""

    reason: str = ""
    is_fault: bool = False

    @rx.event
    def open(self) -> Reaction:
        """Read the reason from the address; codes that are not known say nothing."""
        code = str(self.router.url.query_parameters.get("reason", ""))
        self.reason = REASONS.get(code, "")
        self.is_fault = code not in {"out", "everywhere", "ended"}
        if self._user_id:
            return rx.redirect("/")
        return None
