"""The composer: what is being typed, kept per clone in the browser, and why it was refused.

Apart from the conversation, so that typing re-renders no bubble.
"""

import reflex as rx

from clone_studio.bootstrap import services
from clone_studio.services.slugs import SLUG_LIMIT
from clone_studio.state.base import StudioState
from clone_studio.state.drafts import keep_draft, read_draft


class ComposerState(StudioState):
    """The field at the bottom of the chat. A new `version` makes the field anew with `text`."""

    version: int = 0
    text: str = ""
    problem: str = ""
    drafts: str = rx.LocalStorage("{}", name="studio_chat_drafts")

    _clone: str = ""
    _sent: str = ""
    _refused: str = ""

    def _show(self, clone: str) -> None:
        """Show the draft for `clone`."""
        self._clone = clone
        self._compose(read_draft(self.drafts, clone))

    def _compose(self, text: str) -> None:
        self.version += 1
        self.text = text
        self.problem = ""

    def _accept(self, text: str) -> None:
        """Empty the field: its text was sent."""
        self._sent = text.strip()
        self.drafts = keep_draft(self.drafts, self._clone, "")
        self._compose("")

    def _refuse(self, text: str, why: str, *, restore: bool) -> None:
        """Say why the text was not sent; with `restore`, put it back into the field."""
        if restore:
            self._sent = ""
            self._compose(text)
        self._refused, self.problem = text.strip(), why

    @rx.event
    def keep(self, text: str, clone: str) -> None:
        """Keep what is being typed to `clone`; the page may show another one by now."""
        text, clone = str(text), str(clone)[:SLUG_LIMIT]
        # The last keystrokes may arrive after the question was sent.
        if text.strip() == self._sent or len(text) > services().settings.max_question_chars:
            return
        self.drafts = keep_draft(self.drafts, clone, text)
        # Nor may they take away why it was refused.
        if clone == self._clone and text.strip() != self._refused:
            self.problem = ""
