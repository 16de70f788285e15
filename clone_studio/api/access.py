"""Who is asking: the one dependency that every route of the API authorises with.

A browser comes with its session cookie, a program with `Authorization: Bearer <token>`. A
cookie is sent by the browser whoever wrote the page, so changes made with one must come from
the studio's own origin.
"""

import asyncio
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from clone_studio.bootstrap import services
from clone_studio.errors import NotSignedIn
from clone_studio.services.auth import SESSION_COOKIE, SessionInfo, UserInfo

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN_FIRST = "You are not signed in, or your session has ended. Sign in and try again."


def own_origins(request: Request) -> set[str]:
    """Return the origins that count as the studio itself, as `scheme://host[:port]`."""
    public = urlsplit(services().settings.base_url)
    return {
        f"{public.scheme}://{public.netloc}",
        f"{request.url.scheme}://{request.url.netloc}",
    }


def check_origin(request: Request) -> None:
    """Refuse a change that another site's page asks for in the name of the user.

    Browsers send `Origin` with every unsafe request; where it is missing, `Referer` or
    `Sec-Fetch-Site` must say that the page is ours.

    Raises:
        NotSignedIn: The request does not come from the studio's own pages.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if not origin:
        referer = urlsplit(request.headers.get("referer", ""))
        origin = f"{referer.scheme}://{referer.netloc}"
    if origin not in own_origins(request):
        raise NotSignedIn("This request did not come from the studio's own pages.")


async def current_session(request: Request) -> SessionInfo | None:
    """Return the session of the request's cookie, None without a valid one."""
    token = request.cookies.get(SESSION_COOKIE)
    return await asyncio.to_thread(services().auth.session_for, token)


async def current_user(request: Request) -> UserInfo:
    """Return who is asking, by bearer token or session cookie.

    Raises:
        NotSignedIn: Neither is valid, or a change comes from another origin.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        user = await asyncio.to_thread(services().auth.user_for_token, credentials.strip())
        if user is None:
            raise NotSignedIn("This access token is not valid or has expired. Ask for a new one.")
        return user
    check_origin(request)
    session = await current_session(request)
    if session is None:
        raise NotSignedIn(SIGN_IN_FIRST)
    return session.user


CurrentUser = Annotated[UserInfo, Depends(current_user)]
