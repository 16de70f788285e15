"""Creating and editing a clone: faults beside the fields, drafts, moving to the next page."""

import pytest
from reflex_base.constants.state import FIELD_MARKER

from clone_studio.bootstrap import Services
from clone_studio.services.personas import PersonaInfo
from clone_studio.state.base import StudioState
from clone_studio.state.clone_form import CloneFormState
from clone_studio.state.shell import ShellState
from tests.state.harness import OPEN_PAGE, Harness, Tab


@pytest.fixture
def user_id(studio: Services, cookie: str) -> str:
    session = studio.auth.session_for(cookie)
    assert session is not None
    return session.user.id


@pytest.fixture
def ada(studio: Services, user_id: str) -> PersonaInfo:
    return studio.personas.create(
        user_id, {"name": "Ada", "purpose": "Engines", "retrieval": {"limit": 4}}
    )


@pytest.fixture
async def new(harness: Harness, cookie: str) -> Tab:
    tab = harness.tab("a tab", cookie=cookie, path="/clones/new")
    await tab.open()
    return tab


@pytest.fixture
async def edit(harness: Harness, cookie: str, ada: PersonaInfo) -> Tab:
    tab = harness.tab("a tab", cookie=cookie, path="/clones/ada")
    await tab.open()
    return tab


async def keep(tab: Tab, field: str, value: str) -> None:
    """Type in a field of the form that shows."""
    form_key = tab.value(CloneFormState, "form_key")
    await tab.send(CloneFormState.keep, field=field, value=value, form_key=form_key)


async def open_again(tab: Tab) -> None:
    """Load the page again in the same browser, whose storage holds the drafts."""
    name = f"{CloneFormState.get_full_name()}.drafts{FIELD_MARKER}"
    stored = tab.value(CloneFormState, "drafts")
    await tab.raw(OPEN_PAGE, {"vars": {name: stored}, "hashes": None})


async def test_a_name_makes_a_clone_and_leads_to_its_files(
    studio: Services, new: Tab, user_id: str
) -> None:
    form = {"name": "Grace Hopper", "letters": "", "hue": "3", "questions": "Who are you?\n"}
    await new.send(CloneFormState.save, form=form)
    made = studio.personas.get_for(user_id, "grace-hopper")
    assert made.avatar == "#3"
    assert tuple(made.example_questions) == ("Who are you?",)
    assert new.redirects == ["/files/grace-hopper"]
    assert new.value(ShellState, "selected_persona_id") == made.id
    (notice,) = new.value(StudioState, "notices")
    assert "Grace Hopper" in notice.text


async def test_a_second_click_makes_no_second_clone(
    studio: Services, new: Tab, user_id: str
) -> None:
    for _ in range(2):
        await new.send(CloneFormState.save, form={"name": "Grace"})
    assert [one.slug for one in studio.personas.list_for(user_id)] == ["grace"]
    await new.open()
    await new.send(CloneFormState.save, form={"name": "Grace"})
    assert len(studio.personas.list_for(user_id)) == 2


async def test_faults_are_said_beside_their_fields_and_nothing_is_lost(
    studio: Services, new: Tab, user_id: str
) -> None:
    await new.send(CloneFormState.save, form={"name": " ", "purpose": "x" * 400, "passages": "0"})
    assert set(new.value(CloneFormState, "errors")) == {"name", "purpose", "passages"}
    assert new.value(CloneFormState, "fields").purpose == "x" * 400
    assert studio.personas.list_for(user_id) == []
    await keep(new, field="name", value="Grace")
    assert set(new.value(CloneFormState, "errors")) == {"purpose", "passages"}
    await keep(new, field="purpose", value="x" * 350)
    assert "purpose" in new.value(CloneFormState, "errors")


async def test_editing_shows_what_is_stored(edit: Tab) -> None:
    fields = edit.value(CloneFormState, "fields")
    assert (fields.name, fields.slug, fields.purpose) == ("Ada", "ada", "Engines")
    assert fields.passages == "4"
    assert edit.value(CloneFormState, "editing") is True
    assert edit.value(CloneFormState, "dirty") is False


async def test_saving_changes_only_what_was_typed(
    studio: Services, edit: Tab, ada: PersonaInfo, user_id: str
) -> None:
    form = {"name": "Ada Lovelace", "consent_statement": "Long dead."}
    await edit.send(CloneFormState.save, form=form)
    saved = studio.personas.get_for(user_id, ada.id)
    assert (saved.name, saved.purpose, saved.slug) == ("Ada Lovelace", "Engines", "ada")
    assert saved.consent_at is not None
    assert edit.value(CloneFormState, "consent_date") != ""
    assert edit.value(ShellState, "clone").name == "Ada Lovelace"
    assert edit.redirects == []


async def test_a_new_address_takes_the_page_along(edit: Tab) -> None:
    await edit.send(CloneFormState.save, form={"slug": "ada-lovelace"})
    assert edit.redirects == ["/clones/ada-lovelace"]


async def test_a_taken_address_is_a_fault_of_its_field(
    studio: Services, edit: Tab, user_id: str
) -> None:
    studio.personas.create(user_id, {"name": "Grace"})
    await edit.send(CloneFormState.save, form={"slug": "grace"})
    assert set(edit.value(CloneFormState, "errors")) == {"slug"}


async def test_what_was_typed_survives_leaving_the_page(edit: Tab) -> None:
    await keep(edit, field="greeting", value="Good day.")
    assert edit.value(CloneFormState, "dirty") is True
    await open_again(edit)
    assert edit.value(CloneFormState, "fields").greeting == "Good day."
    assert edit.value(CloneFormState, "restored") is True
    await edit.send(CloneFormState.discard)
    assert edit.value(CloneFormState, "fields").greeting == ""
    await open_again(edit)
    assert edit.value(CloneFormState, "restored") is False


async def test_what_arrives_late_from_another_form_is_not_taken_for_this_one(
    studio: Services, edit: Tab, user_id: str
) -> None:
    studio.personas.create(user_id, {"name": "Grace"})
    late = {
        "field": "greeting",
        "value": "I am Ada.",
        "form_key": edit.value(CloneFormState, "form_key"),
    }
    await edit.open("/clones/grace")
    await edit.send(CloneFormState.keep, **late)
    assert edit.value(CloneFormState, "dirty") is False
    assert edit.value(CloneFormState, "fields").greeting == ""


async def test_a_saved_clone_leaves_no_draft_behind(new: Tab) -> None:
    await keep(new, field="name", value="Grace")
    await new.send(CloneFormState.save, form={"name": "Grace"})
    await keep(new, field="name", value="Grace")
    await open_again(new)
    assert new.value(CloneFormState, "fields").name == ""
    assert new.value(CloneFormState, "restored") is False


async def test_fields_that_do_not_exist_are_not_kept(new: Tab) -> None:
    await keep(new, field="user_id", value="somebody")
    await keep(new, field="__class__", value="x")
    assert new.value(CloneFormState, "dirty") is False


async def test_a_clone_that_is_not_there_says_so(harness: Harness, cookie: str) -> None:
    tab = harness.tab("a tab", cookie=cookie, path="/clones/nobody")
    await tab.open()
    assert tab.value(CloneFormState, "missing") is True
    assert tab.value(CloneFormState, "ready") is True


async def test_a_new_clone_begins_with_the_chosen_template(
    studio: Services, harness: Harness, cookie: str
) -> None:
    tab = harness.tab("t", cookie=cookie, path="/clones/new")
    await tab.open()
    assert tab.value(CloneFormState, "templates")[0].key == "default"
    form = {"name": "Rhymer", "template_name": "creative_writer"}
    await tab.send(CloneFormState.save, form=form)
    owner = studio.auth.ensure_owner()
    assert owner is not None
    made = studio.personas.get_for(owner.id, "rhymer")
    assert made.template_name == "creative_writer"
    assert "a writer" in studio.prompts.layers(made.id).system
    await tab.send(CloneFormState.save, form={"name": "Another", "template_name": "../etc"})
    assert len(studio.personas.list_for(owner.id)) == 1
