"""The health page, and what Settings shows of it."""

from clone_studio.bootstrap import Services
from clone_studio.models import Job
from clone_studio.state.health import HealthState
from clone_studio.state.shell import ShellState
from tests.state.harness import Harness


async def test_every_part_says_how_it_is(harness: Harness, cookie: str) -> None:
    for path in ("/health", "/settings"):
        tab = harness.tab(f"tab of {path}", cookie=cookie, path=path)
        await tab.open()
        parts = {row.key: row for row in tab.value(HealthState, "parts")}
        assert parts["database"].words == "Works"
        assert all(row.detail for row in parts.values())
        assert all(row.fix for row in parts.values() if row.tone != "success")
        assert tab.value(HealthState, "tones")["jobs"] == "success"


async def test_checking_again_shows_what_has_changed(
    studio: Services, harness: Harness, cookie: str
) -> None:
    tab = harness.tab("a tab", cookie=cookie, path="/health")
    await tab.open()
    with studio.database.write() as session:
        session.add(Job(kind="ingest", subject_id="1", state="failed"))
    await tab.send(HealthState.check_again)
    parts = {row.key: row for row in tab.value(HealthState, "parts")}
    assert (parts["jobs"].words, parts["jobs"].tone) == ("Reduced", "warning")
    assert "attention" in tab.value(HealthState, "words")
    assert tab.value(HealthState, "tone") == "warning"
    assert tab.value(HealthState, "checking") is False


async def test_the_page_is_remembered_as_one_of_the_studio(harness: Harness, cookie: str) -> None:
    tab = harness.tab("a tab", cookie=cookie, path="/health")
    await tab.open()
    assert tab.value(ShellState, "last_page") == "/health"
