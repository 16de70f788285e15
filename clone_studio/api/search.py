"""`/api/personas/{id}/search`: what the clone's knowledge holds for a question."""

import asyncio

from fastapi import APIRouter

from clone_studio.api.access import CurrentUser
from clone_studio.api.problems import PROBLEM_RESPONSES
from clone_studio.api.schema import SearchQuery, SearchResult, SearchResults
from clone_studio.bootstrap import services
from clone_studio.services.spans import SpanRecorder

router = APIRouter(prefix="/personas/{persona}", tags=["search"], responses=PROBLEM_RESPONSES)


@router.post("/search")
async def search(persona: str, body: SearchQuery, user: CurrentUser) -> SearchResults:
    """Return the passages that an answer to the question would be given, best first."""

    def find() -> SearchResults:
        studio = services()
        clone = studio.personas.get_for(user.id, persona)
        passages = studio.knowledge.retrieve(
            clone.id, body.query, limit=body.k, spans=SpanRecorder()
        )
        return SearchResults(results=[SearchResult.model_validate(one) for one in passages])

    return await asyncio.to_thread(find)
