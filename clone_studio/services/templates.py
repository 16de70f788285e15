"""Prompt templates that ship with the studio: a folder with three layers and a description."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clone_studio import PROJECT_ROOT
from clone_studio.errors import NotFound

LAYERS = ("system", "rag", "user")
DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9_]{1,80}")


@dataclass(frozen=True)
class Template:
    """One template; `layers` maps system, rag and user to their text."""

    name: str
    title: str
    description: str
    version: str
    layers: dict[str, str]


class TemplateCatalog:
    """The templates in a folder, read once.

    Args:
        folder: Holds one folder a template.
    """

    def __init__(self, folder: Path = PROJECT_ROOT / "prompts" / "templates") -> None:
        self._folder = folder

    def list(self) -> tuple[Template, ...]:
        """Return every template, the default one first."""
        return tuple(
            sorted(self._templates.values(), key=lambda one: (one.name != DEFAULT, one.title))
        )

    def get(self, name: str) -> Template:
        """Return the template called `name`.

        Raises:
            NotFound: There is none.
        """
        found = self._templates.get(name)
        if found is None:
            raise NotFound("There is no such prompt template.")
        return found

    def get_or_default(self, name: str) -> Template:
        """Return the template called `name`, or the default one where it is gone."""
        return self._templates.get(name) or self._templates[DEFAULT]

    @cached_property
    def _templates(self) -> dict[str, Template]:
        folders = (one for one in self._folder.iterdir() if one.is_dir())
        return {one.name: _read(one) for one in folders if _NAME.fullmatch(one.name)}


def _read(folder: Path) -> Template:
    about = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    return Template(
        name=folder.name,
        title=about["title"],
        description=about["description"],
        version=about["version"],
        layers={layer: (folder / f"{layer}.txt").read_text(encoding="utf-8") for layer in LAYERS},
    )
