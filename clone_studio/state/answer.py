"""The answer that is being written, in a state of its own.

Only what shows this answer re-renders while it grows, and only what is new travels: the
paragraph in progress is one scalar, finished paragraphs move into numbered parts that are
sent once. A list would be sent whole with every paragraph, so the parts are separate vars.
"""

import reflex as rx

from clone_studio.state.answer_text import link_marks, settled_length

PARTS = 48
_FIRST_PART_CHARS = 200
_PARTS_PER_SIZE = 8


def part_size(index: int) -> int:
    """Return how many characters part `index` collects before it closes.

    Doubles every eight parts: 48 parts hold some 100,000 characters, more than any model's
    answer, while a usual answer closes a part at nearly every paragraph.
    """
    return _FIRST_PART_CHARS << (index // _PARTS_PER_SIZE)


class AnswerState(rx.State):
    """The running answer of this tab: its id, its question and its text so far."""

    message_id: str = ""
    question: str = ""
    tail: str = ""

    _question_id: str = ""
    _used: int = 0
    _settled: int = 0
    _fresh: int = 0

    def _begin(self, message_id: str, question: str = "", question_id: str = "") -> None:
        """Show `message_id` as the answer in progress, with no text yet.

        Args:
            message_id: The answer.
            question: What it answers, when no settled bubble shows that yet.
            question_id: The question's message.
        """
        self._clear()
        self.message_id = message_id
        self.question, self._question_id = question, question_id

    def _clear(self) -> None:
        """Show no answer in progress."""
        self._begin_anew()
        self.message_id = self.question = ""

    def _begin_anew(self) -> None:
        """Show no text of the answer in progress: it is written a second time."""
        for index in range(self._used + 1):
            if getattr(self, part_name(index)):
                setattr(self, part_name(index), "")
        self.tail = ""
        self._used = self._settled = self._fresh = 0

    def _show(self, text: str) -> None:
        """Show `text`, the whole answer so far; only what is new changes a var."""
        self._fresh += settled_length(text[self._fresh :])
        if self._fresh - self._settled >= part_size(self._used) and self._used < PARTS - 1:
            part = text[self._settled : self._fresh]
            setattr(self, part_name(self._used), link_marks(part, self.message_id))
            self._used += 1
            self._settled = self._fresh
        self.tail = link_marks(text[self._settled :], self.message_id)


def part_name(index: int) -> str:
    """Return the name of the var that holds part `index`."""
    return f"part_{index}"


for _index in range(PARTS):
    AnswerState.add_var(part_name(_index), str, "")
