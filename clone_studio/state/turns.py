"""What was said since the thread was opened, one var for each exchange.

A var travels whole: in one list every new answer would re-send those before it. So each
exchange has a var of its own, sent once, and the bytes of an answer do not grow with the
thread.
"""

import reflex as rx

from clone_studio.state.chat_rows import MessageRow

TURNS = 24


class TurnsState(rx.State):
    """The exchanges of this visit, oldest first."""

    _used: int = 0

    def _clear(self) -> None:
        """Show none."""
        for index in range(self._used):
            setattr(self, turn_name(index), [])
        self._used = 0

    def _add(self, rows: list[MessageRow]) -> None:
        """Show one more exchange; `_full` must have been answered no."""
        setattr(self, turn_name(self._used), rows)
        self._used += 1

    def _full(self) -> bool:
        """Whether there is no room for another exchange."""
        return self._used == TURNS

    def _rows(self) -> list[MessageRow]:
        """Return the bubbles of all exchanges, oldest first."""
        return [row for index in range(self._used) for row in getattr(self, turn_name(index))]


def turn_name(index: int) -> str:
    """Return the name of the var that holds exchange `index`."""
    return f"turn_{index}"


for _index in range(TURNS):
    TurnsState.add_var(turn_name(_index), list[MessageRow], [])
