"""`/api/personas/{id}/prompts` and `/api/templates`: versions, drafts, what is in force."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from clone_studio.api.access import CurrentUser
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.prompt_schema import (
    ActivatedVersion,
    Activation,
    AppliedTemplate,
    CheckedText,
    DraftAnswer,
    NewDraft,
    NewVersion,
    Preview,
    Prompts,
    PromptVersions,
    Restoring,
    SavedVersion,
    Template,
    TemplateChoice,
    Templates,
    ToCheck,
    ToPreview,
    VersionQuery,
)
from clone_studio.api.schema import Success
from clone_studio.bootstrap import services
from clone_studio.services.prompt_check import checked
from clone_studio.services.prompt_texts import checked_place
from clone_studio.services.prompts import MAIN

router = APIRouter(tags=["prompts"], responses=PROBLEM_RESPONSES)
PROMPTS = "/personas/{persona}/prompts"
ONE = PROMPTS + "/{layer}/{name}"


@router.get("/templates")
async def list_templates(_user: CurrentUser) -> Templates:
    """Return the templates a clone can begin with."""
    found = await asyncio.to_thread(services().templates.list)
    return Templates(templates=[Template.model_validate(one) for one in found])


@router.get(PROMPTS)
async def get_prompts(persona: str, user: CurrentUser) -> Prompts:
    """Return what is in force in each layer."""
    found = await asyncio.to_thread(services().prompt_versions.overview, user.id, persona)
    return Prompts.of(found)


@router.post(f"{PROMPTS}/from-template")
async def apply_template(persona: str, body: TemplateChoice, user: CurrentUser) -> AppliedTemplate:
    """Save a template's texts as new versions of all layers and put them in force."""
    found = await asyncio.to_thread(
        services().prompt_versions.apply_template, user.id, persona, body.template_name
    )
    return AppliedTemplate.of(found)


@router.post(f"{PROMPTS}/check")
async def check_prompt(persona: str, body: ToCheck, user: CurrentUser) -> CheckedText:
    """Check a text without saving it."""

    def check() -> CheckedText:
        services().personas.get_for(user.id, persona)
        layer, _ = checked_place(body.layer, MAIN)
        return CheckedText.model_validate(checked(layer, body.content))

    return await asyncio.to_thread(check)


@router.post(f"{PROMPTS}/preview")
async def preview_prompt(persona: str, body: ToPreview, user: CurrentUser) -> Preview:
    """Render the whole prompt with the clone's own values, unsaved texts included."""
    found = await asyncio.to_thread(
        services().prompt_preview.preview, user.id, persona, body.model_dump(exclude_none=True)
    )
    return Preview.model_validate(found)


@router.get(f"{ONE}/versions")
async def list_versions(
    persona: str,
    layer: str,
    name: str,
    user: CurrentUser,
    wanted: Annotated[VersionQuery, Query()],
) -> PromptVersions:
    """Return the versions of one prompt, newest first."""
    found = await asyncio.to_thread(
        services().prompt_versions.list_for,
        user.id,
        persona,
        layer,
        name,
        wanted.limit,
        wanted.before,
    )
    return PromptVersions.of(found)


@router.post(f"{ONE}/versions", status_code=201)
async def save_version(
    persona: str, layer: str, name: str, body: NewVersion, user: CurrentUser
) -> SavedVersion:
    """Save a text as the next version; it answers when it is activated."""

    def save() -> SavedVersion:
        return SavedVersion.of(
            services().prompt_versions.save(
                user.id,
                persona,
                layer,
                name,
                body.content,
                body.commit_message,
                activate=body.activate,
                base_version_id=body.base_version_id,
            )
        )

    return await asyncio.to_thread(save)


@router.put(f"{PROMPTS}/{{version}}/activate")
async def activate_version(
    persona: str, version: str, user: CurrentUser, body: Activation | None = None
) -> ActivatedVersion:
    """Put a version in force."""
    reason = body.reason if body else ""
    done = await asyncio.to_thread(
        services().prompt_versions.activate, user.id, persona, version, reason
    )
    return ActivatedVersion.of(done)


@router.post(f"{PROMPTS}/{{version}}/restore", status_code=201)
async def restore_version(
    persona: str, version: str, user: CurrentUser, body: Restoring | None = None
) -> SavedVersion:
    """Save the text of an earlier version as a new one."""

    def restore() -> SavedVersion:
        activate = body is not None and body.activate
        return SavedVersion.of(
            services().prompt_versions.restore(user.id, persona, version, activate=activate)
        )

    return await asyncio.to_thread(restore)


@router.get(f"{ONE}/draft")
async def get_draft(persona: str, layer: str, name: str, user: CurrentUser) -> DraftAnswer:
    """Return what the caller has typed and not saved."""
    found = await asyncio.to_thread(services().prompt_drafts.get_for, user.id, persona, layer, name)
    return DraftAnswer.of(found)


@router.put(f"{ONE}/draft")
async def keep_draft(
    persona: str, layer: str, name: str, body: NewDraft, user: CurrentUser
) -> DraftAnswer:
    """Keep what the caller has typed."""
    found = await asyncio.to_thread(
        services().prompt_drafts.keep,
        user.id,
        persona,
        layer,
        name,
        body.content,
        body.base_version_id,
    )
    return DraftAnswer.of(found)


@router.delete(f"{ONE}/draft")
async def discard_draft(persona: str, layer: str, name: str, user: CurrentUser) -> Success:
    """Throw the caller's draft away."""
    await asyncio.to_thread(services().prompt_drafts.discard, user.id, persona, layer, name)
    return Success()
