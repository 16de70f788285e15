"""`/api/health`: whether the studio and its parts are well."""

from fastapi import APIRouter, Response

from clone_studio import __version__
from clone_studio.api.schema import HealthAnswer, PartHealth
from clone_studio.bootstrap import services

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(response: Response) -> HealthAnswer:
    """Return the state of the studio; 503 when it cannot serve. Open to everybody."""
    report = await services().health.report()
    if report.status == "down":
        response.status_code = 503
    return HealthAnswer(
        status=report.status,
        version=__version__,
        parts=[PartHealth.model_validate(part) for part in report.parts],
    )
