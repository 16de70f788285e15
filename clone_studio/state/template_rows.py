"""What the pages show of templates."""

from collections.abc import Iterable
from dataclasses import dataclass

from clone_studio.services.templates import Template


@dataclass(frozen=True)
class TemplateRow:
    """A template that a clone can begin with, or change to."""

    key: str = ""
    title: str = ""
    description: str = ""


def template_rows(found: Iterable[Template]) -> list[TemplateRow]:
    """Return the rows of templates, in the order given."""
    return [TemplateRow(one.name, one.title, one.description) for one in found]
