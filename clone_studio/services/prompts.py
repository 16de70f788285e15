"""The three prompt layers of a clone: which text is in force, and what it says for a question."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from clone_studio.db import Database
from clone_studio.models import Activation, Persona, PromptVersion
from clone_studio.services import prompt_language
from clone_studio.services.prompt_rows import template_message
from clone_studio.services.templates import LAYERS, TemplateCatalog

MAIN = "main"


@dataclass(frozen=True)
class Layers:
    """The texts in force; `versions` says of each layer `v3`, `template` or `default`."""

    system: str
    rag: str
    user: str
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rendered:
    """The three layers with their variables filled in."""

    system: str
    rag: str
    user: str


class PromptService:
    """Resolves and renders prompt layers.

    Args:
        database: Where versions are.
        templates: What a clone without versions falls back to.
    """

    def __init__(self, database: Database, templates: TemplateCatalog) -> None:
        self._database = database
        self._templates = templates

    def layers(self, persona_id: str) -> Layers:
        """Return the layers in force: active version, else the clone's template, else default."""
        with self._database.read() as session:
            active = {
                version.layer: version
                for version in session.exec(
                    select(PromptVersion).where(
                        PromptVersion.persona_id == persona_id,
                        PromptVersion.name == MAIN,
                        col(PromptVersion.is_active),
                    )
                )
            }
            persona = session.get(Persona, persona_id) if len(active) < len(LAYERS) else None
        template = self._templates.get_or_default(persona.template_name if persona else "")
        known_template = persona is not None and template.name == persona.template_name
        source = "template" if known_template else "default"
        texts = {
            layer: active[layer].content if layer in active else template.layers[layer]
            for layer in LAYERS
        }
        versions = {
            layer: f"v{active[layer].version}" if layer in active else source for layer in LAYERS
        }
        return Layers(**texts, versions=versions)

    def render(self, layers: Layers, variables: Mapping[str, Any]) -> Rendered:
        """Fill in the variables of all three layers; bounded in time and size.

        Args:
            layers: The texts.
            variables: All of `prompt_language.VARIABLES`.

        Raises:
            InvalidInput: A layer that is wrong, with the layer and the line.
        """
        return Rendered(
            system=prompt_language.render(layers.system, variables),
            rag=prompt_language.render(layers.rag, variables),
            user=prompt_language.render(layers.user, variables),
        )

    def start_from(
        self, session: Session, persona_id: str, template_name: str, author_id: str | None
    ) -> None:
        """Write version 1 of each layer from a template, active, in the caller's transaction.

        Raises:
            NotFound: There is no such template.
        """
        template = self._templates.get(template_name)
        message = template_message(template)
        versions = [
            PromptVersion(
                persona_id=persona_id,
                layer=layer,
                version=1,
                content=template.layers[layer],
                is_active=True,
                author_id=author_id,
                commit_message=message,
            )
            for layer in LAYERS
        ]
        session.add_all(versions)
        session.flush()
        for one in versions:
            session.add(
                Activation(
                    persona_id=persona_id, layer=one.layer, version_id=one.id, user_id=author_id
                )
            )
