"""`/api/settings`: what the owner enters in the studio. Secrets go in and never come out."""

import asyncio

from fastapi import APIRouter

from clone_studio.api.access import CurrentUser
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.settings_schema import (
    EmbeddingState,
    ServiceTest,
    ServiceTested,
    SettingChanges,
    StudioSetting,
    StudioSettings,
)
from clone_studio.bootstrap import services
from clone_studio.errors import ProviderError

router = APIRouter(prefix="/settings", tags=["settings"], responses=PROBLEM_RESPONSES)


@router.get("")
async def get_studio_settings(user: CurrentUser) -> StudioSettings:
    """Return the settings that can be entered in the studio, secrets masked. Owner only."""
    found = await asyncio.to_thread(services().stored.list_for, user.id)
    return StudioSettings(settings=[StudioSetting.model_validate(one) for one in found])


@router.put("")
async def change_studio_settings(body: SettingChanges, user: CurrentUser) -> StudioSettings:
    """Store settings, all or none; they hold at once. Owner only."""
    await services().connections.change(user.id, body.settings)
    return await get_studio_settings(user)


@router.post("/test")
async def test_service(body: ServiceTest, user: CurrentUser) -> ServiceTested:
    """Try a service, with the given values on top of those in force; stores nothing. Owner only."""
    try:
        detail = await services().connections.test(user.id, body.service, body.settings)
    except ProviderError as error:
        return ServiceTested(works=False, detail=error.detail)
    return ServiceTested(works=True, detail=detail)


@router.get("/embedding")
async def get_embedding_state(user: CurrentUser) -> EmbeddingState:
    """Return which embedding model is chosen, and how far it is built. Owner only."""
    studio = services()
    status = await asyncio.to_thread(studio.rebuilding.status_for, user.id)
    cost = await asyncio.to_thread(studio.rebuilding.cost)
    return EmbeddingState.of(studio.embedder.model, status, cost)


@router.post("/embedding/retry")
async def retry_embedding(user: CurrentUser) -> EmbeddingState:
    """Go on with building an embedding model that stands still. Owner only."""
    await asyncio.to_thread(services().rebuilding.try_again, user.id)
    return await get_embedding_state(user)


@router.post("/embedding/back")
async def go_back_to_the_old_embedding(user: CurrentUser) -> EmbeddingState:
    """Choose the old embedding model again, while another one is built. Owner only."""
    await services().rebuilding.go_back(user.id)
    return await get_embedding_state(user)
