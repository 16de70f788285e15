"""The Prompts page's handlers: drafts, versions, what is in force, and whose prompts they are."""

import pytest

from clone_studio.bootstrap import Services
from clone_studio.models import User
from clone_studio.services.prompts import MAIN
from clone_studio.state.prompts import PromptsState
from clone_studio.state.shell import ShellState
from tests.conftest import OWNER_PASSWORD
from tests.state.harness import Harness, Tab

TEXT = "You are {{ persona.name }}. You answer in rhymes."


@pytest.fixture
def owner_id(studio: Services, cookie: str) -> str:
    owner = studio.auth.ensure_owner()
    assert owner is not None
    studio.personas.create(owner.id, {"name": "Ben"})
    return owner.id


@pytest.fixture
async def tab(harness: Harness, cookie: str, owner_id: str) -> Tab:
    opened = harness.tab("a tab", cookie=cookie, path="/prompts/ben")
    await opened.open()
    return opened


def shown(tab: Tab, var: str):
    return tab.value(PromptsState, var)


def tabs(tab: Tab) -> list[tuple[str, str, bool]]:
    return [(one.key, one.in_force, one.has_draft) for one in shown(tab, "tabs")]


async def save(tab: Tab, text: str = TEXT, message: str = "Rhymes", *, activate: bool) -> None:
    await tab.send(PromptsState.save, text=text, message=message, activate=activate)


async def type_in(tab: Tab, text: str) -> None:
    await tab.send(PromptsState.typed, text=text, form_key=shown(tab, "form_key"))


async def test_it_opens_with_what_answers(tab: Tab) -> None:
    assert tabs(tab) == [("system", "v1", False), ("rag", "v1", False), ("user", "v1", False)]
    assert "persona.name" in shown(tab, "text")
    (first,) = shown(tab, "versions")
    assert (first.title, first.is_active, first.badge) == ("v1", True, "from a template")
    assert {one.key for one in shown(tab, "templates")} == {
        "default",
        "technical_expert",
        "creative_writer",
    }
    assert tab.value(ShellState, "prompts_href") == "/prompts/ben"


async def test_saving_makes_a_version_and_activating_is_a_step_of_its_own(
    tab: Tab, studio: Services, owner_id: str
) -> None:
    persona = studio.personas.get_for(owner_id, "ben")
    before = studio.prompts.layers(persona.id).system
    await save(tab, activate=False)
    assert studio.prompts.layers(persona.id).system == before
    assert tabs(tab)[0] == ("system", "v1", False)
    assert (shown(tab, "text"), shown(tab, "versions")[0].message) == (TEXT, "Rhymes")
    assert "v2 was saved last; v1 answers" in shown(tab, "behind")
    await tab.send(PromptsState.activate, version_id=shown(tab, "versions")[0].key)
    assert studio.prompts.layers(persona.id).system == TEXT
    assert tabs(tab)[0] == ("system", "v2", False)
    assert [one.title for one in shown(tab, "good")] == ["v1"]
    await tab.send(PromptsState.restore, version_id=shown(tab, "versions")[1].key)
    assert studio.prompts.layers(persona.id).system == before
    assert shown(tab, "versions")[0].badge == "restored from v1"
    assert tabs(tab)[0] == ("system", "v3", False)


async def test_what_is_typed_survives_a_reload_and_a_change_of_tab(
    tab: Tab, harness: Harness, cookie: str
) -> None:
    await type_in(tab, "Half a {{ thought")
    assert "Line 1" in shown(tab, "check").problems[0]
    assert tabs(tab)[0] == ("system", "v1", True)
    # Typed a moment before another tab was chosen: the click brings it along.
    await tab.send(PromptsState.choose, layer="rag", text="Half a {{ thought, and more")
    assert shown(tab, "layer") == "rag"
    assert "passages" in shown(tab, "text")
    again = harness.tab("again", cookie=cookie, path="/prompts/ben")
    await again.open()
    assert shown(again, "text") == "Half a {{ thought, and more"
    assert "Not saved" in shown(again, "draft_words")
    await again.send(PromptsState.discard)
    assert "persona.name" in shown(again, "text")
    assert tabs(again)[0] == ("system", "v1", False)


async def test_what_arrives_late_stays_where_it_was_typed(
    tab: Tab, studio: Services, owner_id: str
) -> None:
    studio.personas.create(owner_id, {"name": "Ann"})
    typed = {"text": TEXT, "form_key": shown(tab, "form_key")}
    await tab.send(PromptsState.choose, layer="rag", text=TEXT)
    await tab.send(PromptsState.typed, **typed)
    assert [one.has_draft for one in shown(tab, "tabs")] == [True, False, False]
    assert "passages" in shown(tab, "text")
    await tab.send(PromptsState.choose, layer="system", text=shown(tab, "text"))
    typed["form_key"] = shown(tab, "form_key")
    await tab.send(PromptsState.discard)
    await tab.send(PromptsState.typed, **typed)
    assert [one.has_draft for one in shown(tab, "tabs")] == [False, False, False]
    await tab.open("/prompts/ann")
    await tab.send(PromptsState.typed, **typed)
    assert [one.has_draft for one in shown(tab, "tabs")] == [False, False, False]
    assert studio.prompt_drafts.get_for(owner_id, "ann", "system") is None
    kept = studio.prompt_drafts.get_for(owner_id, "ben", "system")
    assert kept is not None and kept.content == TEXT
    for odd in ("", "/", "nobody/system/1", "ben/memory/1"):
        await tab.send(PromptsState.typed, text="Odd.", form_key=odd)
    assert "Odd." not in tab.received
    assert studio.prompt_drafts.get_for(owner_id, "ben", "rag") is None


async def test_a_second_click_saves_no_second_version(tab: Tab) -> None:
    await save(tab, activate=False)
    await save(tab, activate=False)
    assert [one.title for one in shown(tab, "versions")] == ["v2", "v1"]
    # With nothing changed there is still the wish to have it in force.
    await save(tab, activate=True)
    assert tabs(tab)[0] == ("system", "v2", False)
    assert [one.title for one in shown(tab, "versions")] == ["v2", "v1"]


async def test_a_wrong_text_is_not_saved_and_not_lost(tab: Tab) -> None:
    await save(tab, "{{ secret }}", activate=True)
    assert "secret" in shown(tab, "save_problem")
    assert len(shown(tab, "versions")) == 1
    await save(tab, "x" * 50_000, activate=False)
    assert "more characters than 40,000" in shown(tab, "save_problem")
    await save(tab, message="m" * 600, activate=False)
    assert "500 characters" in shown(tab, "save_problem")


async def test_two_who_write_at_once_lose_nothing(
    tab: Tab, studio: Services, owner_id: str
) -> None:
    await type_in(tab, TEXT)
    studio.prompt_versions.save(owner_id, "ben", "system", MAIN, "Theirs: {{ persona.name }}")
    # Their saving ended this user's draft; what is in the editor is kept again as it is typed.
    await save(tab, activate=True)
    assert "was saved after you began" in shown(tab, "save_problem")
    assert shown(tab, "conflict") is True
    await tab.send(PromptsState.save_anyway, text=TEXT, message="Mine")
    assert [one.title for one in shown(tab, "versions")] == ["v3", "v2", "v1"]
    assert shown(tab, "conflict") is False


async def test_a_version_is_shown_against_what_answers(tab: Tab) -> None:
    await save(tab, activate=True)
    await tab.send(PromptsState.show, version_id=shown(tab, "versions")[1].key)
    kinds = {one.kind for one in shown(tab, "shown_lines")}
    assert kinds >= {"added", "removed"}
    assert shown(tab, "shown_against") == "Against v2, which answers now"
    await tab.send(PromptsState.hide)
    assert shown(tab, "shown").key == ""
    await tab.send(PromptsState.render, text=TEXT)
    system, rag, user = shown(tab, "preview")
    assert system.text.startswith("You are Ben.")
    assert (rag.problem, user.problem) == ("", "")


async def test_many_versions_come_in_pages(tab: Tab, studio: Services, owner_id: str) -> None:
    for number in range(45):
        text = f"Number {number}: {{{{ persona.name }}}}"
        studio.prompt_versions.save(owner_id, "ben", "system", MAIN, text)
    await tab.open()
    assert len(shown(tab, "versions")) == 20
    await tab.send(PromptsState.more)
    await tab.send(PromptsState.more)
    assert [len(shown(tab, "versions")), shown(tab, "has_more")] == [46, False]


async def test_a_template_takes_the_place_of_all_layers(tab: Tab) -> None:
    await tab.send(PromptsState.ask_template, name="technical_expert")
    assert shown(tab, "asking").title == "Technical expert"
    await tab.send(PromptsState.apply_template)
    assert [one[1] for one in tabs(tab)] == ["v2", "v2", "v2"]
    await tab.send(PromptsState.ask_template, name="../etc")
    await tab.send(PromptsState.apply_template)
    assert [one[1] for one in tabs(tab)] == ["v2", "v2", "v2"]


async def test_somebody_elses_prompts_are_not_there(
    studio: Services, harness: Harness, tab: Tab
) -> None:
    with studio.database.write() as session:
        session.add(User(id="eve", email="eve@example.org"))
    studio.auth.set_password("eve", "", OWNER_PASSWORD, keep_session_id="")
    cookie = studio.auth.sign_in("eve@example.org", OWNER_PASSWORD, "test").token
    other = harness.tab("of eve", cookie=cookie, path="/prompts/ben")
    await other.open()
    assert shown(other, "missing") is True
    version = shown(tab, "versions")[0].key
    await other.send(PromptsState.activate, version_id=version)
    await other.send(PromptsState.show, version_id=version)
    await other.send(PromptsState.save, text=TEXT, message="", activate=True)
    assert "rhymes" not in other.received
    assert shown(other, "versions") == []
