import shutil
from collections.abc import Sequence

from clone_studio.bootstrap import Services
from clone_studio.errors import ModelMissing
from clone_studio.providers.embeddings.protocol import Vectors
from clone_studio.services.health import CHECK_SECONDS, Health, HealthService, Part


class Meaning:
    """An embedding model that can be missing."""

    model = "stand-in"
    dimension = 2
    missing = False
    checks = 0

    def embed_query(self, text: str) -> Vectors:
        raise AssertionError(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError(texts)

    def check(self) -> str:
        self.checks += 1
        if self.missing:
            raise ModelMissing("The model has not been fetched.")
        return "It works."


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def part(health: Health, name: str) -> Part:
    return next(one for one in health.parts if one.name == name)


def service(studio: Services, meaning: Meaning, clock: Clock) -> HealthService:
    return HealthService(
        studio.settings, studio.database, llm=studio.llm, embedder=meaning, clock=clock
    )


def test_all_is_well(studio: Services) -> None:
    health = service(studio, Meaning(), Clock()).report()
    assert health.status == "ok"
    assert {one.status for one in health.parts} == {"ok"}
    assert "quotes" in part(health, "language model").detail


def test_a_missing_model_is_said_with_its_repair_and_checked_again_later(
    studio: Services,
) -> None:
    meaning, clock = Meaning(), Clock()
    meaning.missing = True
    health = service(studio, meaning, clock)
    found = part(health.report(), "embedding model")
    assert (found.status, health.report().status) == ("degraded", "degraded")
    assert "has not been fetched" in found.detail
    assert "./studio models install" in found.fix
    meaning.missing = False
    assert part(health.report(), "embedding model").status == "degraded"
    assert meaning.checks == 1
    clock.now += CHECK_SECONDS
    assert health.report().status == "ok"


def test_a_lost_database_and_disk_are_down(studio: Services, tmp_path) -> None:
    gone = studio.settings.model_copy(update={"data_dir": tmp_path / "gone"})
    studio.database.dispose()
    shutil.rmtree(studio.settings.data_dir)
    health = HealthService(
        gone, studio.database, llm=studio.llm, embedder=Meaning(), clock=Clock()
    ).report()
    assert health.status == "down"
    assert part(health, "database").status == "down"
    assert part(health, "disk").status == "down"
    assert all(one.fix for one in health.parts if one.status == "down")
