"""`/api/personas/{id}/files`: upload, list, read and delete documents."""

import asyncio
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from clone_studio.api.access import CurrentUser
from clone_studio.api.file_schema import (
    Chunk,
    Chunks,
    File,
    FileQuery,
    Files,
    FileStatus,
    Page,
    Pages,
    Uploaded,
)
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.schema import Problem, Success
from clone_studio.api.uploads import receive_upload
from clone_studio.bootstrap import services
from clone_studio.errors import NotFound
from clone_studio.services.files import FileInfo

# What a browser may show by itself; everything else is only downloaded, because an uploaded
# page or picture that runs script would run it with the studio's address.
INLINE_TYPES = frozenset({"application/pdf"})
UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        }
    },
}

router = APIRouter(prefix="/personas/{persona}/files", tags=["files"], responses=PROBLEM_RESPONSES)


@router.post(
    "",
    status_code=201,
    openapi_extra={"requestBody": UPLOAD_BODY},
    responses={409: {"model": Problem}, 413: {"model": Problem}, 415: {"model": Problem}},
)
async def upload(persona: str, user: CurrentUser, request: Request) -> Uploaded:
    """Take one document in the multipart field `file`; it is read in the background.

    The same content a second time is refused with 409 and `existingId`.
    """
    info = await receive_upload(request, user.id, persona)
    return Uploaded(id=info.id, status=info.state)


@router.get("")
async def list_files(
    persona: str,
    user: CurrentUser,
    wanted: Annotated[FileQuery, Query()],
) -> Files:
    """Return the clone's files, the newest first; `before` is the id of the last one seen."""
    page = await asyncio.to_thread(
        services().files.list_for,
        user.id,
        persona,
        query=wanted.query,
        state=wanted.status,
        limit=wanted.limit,
        before=wanted.before,
    )
    return Files(files=[File.of(one) for one in page.files], has_more=page.has_more)


@router.get("/{file}")
async def get_file(persona: str, file: str, user: CurrentUser) -> File:
    """Return one file."""
    return File.of(await asyncio.to_thread(_file, user.id, persona, file))


@router.get("/{file}/status")
async def file_status(persona: str, file: str, user: CurrentUser) -> FileStatus:
    """Return where a file's processing stands."""
    info = await asyncio.to_thread(_file, user.id, persona, file)
    return FileStatus(status=info.state, stage=info.stage, error=info.error)


@router.post("/{file}/retry")
async def retry_file(persona: str, file: str, user: CurrentUser) -> FileStatus:
    """Read a failed file again."""

    def act() -> FileInfo:
        services().files.retry(user.id, _file(user.id, persona, file).id)
        return _file(user.id, persona, file)

    info = await asyncio.to_thread(act)
    return FileStatus(status=info.state, stage=info.stage, error=info.error)


@router.post("/{file}/cancel")
async def cancel_file(persona: str, file: str, user: CurrentUser) -> FileStatus:
    """Stop the processing of a file."""

    def act() -> FileInfo:
        services().files.cancel(user.id, _file(user.id, persona, file).id)
        return _file(user.id, persona, file)

    info = await asyncio.to_thread(act)
    return FileStatus(status=info.state, stage=info.stage, error=info.error)


@router.delete("/{file}")
async def delete_file(persona: str, file: str, user: CurrentUser) -> Success:
    """Delete a file with its chunks and vectors."""

    def act() -> None:
        services().files.delete(user.id, _file(user.id, persona, file).id)

    await asyncio.to_thread(act)
    return Success()


@router.get("/{file}/chunks")
async def file_chunks(
    persona: str,
    file: str,
    user: CurrentUser,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Chunks:
    """Return passages of a file, in the order of the text."""

    def read() -> Chunks:
        info = _file(user.id, persona, file)
        found = services().files.chunks(user.id, info.id, limit=limit, offset=offset)
        return Chunks(
            chunks=[Chunk.model_validate(one) for one in found],
            has_more=offset + len(found) < info.chunk_count,
        )

    return await asyncio.to_thread(read)


@router.get("/{file}/pages")
async def file_pages(
    persona: str,
    file: str,
    user: CurrentUser,
    first: Annotated[int, Query(ge=1, le=10_000_000)] = 1,
    count: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Pages:
    """Return the text of `count` pages from page `first` on."""

    def read() -> Pages:
        info = _file(user.id, persona, file)
        found = services().files.pages(user.id, info.id, first=first, count=count)
        return Pages(pages=[Page.model_validate(one) for one in found])

    return await asyncio.to_thread(read)


@router.get("/{file}/content", response_class=FileResponse)
async def file_content(persona: str, file: str, user: CurrentUser) -> Response:
    """Return the document as it was uploaded."""

    def find() -> tuple[str, str, str]:
        info = _file(user.id, persona, file)
        path, media_type, name = services().files.content_path(user.id, info.id)
        return str(path), media_type, name

    path, media_type, name = await asyncio.to_thread(find)
    inline = media_type in INLINE_TYPES
    return FileResponse(
        path,
        media_type=media_type if inline else "application/octet-stream",
        headers={
            # The name is percent-encoded whole: a quote or line end in it cannot leave the value.
            "Content-Disposition": f"{'inline' if inline else 'attachment'}; "
            f"filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-cache",
        },
    )


def _file(user_id: str, persona: str, file_id: str) -> FileInfo:
    """Return the file, when it is in the clone that the address names."""
    clone = services().personas.get_for(user_id, persona)
    info = services().files.get_for(user_id, file_id)
    if info.persona_id != clone.id:
        raise NotFound("There is no such file in this clone. It may have been deleted.")
    return info
