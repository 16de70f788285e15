"""Errors at the edge of the API: every one becomes problem JSON (RFC 9457), in one place."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from clone_studio.api.schema import FieldError, Problem
from clone_studio.errors import AlreadyThere, InvalidInput, StudioError, TooManyRequests

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
NO_DATABASE = "The studio's database is busy or cannot be reached. Try again in a moment."
INTERNAL = "Something went wrong in the studio. Its log says what; try again."

# What every route may answer besides its own shape; goes into the OpenAPI description.
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase, "model": Problem}
    for status in (401, 404, 422)
}


def problem(
    status: int,
    title: str,
    detail: str,
    code: str,
    *,
    retryable: bool = False,
    errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> JSONResponse:
    """Return one problem as a response; `extra` members stand beside the standard ones."""
    shape = Problem(
        type=f"urn:clone-studio:problem:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        retryable=retryable,
        errors=errors,
    )
    content = shape.model_dump(by_alias=True, exclude_none=True) | (extra or {})
    return JSONResponse(content, status, headers, media_type=MEDIA_TYPE)


def of_studio_error(error: StudioError) -> JSONResponse:
    """Return the problem of one of the studio's own errors."""
    headers: dict[str, str] = {}
    extra: dict[str, Any] = {}
    errors = None
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, AlreadyThere):
        extra["existingId"] = error.existing_id
    if isinstance(error, InvalidInput) and error.field:
        errors = [FieldError(field=error.field, detail=error.detail)]
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(
        error.status,
        error.title,
        error.detail,
        error.code,
        retryable=error.retryable,
        errors=errors,
        headers=headers,
        extra=extra,
    )


def internal_error() -> JSONResponse:
    """Return the problem for what nobody foresaw; it tells nothing about the inside."""
    return problem(500, "Something went wrong", INTERNAL, "internal", retryable=True)


def register(app: FastAPI) -> None:
    """Make `app` answer all errors with problem JSON."""

    @app.exception_handler(StudioError)
    async def _studio(_request: Request, error: StudioError) -> JSONResponse:
        return of_studio_error(error)

    @app.exception_handler(OperationalError)
    async def _database(_request: Request, _error: OperationalError) -> JSONResponse:
        logger.exception("The database did not do what it was asked")
        title = "The database does not answer"
        return problem(503, title, NO_DATABASE, "database", retryable=True)

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_field_error(one) for one in error.errors()]
        detail = errors[0].detail if len(errors) == 1 else "Some values are missing or not right."
        return problem(422, InvalidInput.title, detail, InvalidInput.code, errors=errors)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        detail = {
            404: "There is nothing at this address.",
            405: "This address does not take this method.",
        }.get(error.status_code, f"{phrase}.")
        code = phrase.lower().replace(" ", "_")
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, phrase, detail, code, headers=headers)


def _field_error(error: dict[str, Any]) -> FieldError:
    """Name the field as the client wrote it; the value itself is not repeated."""
    place = [str(part) for part in error["loc"] if part not in {"body", "query", "path"}]
    return FieldError(field=".".join(place) or "body", detail=f"{error['msg']}.")
