"""Drives the real event handlers of the real app in-process, as Reflex itself does.

The only file that knows Reflex's event processor. A `Tab` is a browser tab: it sends events
with the headers its socket was opened with, and collects what the server sends it.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import reflex as rx
from reflex.istate.manager.memory import StateManagerMemory
from reflex.state import BaseState, StateUpdate
from reflex_base.constants.state import FIELD_MARKER
from reflex_base.event import Event, EventHandler
from reflex_base.event.processor import BaseStateEventProcessor
from reflex_base.utils.format import format_event_handler, json_dumps

from clone_studio.services.auth import SESSION_COOKIE

HYDRATE = "reflex___state____state.hydrate"
OPEN_PAGE = "reflex___state____state.hydrate_and_load"


class Tab:
    """One browser tab.

    Args:
        harness: The server it talks to.
        token: The client token: what names the tab's state on the server.
        cookie: Value of the session cookie its socket was opened with.
        path: Address of the page it shows, with query.
    """

    def __init__(self, harness: "Harness", token: str, cookie: str | None, path: str) -> None:
        self._harness = harness
        self.token = token
        self.cookie = cookie
        self.path = path
        self.vars: dict[str, dict[str, Any]] = {}
        self.deltas: list[Mapping[str, Mapping[str, Any]]] = []
        self.events: list[Event] = []

    async def open(self, path: str | None = None) -> None:
        """Load a page: its state is sent, then its own events run."""
        if path is not None:
            self.path = path
        await self.raw(OPEN_PAGE, {"vars": {}, "hashes": None})

    async def send(self, handler: EventHandler, **payload: Any) -> None:
        """Send an event, and wait for it and for all that follow from it."""
        await self.raw(format_event_handler(handler), payload)

    async def raw(self, name: str, payload: Mapping[str, Any] | None = None) -> None:
        """Send an event by its name."""
        event = Event(name=name, payload=dict(payload or {}), router_data=self._router_data())
        await self._harness.process(self, event)

    def value(self, state: type[BaseState], var: str) -> Any:
        """Return what the tab was last told of a variable of `state`."""
        return self.vars[state.get_full_name()][var + FIELD_MARKER]

    @property
    def redirects(self) -> list[str]:
        """Where the tab was sent, in order."""
        return [str(one.payload["path"]) for one in self.events if one.name == "_redirect"]

    @property
    def received(self) -> str:
        """Everything the tab received, as it goes over the wire, to look for secrets in."""
        return self.received_after(0)

    def received_after(self, count: int) -> str:
        """Return as `received` what came after the first `count` deltas."""
        return json_dumps(self.deltas[count:]) + json_dumps(self.events)

    def take(self, update: StateUpdate) -> None:
        """Apply what the server sent."""
        if update.delta:
            self.deltas.append(update.delta)
            for state, values in update.delta.items():
                self.vars.setdefault(state, {}).update(values)
        self.events.extend(update.events or [])

    def _router_data(self) -> dict[str, Any]:
        headers = {"host": "127.0.0.1:3000", "origin": "http://127.0.0.1:3000"}
        if self.cookie is not None:
            headers["cookie"] = f"theme=dark; {SESSION_COOKIE}={self.cookie}"
        split = urlsplit(self.path)
        route = "/" + (self._harness.app.router(split.path) or "404").removeprefix("/")
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        return {
            "pathname": route,
            "asPath": self.path,
            "query": query | _arguments(route, split.path),
            "token": self.token,
            "sid": f"socket of {self.token}",
            "headers": headers,
            "ip": "127.0.0.1",
        }


class Harness:
    """The server side: the app's own middleware and handlers over a state manager in memory."""

    def __init__(self, app: rx.App) -> None:
        self.app = app
        self.manager = StateManagerMemory()
        self.errors: list[Exception] = []
        self._tabs: dict[str, Tab] = {}
        self._processor = BaseStateEventProcessor(
            middleware=app, backend_exception_handler=self._failed
        )

    def tab(self, token: str, *, cookie: str | None = None, path: str = "/clones") -> Tab:
        """Connect a tab; an earlier one with the same token gets nothing from now on."""
        self._tabs[token] = tab = Tab(self, token, cookie, path)
        return tab

    async def process(self, tab: Tab, event: Event) -> None:
        """Process one event with all that follow from it; a failed handler fails the test."""
        future = await self._processor.enqueue(tab.token, event)
        with contextlib.suppress(Exception):
            await future.wait_all()
        if self.errors:
            raise self.errors.pop()

    @property
    def event_namespace(self) -> "Harness":
        """Stands for the app's sockets where something is pushed to tabs."""
        return self

    @property
    def token_to_sid(self) -> Mapping[str, str]:
        """The tabs that are connected."""
        return {token: token for token in self._tabs}

    def disconnect(self, tab: Tab) -> None:
        """Close a tab."""
        del self._tabs[tab.token]

    @contextlib.asynccontextmanager
    async def modify_state(self, token: rx.BaseStateToken) -> AsyncIterator[BaseState]:
        """Change a tab's state from outside an event, as `rx.App.modify_state` does."""
        async with self.manager.modify_state(token) as state:
            yield state
            delta = await state._get_resolved_delta()
            state._clean()
            if delta:
                await self.emit_update(StateUpdate(delta=delta), token.ident)

    async def emit_update(self, update: StateUpdate, token: str) -> None:
        """Hand an update to the tab that has the token now; Reflex calls this."""
        if token in self._tabs:
            self._tabs[token].take(update)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Harness"]:
        """Process events while this is open."""
        with self.app.set_contexts():
            self._processor.configure(state_manager=self.manager, event_namespace=self)
            async with self._processor:
                yield self
            await self.manager.close()

    def _failed(self, exception: Exception) -> None:
        self.errors.append(exception)


def _arguments(route: str, path: str) -> dict[str, Any]:
    """Return the values of `[name]`, `[[name]]` in a route, as Reflex's front end does."""
    names = route.strip("/").split("/")
    values: Iterator[str] = iter(path.strip("/").split("/"))
    given = {}
    for name in names:
        value = next(values, None)
        if name.startswith("[") and value is not None:
            given[name.strip("[]")] = value
    return given
