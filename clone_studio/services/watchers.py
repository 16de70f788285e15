"""Which browser tabs look at what, so that news reach them and nobody else.

Framework-free on purpose: pages register a tab here, `live.py` reads it. Everything is in
memory and touched from the event loop only; a tab that went away is forgotten at the first
push that does not reach it.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Watch:
    """One tab looking at one topic.

    Args:
        topic: `message:{id}` or `persona:{id}`.
        tab: The tab's client token: an address, never a proof of identity.
        user_id: Whose session opened the tab.
        session_id: The session that has to be valid at each push.
        serial: Tells a watch from an earlier one of the same tab, as after a reload.
    """

    topic: str
    tab: str
    user_id: str
    session_id: str
    serial: int = field(default_factory=itertools.count().__next__)

    @property
    def kind(self) -> str:
        """What is watched: `message` or `persona`."""
        return self.topic.partition(":")[0]

    @property
    def subject_id(self) -> str:
        """Id of what is watched."""
        return self.topic.partition(":")[2]


@dataclass
class Watchers:
    """The watches of this process: at most one of each kind for a tab."""

    _by_tab: dict[tuple[str, str], Watch] = field(default_factory=dict)
    _listener: Callable[[Watch], None] | None = None

    def listen(self, listener: Callable[[Watch], None] | None) -> None:
        """Call `listener` with each watch that begins; one listener, None for none."""
        self._listener = listener

    def watch(self, watch: Watch) -> None:
        """Begin a watch; the tab's earlier watch of the same kind ends."""
        self._by_tab[watch.tab, watch.kind] = watch
        if self._listener is not None:
            self._listener(watch)

    def holds(self, watch: Watch) -> bool:
        """Whether this very watch is still wanted."""
        return self._by_tab.get((watch.tab, watch.kind)) == watch

    def end(self, watch: Watch) -> None:
        """End this watch, unless the tab watches something else of its kind by now."""
        if self.holds(watch):
            del self._by_tab[watch.tab, watch.kind]

    def end_session(self, session_id: str) -> None:
        """End every watch that began in this session."""
        for watch in [w for w in self._by_tab.values() if w.session_id == session_id]:
            self.end(watch)

    def topics(self, kind: str) -> set[str]:
        """Return what is watched of a kind."""
        return {watch.topic for watch in self._by_tab.values() if watch.kind == kind}

    def of(self, topic: str) -> list[Watch]:
        """Return the watches of `topic`."""
        return [watch for watch in self._by_tab.values() if watch.topic == topic]


WATCHERS = Watchers()
