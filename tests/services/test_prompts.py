"""Which prompt text is in force for a clone."""

from collections.abc import Iterator

import pytest

from clone_studio.errors import NotFound
from clone_studio.models import Persona, PromptVersion
from clone_studio.providers.llm.quotes import QuotesModel
from clone_studio.services.templates import LAYERS, TemplateCatalog
from clone_studio.settings import Settings
from tests.chat_world import OWNER, World, build_world


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    made = build_world(settings, QuotesModel())
    yield made
    made.services.database.dispose()


def test_a_new_clone_has_version_one_of_each_layer(world: World) -> None:
    layers = world.services.prompts.layers(world.persona.id)
    shipped = TemplateCatalog().get("default").layers
    assert dict(layers.versions) == dict.fromkeys(LAYERS, "v1")
    assert (layers.system, layers.rag, layers.user) == tuple(shipped[name] for name in LAYERS)


def test_the_active_version_counts_then_the_template_then_the_default(world: World) -> None:
    with world.services.database.write() as session:
        bare = Persona(id="bare", user_id=OWNER, slug="bare", name="Bare")
        gone = Persona(id="gone", user_id=OWNER, slug="gone", name="G", template_name="no_more")
        session.add_all([bare, gone])
        session.flush()
        session.add(
            PromptVersion(persona_id="bare", layer="rag", version=4, content="Mine", is_active=True)
        )
        session.add(PromptVersion(persona_id="bare", layer="user", version=1, content="Unused"))
    bare_layers = world.services.prompts.layers("bare")
    assert bare_layers.rag == "Mine"
    assert bare_layers.user == TemplateCatalog().get("default").layers["user"]
    assert dict(bare_layers.versions) == {"system": "template", "rag": "v4", "user": "template"}
    gone_layers = world.services.prompts.layers("gone")
    assert dict(gone_layers.versions) == dict.fromkeys(LAYERS, "default")
    assert gone_layers.system


def test_templates_are_found_by_name_only() -> None:
    catalog = TemplateCatalog()
    assert [one.name for one in catalog.list()] == [
        "default",
        "creative_writer",
        "technical_expert",
    ]
    for wrong in ("../default", "", "nonsense"):
        with pytest.raises(NotFound):
            catalog.get(wrong)


def test_a_clone_cannot_begin_with_a_template_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        world.services.personas.create(OWNER, {"name": "New", "template_name": "nonsense"})
