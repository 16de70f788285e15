"""A key entered in Settings: tested, saved, used at once, shown nowhere, removed again."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from clone_studio.providers.model_catalogue import EMBEDDING
from tests.e2e.conftest import Visits
from tests.e2e.pages import ask, finished_answer, new_clone, open_chat
from tests.e2e.served import MODELS, ServedStudio
from tests.servers.openai_server import OpenAIServer

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

KEY = "sk-e2e-entered-in-the-page-0123456789-wxyz"


@pytest.fixture(scope="module")
def open_choice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudio]:
    """A studio whose environment says nothing about who answers, and without a language model."""
    folder = tmp_path_factory.mktemp("choice")
    models = folder / "models"
    models.mkdir()
    (models / EMBEDDING.name).symlink_to(MODELS / EMBEDDING.name)
    given = {"STUDIO_LLM": "", "STUDIO_MODELS_DIR": str(models)}
    studio = ServedStudio(folder / "data", given).start()
    yield studio
    studio.stop()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server of one's own: what it was asked, this studio has asked."""
    with OpenAIServer().running() as running:
        yield running


async def connect(page: Page, address: str) -> None:
    """Type key and address, test them, and save."""
    keys = page.locator("#keys")
    await keys.get_by_label("Key", exact=True).fill(KEY)
    await keys.get_by_label("Address").fill(address)
    await keys.get_by_role("button", name="Test").click()
    await expect(keys.get_by_text("answers and offers 3 models")).to_be_visible()
    await expect(keys.get_by_label("Key", exact=True)).to_have_value(KEY)
    await keys.get_by_role("button", name="Save connection").click()
    await expect(keys.get_by_text("sk-…wxyz")).to_be_visible()


async def test_a_key_is_tested_used_at_once_and_removed(
    visits: Visits, open_choice: ServedStudio, server: OpenAIServer
):
    async with visits.visit(open_choice) as page:
        slug = await new_clone(page, open_choice, "Benjamin")
        await page.goto("/settings")
        await connect(page, server.address)
        assert KEY not in await page.content()
        await open_chat(page, slug)
        await ask(page, "What do you practise?")
        await expect(await finished_answer(page)).to_contain_text("thirteen virtues")
        assert server.chats()
        assert {one.headers["authorization"] for one in server.requests} == {f"Bearer {KEY}"}
        await page.goto("/settings")
        keys = page.locator("#keys")
        await keys.get_by_role("button", name="Remove the key").click()
        await expect(keys.get_by_label("Key", exact=True)).to_be_visible()
        await keys.get_by_label("Address").fill("")
        await keys.get_by_role("button", name="Save connection").click()
        await expect(page.locator("#models")).to_contain_text("Quotes only")
        await open_chat(page, slug)
        await expect(page.get_by_text("Quoting mode")).to_be_visible()
    assert KEY not in "".join(open_choice.log)


async def test_a_wrong_address_says_why_and_loses_nothing(
    visits: Visits, open_choice: ServedStudio, unused_tcp_port: int
):
    async with visits.visit(open_choice) as page:
        await page.goto("/settings")
        keys = page.locator("#keys")
        await keys.get_by_label("Key", exact=True).fill(KEY)
        await keys.get_by_label("Address").fill("localhost/v1")
        await keys.get_by_role("button", name="Save connection").click()
        await expect(keys.get_by_role("alert")).to_contain_text("begins with http")
        await expect(keys.get_by_label("Key", exact=True)).to_have_value(KEY)
        await keys.get_by_label("Address").fill(f"http://127.0.0.1:{unused_tcp_port}/v1")
        await keys.get_by_role("button", name="Test").click()
        await expect(keys.get_by_role("status")).to_contain_text("cannot be reached")
        await expect(keys.get_by_label("Key", exact=True)).to_have_value(KEY)
        await page.get_by_role("link", name="Open Health").click()
        await page.get_by_role("button", name="Check again").click()
        await expect(page.get_by_text("The database answers")).to_be_visible()
