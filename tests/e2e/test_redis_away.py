"""Redis is killed and started again under a studio that is in use: pages and API go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import Visits
from tests.e2e.pages import answers, ask, finished_answer, new_clone, open_chat, running
from tests.e2e.served import ServedStudio
from tests.postgres import PostgresServer
from tests.servers.openai_server import Behaviour, OpenAIServer
from tests.servers.redis_server import RedisProcess

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

LONG = " ".join(f"word{number}" for number in range(80)) + " finis"


@pytest.fixture
def settings_of_model(model_server: OpenAIServer, redis_process: RedisProcess) -> dict[str, str]:
    return {
        "STUDIO_LLM": "openai",
        "OPENAI_BASE_URL": model_server.address,
        "OPENAI_API_KEY": "sk-test",
        "REDIS_URL": redis_process.url,
    }


@pytest.fixture
def studio(
    tmp_path: Path, settings_of_model: dict[str, str], model_server: OpenAIServer
) -> Iterator[ServedStudio]:
    """One process with Redis as cache and bus."""
    started = ServedStudio(tmp_path / "data", settings_of_model).start()
    yield started
    started.stop()
    model_server.behaviour = Behaviour()


@pytest.fixture
def two_processes(
    tmp_path: Path,
    settings_of_model: dict[str, str],
    model_server: OpenAIServer,
    postgres: PostgresServer,
) -> Iterator[ServedStudio]:
    """Two web processes on one port, with the state of open pages in Redis."""
    shared = {"STUDIO_WORKERS": "2", "DATABASE_URL": postgres.new_database()}
    started = ServedStudio(tmp_path / "data", settings_of_model | shared).start()
    yield started
    started.stop()
    model_server.behaviour = Behaviour()


async def cache_part(page: Page) -> str:
    health = await (await page.request.get("/api/health")).json()
    return next(str(one["status"]) for one in health["parts"] if one["name"] == "cache")


async def test_one_process_answers_through_it_all(
    visits: Visits, studio: ServedStudio, model_server: OpenAIServer, redis_process: RedisProcess
):
    async with visits.visit(studio) as page:
        slug = await new_clone(page, studio, "Robin")
        await open_chat(page, slug)
        assert await cache_part(page) == "ok"
        model_server.behaviour = Behaviour(text=LONG, delay=0.03)
        await ask(page, "Tell me something long.")
        await expect(running(page)).to_contain_text("word9")
        redis_process.kill()
        await expect(await finished_answer(page)).to_contain_text("finis")
        model_server.behaviour = Behaviour(text="Without Redis, too.")
        await ask(page, "And now?")
        await expect(await finished_answer(page, 2)).to_contain_text("Without Redis, too.")
        assert (await page.request.get("/api/personas")).ok
        redis_process.start()
        model_server.behaviour = Behaviour(text="And with it again.")
        await ask(page, "And again?")
        await expect(await finished_answer(page, 3)).to_contain_text("And with it again.")
        await expect(answers(page)).to_have_count(3)


async def test_two_processes_go_on_when_it_is_back(
    visits: Visits,
    two_processes: ServedStudio,
    model_server: OpenAIServer,
    redis_process: RedisProcess,
):
    async with visits.visit(two_processes) as page:
        slug = await new_clone(page, two_processes, "Wren")
        await open_chat(page, slug)
        model_server.behaviour = Behaviour(text=LONG, delay=0.1)
        await ask(page, "Tell me something long.")
        await expect(running(page)).to_contain_text("word9")
        redis_process.kill()
        assert (await page.request.get("/api/personas")).ok
        redis_process.start()
        model_server.behaviour = Behaviour(text="And with it again.")
        # Redis has forgotten the page; it opens anew by itself, and nothing was lost.
        await page.reload()
        await expect(await finished_answer(page)).to_contain_text("finis")
        await ask(page, "And again?")
        await expect(await finished_answer(page, 2)).to_contain_text("And with it again.")
