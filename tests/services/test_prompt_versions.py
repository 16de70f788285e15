"""Saving, activating and restoring versions; drafts; templates; what other clones see of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import col, select

from clone_studio.bootstrap import Services
from clone_studio.errors import Conflict, InvalidInput, NotFound, TooLarge
from clone_studio.models import Activation, AuditEntry, PromptVersion
from clone_studio.providers.llm.quotes import QuotesModel
from clone_studio.services.prompt_rows import Saved
from clone_studio.settings import Settings
from tests.chat_world import OWNER, STRANGER, World, build_world

ABSENT = "0b54b2a0-1111-4222-8333-444455556666"


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    made = build_world(settings, QuotesModel())
    yield made
    made.services.database.dispose()


@pytest.fixture
def services(world: World) -> Services:
    return world.services


def save(services: Services, text: str, *, activate: bool = False, ref: str = "ben") -> Saved:
    """Save the system prompt of a clone."""
    return services.prompt_versions.save(OWNER, ref, "system", "main", text, activate=activate)


def in_force(services: Services, ref: str = "ben") -> str:
    persona = services.personas.get_for(OWNER, ref)
    return services.prompts.layers(persona.id).system


def test_saving_makes_a_version_that_answers_only_when_activated(services: Services) -> None:
    before = in_force(services)
    saved = services.prompt_versions.save(
        OWNER, "ben", "system", "main", "Be brief.\r\nBe kind.", "  Shorter\nnow "
    )
    version = saved.version
    assert (version.version, version.is_active, saved.previous) == (2, False, None)
    assert (version.content, version.commit_message) == ("Be brief.\nBe kind.", "Shorter now")
    assert version.author_id == OWNER
    assert in_force(services) == before
    assert saved.diff.splitlines()[:2] == ["--- v1", "+++ v2"]
    assert "+Be brief." in saved.diff
    done = services.prompt_versions.activate(OWNER, "ben", version.id)
    assert (done.version.version, done.previous and done.previous.version) == (2, 1)
    assert in_force(services) == "Be brief.\nBe kind."


def test_restoring_makes_a_new_version_that_says_so(services: Services) -> None:
    first = save(services, "One.", activate=True)
    save(services, "Two.", activate=True)
    restored = services.prompt_versions.restore(OWNER, "ben", first.version.id)
    assert restored.version.version == 4
    assert restored.version.commit_message == "Restored from v2."
    assert restored.version.restored_from == 2
    assert in_force(services) == "Two.", "activating stays a step of its own"
    services.prompt_versions.activate(OWNER, "ben", restored.version.id)
    assert in_force(services) == "One."


def test_words_alone_make_no_provenance(services: Services) -> None:
    said = services.prompt_versions.save(
        OWNER, "ben", "system", "main", "My own.", "Restored from v1."
    )
    assert said.version.restored_from is None


def test_twenty_saves_at_once_count_on_without_a_gap(services: Services) -> None:
    with ThreadPoolExecutor(20) as pool:
        saved = list(
            pool.map(lambda n: save(services, f"Text {n}.", activate=n % 2 == 0), range(20))
        )
    assert sorted(one.version.version for one in saved) == list(range(2, 22))
    page = services.prompt_versions.list_for(OWNER, "ben", "system", limit=100)
    assert [one.version for one in page.versions] == list(range(21, 0, -1))
    by_id = {one.id: one for one in page.versions}
    for one in page.versions[:-1]:
        assert by_id[one.parent_version_id or ""].version == one.version - 1
    assert sum(one.is_active for one in page.versions) == 1


def test_two_clones_prompts_never_mix(services: Services) -> None:
    services.personas.create(OWNER, {"name": "Ann"})
    mine = save(services, "I am Ben.", activate=True)
    save(services, "I am Ann.", activate=True, ref="ann")
    assert (in_force(services), in_force(services, "ann")) == ("I am Ben.", "I am Ann.")
    for act in (
        services.prompt_versions.activate,
        services.prompt_versions.restore,
        services.prompt_versions.get_for,
    ):
        with pytest.raises(NotFound):
            act(OWNER, "ann", mine.version.id)
    with pytest.raises(NotFound):
        services.prompt_drafts.keep(OWNER, "ann", "system", "main", "x", mine.version.id)
    layers = {layer: len(rows) for layer, rows in _numbers(services, "ann").items()}
    assert layers == {"system": 2, "rag": 1, "user": 1}


def _numbers(services: Services, ref: str) -> dict[str, list[int]]:
    return {
        layer: [
            one.version for one in services.prompt_versions.list_for(OWNER, ref, layer).versions
        ]
        for layer in ("system", "rag", "user")
    }


def test_a_stranger_reaches_nothing(services: Services) -> None:
    version = save(services, "Mine.").version
    calls = (
        lambda: services.prompt_versions.overview(STRANGER, "ben"),
        lambda: services.prompt_versions.list_for(STRANGER, version.persona_id, "system"),
        lambda: services.prompt_versions.get_for(STRANGER, version.persona_id, version.id),
        lambda: services.prompt_versions.save(STRANGER, "ben", "system", "main", "Theirs."),
        lambda: services.prompt_versions.activate(STRANGER, version.persona_id, version.id),
        lambda: services.prompt_versions.restore(STRANGER, version.persona_id, version.id),
        lambda: services.prompt_versions.apply_template(STRANGER, "ben", "default"),
        lambda: services.prompt_versions.good_for(STRANGER, "ben", "system"),
        lambda: services.prompt_drafts.keep(STRANGER, "ben", "system", "main", "Theirs."),
        lambda: services.prompt_drafts.get_for(STRANGER, "ben", "system"),
        lambda: services.prompt_drafts.discard(STRANGER, "ben", "system"),
        lambda: services.prompt_preview.preview(STRANGER, "ben"),
    )
    for call in calls:
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be empty"),
        ("One\n{{ nobody }}", 'Line 2: there is no variable "nobody"'),
        ("{% if %}", "Line 1"),
        ("a\x00b", "cannot be stored"),
    ],
)
def test_a_text_that_is_wrong_is_not_saved(services: Services, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        save(services, text)


def test_sizes_are_bounded(services: Services) -> None:
    with pytest.raises(TooLarge):
        save(services, "x" * 40_001)
    with pytest.raises(TooLarge):
        services.prompt_drafts.keep(OWNER, "ben", "system", "main", "x" * 40_001)
    with pytest.raises(InvalidInput, match="500"):
        services.prompt_versions.save(OWNER, "ben", "system", "main", "x", "m" * 501)


@pytest.mark.parametrize(("layer", "name"), [("memory", "main"), ("system", ""), ("rag", "A b")])
def test_a_place_that_is_none_looks_absent(services: Services, layer: str, name: str) -> None:
    with pytest.raises(NotFound):
        services.prompt_versions.list_for(OWNER, "ben", layer, name)


def test_what_somebody_saved_meanwhile_is_not_overwritten(services: Services) -> None:
    (first,) = services.prompt_versions.list_for(OWNER, "ben", "system").versions
    draft = services.prompt_drafts.keep(OWNER, "ben", "system", "main", "Mine.", first.id)
    assert draft and draft.overtaken_by is None
    save_other = services.prompt_versions.save(
        OWNER, "ben", "system", "main", "Theirs.", base_version_id=first.id
    )
    draft = services.prompt_drafts.keep(OWNER, "ben", "system", "main", "Mine too.", first.id)
    assert draft and draft.overtaken_by == save_other.version
    with pytest.raises(Conflict, match="Version 2 was saved"):
        services.prompt_versions.save(
            OWNER, "ben", "system", "main", "Mine too.", base_version_id=first.id
        )
    kept = services.prompt_drafts.get_for(OWNER, "ben", "system")
    assert kept and kept.content == "Mine too."
    save(services, "Mine too.")
    assert services.prompt_drafts.get_for(OWNER, "ben", "system") is None


def test_a_draft_equal_to_its_version_is_none(services: Services) -> None:
    drafts = services.prompt_drafts
    (first,) = services.prompt_versions.list_for(OWNER, "ben", "user").versions
    assert drafts.keep(OWNER, "ben", "user", "main", "Say: {{ question") is not None
    kept = drafts.get_for(OWNER, "ben", "user")
    assert kept and (kept.content, kept.base_version_id) == ("Say: {{ question", first.id)
    assert drafts.get_for(OWNER, "ben", "rag") is None
    assert drafts.keep(OWNER, "ben", "user", "main", first.content) is None
    assert drafts.get_for(OWNER, "ben", "user") is None
    drafts.keep(OWNER, "ben", "user", "main", "Other")
    drafts.discard(OWNER, "ben", "user")
    assert drafts.get_for(OWNER, "ben", "user") is None


def test_versions_are_listed_in_parts(services: Services) -> None:
    for number in range(2, 8):
        save(services, f"Text {number}.", activate=number == 3)
    versions = services.prompt_versions
    page = versions.list_for(OWNER, "ben", "system", limit=3)
    assert ([one.version for one in page.versions], page.has_more) == ([7, 6, 5], True)
    assert (page.active, page.newest) == (3, 7)
    for before in (page.versions[-1].id, 5):
        rest = versions.list_for(OWNER, "ben", "system", limit=10, before=before)
        assert ([one.version for one in rest.versions], rest.has_more) == ([4, 3, 2, 1], False)
    with pytest.raises(NotFound):
        versions.list_for(OWNER, "ben", "system", before=ABSENT)


def test_the_last_good_ones_are_those_that_were_in_force(services: Services) -> None:
    for number in range(2, 7):
        save(services, f"Text {number}.", activate=number != 5)
    good = services.prompt_versions.good_for(OWNER, "ben", "system")
    assert [one.version for one in good] == [4, 3, 2]
    services.prompt_versions.activate(OWNER, "ben", good[1].id)
    good = services.prompt_versions.good_for(OWNER, "ben", "system")
    assert [one.version for one in good] == [6, 4, 2]
    assert all(one.since for one in good)


def test_a_template_becomes_new_versions_in_force(services: Services) -> None:
    save(services, "Mine.", activate=True)
    overview = services.prompt_versions.apply_template(OWNER, "ben", "technical_expert")
    assert overview.template_name == "technical_expert"
    shipped = services.templates.get("technical_expert")
    for layer, (main,) in overview.layers.items():
        assert main.source == "version"
        assert main.content == shipped.layers[layer]
        assert main.version and main.version.template == "Technical expert, version 1"
        assert main.version.version == (3 if layer == "system" else 2)
    with pytest.raises(NotFound):
        services.prompt_versions.apply_template(OWNER, "ben", "../default")


def test_what_is_put_in_force_is_recorded(services: Services) -> None:
    version = save(services, "Mine.").version
    services.prompt_versions.activate(OWNER, "ben", version.id, "It is shorter.")
    services.prompt_versions.activate(OWNER, "ben", version.id, "Again.")
    with services.database.read() as session:
        rows = session.exec(
            select(Activation)
            .where(Activation.layer == "system")
            .order_by(col(Activation.created_at))
        ).all()
        first = session.exec(
            select(PromptVersion).where(PromptVersion.layer == "system", PromptVersion.version == 1)
        ).one()
        said = session.exec(
            select(AuditEntry.detail).where(AuditEntry.action == "prompt.activated")
        ).all()
    assert [(row.version_id, row.previous_version_id, row.reason) for row in rows] == [
        (first.id, None, ""),
        (version.id, first.id, "It is shorter."),
    ]
    assert said == ["system/main: version 2 instead of version 1."]


async def test_other_tabs_are_told(services: Services) -> None:
    persona = services.personas.get_for(OWNER, "ben")
    async with services.events.subscribe("prompts:") as events:
        save(services, "Mine.")
        async for topic, event in events:
            assert (topic, event) == (f"prompts:{persona.id}", {"type": "prompts_changed"})
            break


def test_a_clone_without_versions_says_what_answers(services: Services) -> None:
    with services.database.write() as session:
        for row in session.exec(select(PromptVersion)).all():
            session.delete(row)
    (main,) = services.prompt_versions.overview(OWNER, "ben").layers["system"]
    assert (main.source, main.version, main.newest) == ("template", None, 0)
    assert main.content == services.templates.get("default").layers["system"]
    assert save(services, "First.").version.parent_version_id is None
