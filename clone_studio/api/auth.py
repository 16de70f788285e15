"""`/api/auth`: signing in by link or password, out, and bearer tokens for programs."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import ValidationError

from clone_studio.api.access import CurrentUser, check_origin, current_session
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.schema import Me, NewPassword, SignIn, Success, Token
from clone_studio.bootstrap import services
from clone_studio.errors import InvalidInput, NotSignedIn, StudioError, TooManyRequests
from clone_studio.services.auth import SESSION_COOKIE, SignedIn

# After a password the studio goes on where this browser was; a link opens the clones.
HOME = "/"
CLONES = "/clones"
LOGIN = "/login"

router = APIRouter(prefix="/auth", tags=["auth"], responses=PROBLEM_RESPONSES)


@router.get("/link/{token}", include_in_schema=False)
async def redeem_link(token: str, request: Request) -> Response:
    """Sign in by one-time link; the first one makes the owner's account."""
    auth = services().auth
    try:
        signed_in = await asyncio.to_thread(auth.redeem_link, token, _user_agent(request))
    except NotSignedIn:
        return _see_other(f"{LOGIN}?reason=link")
    # The owner who has just been made finds the sample on the first page.
    await asyncio.to_thread(services().guide.ensure)
    # The first link makes the owner, and the owner's first page shows the sample clone.
    await asyncio.to_thread(services().guide.ensure)
    return _with_cookie(_see_other(CLONES), request, signed_in)


@router.post(
    "/sign-in",
    openapi_extra={
        "requestBody": {
            "content": {
                "application/json": {"schema": SignIn.model_json_schema()},
                "application/x-www-form-urlencoded": {"schema": SignIn.model_json_schema()},
            }
        }
    },
    response_model=Me,
)
async def sign_in(request: Request) -> Response:
    """Sign in with email and password and set the session cookie.

    A form is answered with 303 to the page; when it fails, to `/login` with the reason in
    the query (`wrong`, `limited` or `failed`). JSON is answered with JSON.
    """
    check_origin(request)
    form = _is_form(request)
    try:
        given = await _credentials(request)
        signed_in = await asyncio.to_thread(
            services().auth.sign_in,
            given.email,
            given.password,
            client_of(request),
            _user_agent(request),
        )
    except StudioError as error:
        if not form:
            raise
        return _see_other(f"{LOGIN}?reason={_reason(error)}")
    user = Me.model_validate(signed_in.session.user)
    answer = _see_other(HOME) if form else JSONResponse(user.model_dump(by_alias=True))
    return _with_cookie(answer, request, signed_in)


@router.post("/token")
async def issue_token(body: SignIn, request: Request) -> Token:
    """Return a bearer token for programs."""
    token = await asyncio.to_thread(
        services().auth.issue_token, body.email, body.password, client_of(request)
    )
    return Token(access_token=token.token, expires_in=token.expires_in)


@router.post("/sign-out", response_model=Success)
async def sign_out(request: Request) -> Response:
    """End the session of this browser."""
    check_origin(request)
    token = request.cookies.get(SESSION_COOKIE)
    await asyncio.to_thread(services().auth.sign_out, token)
    return _signed_out(request, "out")


@router.post("/sign-out-everywhere", response_model=Success)
async def sign_out_everywhere(user: CurrentUser, request: Request) -> Response:
    """End every session and access token of the account."""
    await asyncio.to_thread(services().auth.sign_out_everywhere, user.id)
    return _signed_out(request, "everywhere")


@router.put("/password")
async def set_password(body: NewPassword, user: CurrentUser, request: Request) -> Success:
    """Change the password; every other session and token of the account ends."""
    session = await current_session(request)
    keep = session.id if session and session.user.id == user.id else ""
    await asyncio.to_thread(
        services().auth.set_password, user.id, body.current, body.new, keep_session_id=keep
    )
    return Success()


@router.get("/me")
async def me(user: CurrentUser) -> Me:
    """Return the account that is signed in."""
    return Me.model_validate(user)


def client_of(request: Request) -> str:
    """Return the network address that attempts are counted for.

    Forwarding headers are not read: anybody can write them.
    """
    return request.client.host if request.client else ""


async def _credentials(request: Request) -> SignIn:
    body = await request.body()
    try:
        if _is_form(request):
            fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10)
            given: dict[str, Any] = {name: values[0] for name, values in fields.items()}
            return SignIn.model_validate(given)
        return SignIn.model_validate_json(body)
    except (ValidationError, ValueError) as error:
        raise InvalidInput("Enter your email address and your password.") from error


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/x-www-form-urlencoded"


def _reason(error: StudioError) -> str:
    if isinstance(error, TooManyRequests):
        return "limited"
    return "wrong" if isinstance(error, (NotSignedIn, InvalidInput)) else "failed"


def _user_agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _see_other(address: str) -> Response:
    return RedirectResponse(address, status_code=303)


def _with_cookie(response: Response, request: Request, signed_in: SignedIn) -> Response:
    response.set_cookie(
        SESSION_COOKIE,
        signed_in.token,
        expires=signed_in.session.expires_at,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_https(request),
    )
    return response


def _signed_out(request: Request, reason: str) -> Response:
    response: Response = (
        _see_other(f"{LOGIN}?reason={reason}")
        if _is_form(request)
        else JSONResponse(Success().model_dump())
    )
    response.delete_cookie(
        SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=_is_https(request)
    )
    return response


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https" or services().settings.base_url.startswith("https://")
