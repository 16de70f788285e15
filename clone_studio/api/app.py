"""The API as one FastAPI application, with its description at `/api/docs`."""

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from clone_studio import __version__
from clone_studio.api import (
    auth,
    chat,
    conversations,
    docs,
    files,
    health,
    personas,
    problems,
    prompts,
    search,
    settings,
    speech,
    voices,
)
from clone_studio.api.limits import BodyLimit
from clone_studio.api.request_log import RequestLog

PREFIX = "/api"
DESCRIPTION = (
    "Everything the pages do. Sign in with `POST /api/auth/token` and send the token as "
    "`Authorization: Bearer …`. JSON is camelCase in answers; requests may use camelCase or "
    "snake_case; extra fields are ignored. Errors are problem JSON (RFC 9457)."
)


def api_app() -> FastAPI:
    """Build the API. Its routes carry the prefix `/api` themselves."""
    app = FastAPI(
        title="Clone Studio",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
    )
    root = APIRouter(prefix=PREFIX)
    of_clones = (personas, prompts, files, search, chat, conversations, speech, voices)
    for module in (auth, *of_clones, settings, health):
        root.include_router(module.router)
    app.include_router(root)
    app.include_router(docs.router_for(app), prefix=PREFIX)
    problems.register(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestLog)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
