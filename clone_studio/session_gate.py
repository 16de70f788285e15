"""Keeps every Reflex state tree to the one session it was made for.

Reflex finds a tab's state by a token that the browser makes up and sends. Whoever learns the
token of another user's tab would be handed that user's state, by `hydrate` without a single
handler being asked, and would receive what is pushed to the tab. Three gates stand against it:

`PageGate`        a page is only served to a browser with a valid session;
`SocketGate`      the token under which a tab's state is kept is derived from the token the
                  browser sent *and* its session, so that the same token with another cookie,
                  or with none, names another, empty state;
`SessionMiddleware`  each event of a tab is checked against the database before anything else,
                  and a tree made for another session is emptied.
"""

import asyncio
import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlencode

import reflex as rx
from reflex.istate.delta import _resolve_delta
from reflex.middleware import Middleware
from reflex.state import (
    BaseState,
    OnLoadInternalState,
    State,
    StateUpdate,
    UpdateVarsInternalState,
)
from reflex_base.event import Event
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from clone_studio.bootstrap import services
from clone_studio.services.auth import SESSION_COOKIE, SessionInfo
from clone_studio.state.base import StudioState

LOGIN = "/login"
EVENT_PATH = "/_event"
# Reflex's own events that open a page; each only shows what the tree holds.
OPENING = frozenset(
    {
        f"{State.get_full_name()}.hydrate",
        f"{State.get_full_name()}.hydrate_and_load",
        f"{State.get_full_name()}.set_is_hydrated",
        f"{OnLoadInternalState.get_full_name()}.on_load_internal",
        f"{OnLoadInternalState.get_full_name()}.set_is_hydrated",
    }
)
# What the sign-in page needs besides: the browser's own storage, given back to it.
STORAGE = f"{UpdateVarsInternalState.get_full_name()}.update_vars_internal"


class SessionMiddleware(Middleware):
    """Authenticates each event. Stands first in the list, before Reflex's own `hydrate`.

    Args:
        public_states: Full names of the states whose handlers may be called by anybody.
    """

    def __init__(self, public_states: frozenset[str] = frozenset()) -> None:
        self._public_states = public_states

    async def preprocess(self, app: rx.App, state: BaseState, event: Event) -> StateUpdate | None:
        """Let the event through, or answer in its place.

        Args:
            app: The Reflex app.
            state: Some state of the tab's tree; its router data come from the socket itself.
            event: What the browser asks for.
        """
        session = await _session_of(state)
        root = state._get_root_state()
        studio = await root.get_state(StudioState)
        if studio._session_id and (session is None or session.id != studio._session_id):
            root.reset()
            if session is not None and event.name not in OPENING:
                return await _emptied(root, "/")
        if session is None:
            if self._is_public(state, event):
                return None
            return await _emptied(root, LOGIN)
        if not studio._session_id:
            studio._session_id = session.id
            studio._user_id = session.user.id
        return None

    def _is_public(self, state: BaseState, event: Event) -> bool:
        """Tell whether nobody in particular may call this: the sign-in page and no more.

        The path is the browser's word, so on it alone depends only whether an emptied tree
        is shown or the tab is sent to sign in.
        """
        owner, _, _handler = event.name.rpartition(".")
        if owner in self._public_states:
            return True
        if event.name not in OPENING | {STORAGE}:
            return False
        return str(state.router.url.path).rstrip("/") == LOGIN


class SocketGate:
    """Binds the token of each Reflex socket to the session of its cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["path"].startswith(EVENT_PATH):
            scope = await _bound(scope)
        await self._app(scope, receive, send)


class PageGate:
    """Sends a browser without a session from any page to the sign-in page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if _asks_for_page(scope) and scope["path"].rstrip("/") != LOGIN:
            session = await _session_of_cookies(Headers(scope=scope).get("cookie", ""))
            if session is None:
                await RedirectResponse(LOGIN, status_code=303)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _asks_for_page(scope: Scope) -> bool:
    """Tell a page (`/chat/ada`) from a built asset (`/assets/x.js`), the API and Reflex's own."""
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    head, _, rest = scope["path"].lstrip("/").partition("/")
    last = (rest or head).rpartition("/")[2]
    return head != "api" and not head.startswith("_") and head != "ping" and "." not in last


async def _bound(scope: Scope) -> Scope:
    session = await _session_of_cookies(Headers(scope=scope).get("cookie", ""))
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    bound = [
        (name, _bound_token(value, session) if name == "token" else value) for name, value in query
    ]
    return {**scope, "query_string": urlencode(bound).encode("latin-1")}


def _bound_token(token: str, session: SessionInfo | None) -> str:
    owner = session.id if session else "nobody"
    return hashlib.sha256(f"{owner}\n{token}".encode()).hexdigest()[:32]


async def _session_of(state: BaseState) -> SessionInfo | None:
    """Return the session of the socket that the event came by.

    Reflex overwrites `headers` with what the socket was opened with, so nothing that a
    browser puts into an event gets here.
    """
    headers: dict[str, Any] = state._get_root_state().router_data.get("headers", {})
    return await _session_of_cookies(str(headers.get("cookie", "")))


async def _session_of_cookies(header: str) -> SessionInfo | None:
    token = cookie_parser(header).get(SESSION_COOKIE)
    return await asyncio.to_thread(services().auth.session_for, token) if token else None


async def _emptied(root: BaseState, path: str) -> StateUpdate:
    """Show the tab an empty tree and send it to `path`."""
    # A tree that is not hydrated is not written into the browser's storage.
    root.is_hydrated = False
    delta = await _resolve_delta(root.dict())
    root._clean()
    return StateUpdate(delta=delta, events=Event.from_event_type(rx.redirect(path)))
