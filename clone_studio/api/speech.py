"""`/api/speech` and `/api/personas/{id}/voice/stream`: a clone's answers and texts as audio."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from clone_studio.api.access import CurrentUser
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.schema import Problem
from clone_studio.api.speech_schema import Clip, SpeechText
from clone_studio.bootstrap import services
from clone_studio.services.speaking import clip as clips

MEDIA_TYPE = "audio/mpeg"
HEADERS = {
    # Audio is kept by the studio, for a while, and by nobody else.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
AUDIO = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")

router = APIRouter(tags=["speech"], responses=PROBLEM_RESPONSES)


@router.get(
    "/speech/{clip}",
    response_class=StreamingResponse,
    responses={**AUDIO, 206: AUDIO[200], 416: {"model": Problem}},
)
async def hear(
    clip: str,
    user: CurrentUser,
    request: Request,
    start: Annotated[int, Query(alias="from", ge=0, le=10**12)] = 0,
    download: bool = False,
) -> Response:
    """Return an answer as audio: `clip` is the message's id.

    The audio is sent while it is made, for an answer that is still being written too. Where it
    broke off, `from` goes on behind the bytes that were heard. Byte ranges are answered once it
    is whole.
    """
    found = await services().speech.open(user.id, clip)
    await found.has_audio()
    headers = dict(HEADERS)
    if download:
        headers["Content-Disposition"] = 'attachment; filename="speech.mp3"'
    if found.state != "ready":
        return StreamingResponse(found.read(start), media_type=MEDIA_TYPE, headers=headers)
    return _ranged(found, request.headers.get("range", ""), start, headers)


@router.get("/speech/{clip}/status")
async def speech_status(clip: str, user: CurrentUser) -> Clip:
    """Return how a clip stands: what ended it, or who speaks instead of whom."""
    return Clip.model_validate(await services().speech.status(user.id, clip))


@router.post(
    "/personas/{persona}/voice/stream", response_class=StreamingResponse, responses={**AUDIO}
)
async def speak(persona: str, body: SpeechText, user: CurrentUser) -> StreamingResponse:
    """Speak a text, or an answer by `messageId`, with the clone's voice."""
    speech = services().speech
    clip_id = body.message_id or await speech.clip_of_text(
        user.id, persona, body.text, body.voice_id or None
    )
    found = await speech.open(user.id, clip_id, persona if body.message_id else None)
    await found.has_audio()
    return StreamingResponse(found.read(), media_type=MEDIA_TYPE, headers=HEADERS)


def _ranged(found: clips.Clip, wanted: str, start: int, headers: dict[str, str]) -> Response:
    """Return a whole clip, or the bytes of it that the client asks for (RFC 9110, section 14)."""
    total = len(found.audio)
    status: Literal[200, 206] = 200
    end = total
    headers["Accept-Ranges"] = "bytes"
    if match := _RANGE.fullmatch(wanted):
        start, status = int(match[1]), 206
        end = min(total, int(match[2]) + 1) if match[2] else total
        if start >= end:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{total}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
    headers["Content-Length"] = str(max(0, end - start))
    return StreamingResponse(
        found.read(start, end), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )
