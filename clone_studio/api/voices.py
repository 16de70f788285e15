"""`/api/voices` and `/api/personas/{id}/voice/usage`: what can be chosen, and what was spoken."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from clone_studio.api.access import CurrentUser
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.speech import AUDIO, HEADERS, MEDIA_TYPE
from clone_studio.api.speech_schema import Sample, Usage, Voice, VoiceQuery, Voices
from clone_studio.bootstrap import services
from clone_studio.services.speech import sample_of
from clone_studio.services.voices import matching

router = APIRouter(tags=["speech"], responses=PROBLEM_RESPONSES)


@router.get("/voices")
async def list_voices(_user: CurrentUser, wanted: Annotated[VoiceQuery, Query()]) -> Voices:
    """Return the voices of the engine in use, by name."""
    found = matching(await services().voices.listing(), wanted.search, wanted.group)
    return Voices(voices=[Voice.model_validate(one) for one in found])


@router.post("/voices/preview", response_class=StreamingResponse, responses={**AUDIO})
async def preview_voice(body: Sample, user: CurrentUser) -> StreamingResponse:
    """Return a few seconds of a voice: its usual sample, or a short text."""
    speech = services().speech
    clip_id = (
        speech.clip_of_sample(user.id, body.voice_id, body.sample_text)
        if body.sample_text.strip()
        else sample_of(body.voice_id)
    )
    found = await speech.open(user.id, clip_id)
    await found.has_audio()
    return StreamingResponse(found.read(), media_type=MEDIA_TYPE, headers=HEADERS)


@router.get("/personas/{persona}/voice/usage")
async def voice_usage(persona: str, user: CurrentUser) -> Usage:
    """Return what a clone has spoken, and what the account at the engine has left."""
    found = await services().voices.usage(user.id, persona)
    allowance = found.allowance
    return Usage(
        characters_used=found.spoken.month,
        characters_today=found.spoken.today,
        characters_remaining=max(0, allowance.limit - allowance.used) if allowance else None,
        reset_date=allowance.resets_at if allowance else None,
    )
