"""`/api/personas`: clones. A slug is accepted wherever an id is."""

import asyncio
from typing import Any

from fastapi import APIRouter

from clone_studio.api.access import CurrentUser
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.schema import (
    Deleted,
    NewPersona,
    Persona,
    PersonaChanges,
    Personas,
    PersonaSettings,
    SettingsAnswer,
)
from clone_studio.bootstrap import services

router = APIRouter(prefix="/personas", tags=["personas"], responses=PROBLEM_RESPONSES)


@router.get("")
async def list_personas(user: CurrentUser) -> Personas:
    """Return all clones, the one used last first."""
    found = await asyncio.to_thread(services().personas.list_for, user.id)
    return Personas(personas=[Persona.model_validate(one) for one in found])


@router.post("", status_code=201)
async def create_persona(body: NewPersona, user: CurrentUser) -> Persona:
    """Make a clone; only its name is needed."""
    made = await asyncio.to_thread(services().personas.create, user.id, body.given())
    return Persona.model_validate(made)


@router.get("/{persona}")
async def get_persona(persona: str, user: CurrentUser) -> Persona:
    """Return a clone."""
    found = await asyncio.to_thread(services().personas.get_for, user.id, persona)
    return Persona.model_validate(found)


@router.patch("/{persona}")
async def update_persona(persona: str, body: PersonaChanges, user: CurrentUser) -> Persona:
    """Change the fields that the body holds."""
    changed = await asyncio.to_thread(services().personas.update, user.id, persona, body.given())
    return Persona.model_validate(changed)


@router.delete("/{persona}")
async def delete_persona(persona: str, user: CurrentUser) -> Deleted:
    """Delete a clone with its files, chunks, vectors and threads; says what it deleted."""
    deleted = await asyncio.to_thread(services().personas.delete, user.id, persona)
    return Deleted.model_validate(deleted)


@router.post("/{persona}/duplicate", status_code=201)
async def duplicate_persona(persona: str, user: CurrentUser) -> Persona:
    """Make a copy of a clone with its settings, prompts and files."""
    made = await asyncio.to_thread(services().personas.duplicate, user.id, persona)
    return Persona.model_validate(made)


@router.put("/{persona}/settings")
async def change_settings(persona: str, body: PersonaSettings, user: CurrentUser) -> SettingsAnswer:
    """Change how a clone answers; what is left out stays."""
    given = body.model_dump(exclude_none=True)
    changes: dict[str, Any] = {
        ("model" if field == "default_model" else field): value for field, value in given.items()
    }
    changed = await asyncio.to_thread(services().personas.update, user.id, persona, changes)
    return SettingsAnswer(
        settings=PersonaSettings(
            voice_id=changed.voice_id,
            default_model=changed.model,
            temperature=changed.temperature,
            max_tokens=changed.max_tokens,
        )
    )
