"""The composition root: the Reflex app with its pages, its gates and the API."""

import logging

import reflex as rx
from reflex.event import EventSpec
from starlette.types import ASGIApp, Receive, Scope, Send

from clone_studio.api.app import PREFIX, api_app
from clone_studio.components.appearance import STYLE_SHEETS, app_wraps
from clone_studio.csp import inline_script_hashes
from clone_studio.lifespan import studio_running
from clone_studio.pages import (
    chat,
    clone_form,
    clones,
    files,
    health,
    home,
    login,
    prompts,
    settings,
    voice,
)
from clone_studio.security_headers import SecurityHeaders, content_policy
from clone_studio.serve import BUILD_DIR
from clone_studio.session_gate import PageGate, SessionMiddleware, SocketGate
from clone_studio.state.failure import FailureState
from clone_studio.state.sign_in import SignInState

PAGES = (home, login, clones, clone_form, settings, health, chat, prompts, files, voice)

logger = logging.getLogger(__name__)


def with_api(inner: ASGIApp) -> ASGIApp:
    """Serve everything below `/api` by the API, also what is not there: never by a page."""
    api = api_app()

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_api = scope["type"] == "http" and (path == PREFIX or path.startswith(f"{PREFIX}/"))
        await (api if is_api else inner)(scope, receive, send)

    return served


def with_headers(inner: ASGIApp) -> ASGIApp:
    """Add the security headers; the policy names the scripts of the pages as they are built."""
    return SecurityHeaders(inner, content_policy(inline_script_hashes(BUILD_DIR)))


def on_failure(exception: Exception) -> EventSpec:
    """Log what a handler raised and tell the user that something went wrong.

    Reflex's own handler shows a toast by code the browser would have to evaluate, which the
    content security policy forbids.
    """
    logger.error("A handler failed", exc_info=exception)
    return FailureState.report()


def studio_app() -> rx.App:
    """Build the app. Nothing is opened here: building the pages imports this module too."""
    made = rx.App(
        stylesheets=list(STYLE_SHEETS),
        app_wraps=app_wraps(),
        toaster=None,
        html_lang="en",
        backend_exception_handler=on_failure,
        api_transformer=[with_api, PageGate, SocketGate, with_headers],
    )
    # First in the list: Reflex's own middleware answers `hydrate` with the whole state.
    made.add_middleware(
        SessionMiddleware(public_states=frozenset({SignInState.get_full_name()})), index=0
    )
    made.register_lifespan_task(studio_running)
    for page in PAGES:
        page.register(made)
    return made


app = studio_app()
