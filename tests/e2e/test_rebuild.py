"""Another embedding model, chosen in Settings: seen on every page it concerns, and taken back."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.accessible import faults
from tests.e2e.conftest import Visits
from tests.e2e.pages import INGEST_MS, ask, file_row, finished_answer, new_clone, open_chat, upload
from tests.e2e.served import ServedStudio
from tests.servers.openai_server import Behaviour, OpenAIServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

MODEL = "text-embedding-3-small"
OLD = "all-MiniLM-L6-v2"
LAMPS = b"# Lamps\n\nThe keeper of the lamps winds their clockwork by hand at dusk."


@pytest.fixture(scope="module")
def choosing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    """A studio whose environment does not say what makes vectors."""
    folder = tmp_path_factory.mktemp("choosing")
    studio = ServedStudio(folder / "data", {"STUDIO_EMBEDDINGS": ""}).start()
    yield studio
    studio.stop()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A model server that is overloaded at first."""
    with OpenAIServer(Behaviour(mode="429")).running() as running:
        yield running


def panel(page: Page) -> Locator:
    """What Settings shows of the rebuild."""
    return page.get_by_role("region", name="Another embedding model is being built")


async def choose(page: Page, value: str) -> None:
    """Choose what search by meaning uses, and save."""
    models = page.locator("#models")
    await models.get_by_label("Search by meaning uses").select_option(value)
    await models.get_by_role("button", name="Save models").click()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (820, "dark"), (390, "light")])
async def test_a_rebuild_is_announced_shown_taken_back_and_mended(
    visits: Visits, choosing: ServedStudio, server: OpenAIServer, width: int, scheme: str
):
    server.behaviour = Behaviour(mode="429")
    look = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    async with visits.visit(choosing, **look) as page:
        slug = await new_clone(page, choosing, f"Keeper {width}")
        await page.goto(f"/files/{slug}")
        await upload(page, {"name": "lamps.md", "mimeType": "text/markdown", "buffer": LAMPS})
        await expect(file_row(page, "lamps.md")).to_contain_text("Ready", timeout=INGEST_MS)
        await expect(file_row(page, "lamps.md")).not_to_contain_text("by its words", timeout=60_000)
        await page.goto("/settings")
        await expect(page.locator("#models")).to_contain_text("embedded again in the background")
        await page.locator("#keys").get_by_label("Address").fill(server.address)
        await page.locator("#keys").get_by_role("button", name="Save connection").click()
        await expect(page.get_by_text("Saved. It holds")).to_be_visible()
        await choose(page, "openai")
        await expect(panel(page)).to_contain_text(f"Embedding again with {MODEL}")
        await expect(panel(page)).to_contain_text(f"{OLD} answers until then")
        assert await faults(page) == []
        across = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert across <= 0
        await page.goto(f"/files/{slug}")
        await expect(page.get_by_text(f"Until then {OLD} answers")).to_be_visible()
        await expect(file_row(page, "lamps.md")).not_to_contain_text("by its words")
        assert await faults(page) == []
        await open_chat(page, slug)
        await ask(page, "Who winds the clockwork?")
        await expect(await finished_answer(page)).to_contain_text("keeper of the lamps")
        await page.goto("/settings")
        await panel(page).get_by_role("button", name="Go back").click()
        await expect(panel(page)).to_be_hidden()
        await expect(page.locator("#models")).to_contain_text(f"Chosen: {OLD}")
        server.behaviour = Behaviour(mode="401")
        await choose(page, "openai")
        await expect(panel(page).get_by_role("alert")).to_contain_text("refused the key")
        await expect(page.locator("#health")).to_contain_text("It stands still")
        assert await faults(page) == []
        server.behaviour = Behaviour()
        await panel(page).get_by_role("button", name="Try again").click()
        await expect(panel(page)).to_be_hidden(timeout=60_000)
        await expect(page.get_by_text("uses one model again")).to_be_visible()
        await page.goto(f"/files/{slug}")
        await expect(file_row(page, "lamps.md")).to_contain_text("Ready")
        await expect(page.get_by_text("Until then")).to_be_hidden()
        await page.goto("/settings")
        await choose(page, "local")
        await expect(page.locator("#models")).to_contain_text(f"Chosen: {OLD}")
