"""The JSON shapes of prompts, their versions and drafts, and of templates."""

from datetime import datetime

from pydantic import Field

from clone_studio.api.schema import Shape
from clone_studio.services.prompt_rows import (
    Activated,
    DraftInfo,
    InForce,
    PromptsOverview,
    Saved,
    VersionPage,
)

NAME_CHARS = 80


class PromptVersion(Shape):
    """One immutable text; `restoredFrom` is the number of the version whose text it is."""

    id: str
    layer: str
    name: str
    version: int
    content: str
    is_active: bool
    author: str
    commit_message: str
    parent_version_id: str | None
    created_at: datetime
    template: str
    restored_from: int | None


class PromptVersions(Shape):
    """Versions of one prompt, newest first; `activeVersion` is the number in force."""

    versions: list[PromptVersion]
    active_version: int | None
    newest_version: int
    has_more: bool

    @classmethod
    def of(cls, page: VersionPage) -> "PromptVersions":
        """Return the shape of `page`."""
        return cls(
            versions=[PromptVersion.model_validate(one) for one in page.versions],
            active_version=page.active,
            newest_version=page.newest,
            has_more=page.has_more,
        )


class Prompt(Shape):
    """The text of a prompt that is in force: a version's, else a template's.

    `source` is `version`, `template` or `default`; without a version `id` is null and
    `version` 0.
    """

    id: str | None
    layer: str
    name: str
    version: int
    content: str
    is_active: bool
    source: str
    template: str
    author: str
    commit_message: str
    parent_version_id: str | None
    created_at: datetime | None
    newest_version: int

    @classmethod
    def of(cls, one: InForce) -> "Prompt":
        """Return the shape of what is in force."""
        version = one.version
        return cls(
            id=version.id if version else None,
            layer=one.layer,
            name=one.name,
            version=version.version if version else 0,
            content=one.content,
            is_active=version is not None,
            source=one.source,
            template=version.template if version else one.template,
            author=version.author if version else "",
            commit_message=version.commit_message if version else "",
            parent_version_id=version.parent_version_id if version else None,
            created_at=version.created_at if version else None,
            newest_version=one.newest,
        )


class Prompts(Shape):
    """What is in force in each layer, by layer."""

    prompts: dict[str, list[Prompt]]

    @classmethod
    def of(cls, overview: PromptsOverview) -> "Prompts":
        """Return the shape of `overview`."""
        return cls(prompts=_by_layer(overview))


class AppliedTemplate(Prompts):
    """What is in force after a template was applied."""

    success: bool = True

    @classmethod
    def of(cls, overview: PromptsOverview) -> "AppliedTemplate":
        """Return the shape of `overview`."""
        return cls(prompts=_by_layer(overview))


def _by_layer(overview: PromptsOverview) -> dict[str, list[Prompt]]:
    return {layer: [Prompt.of(one) for one in rows] for layer, rows in overview.layers.items()}


class VersionQuery(Shape):
    """Which versions to list; `before` is the id or the number of the last one seen."""

    limit: int = Field(20, ge=1, le=100)
    before: str | None = Field(None, max_length=64)


class NewVersion(Shape):
    """A text to save. With `baseVersionId` it is refused when a newer version is there."""

    content: str
    commit_message: str = ""
    activate: bool = False
    base_version_id: str | None = Field(None, max_length=64)


class SavedVersion(Shape):
    """The new version, and what it changed against its parent as a unified diff."""

    version: PromptVersion
    diff: str
    previous_active: int | None

    @classmethod
    def of(cls, saved: Saved) -> "SavedVersion":
        """Return the shape of `saved`."""
        return cls(
            version=PromptVersion.model_validate(saved.version),
            diff=saved.diff,
            previous_active=saved.previous.version if saved.previous else None,
        )


class Activation(Shape):
    """Why a version is put in force."""

    reason: str = ""


class ActivatedVersion(Shape):
    """What is in force now; `previousActive` is the number of the version before, or null."""

    success: bool = True
    previous_active: int | None
    previous_active_id: str | None
    version: PromptVersion

    @classmethod
    def of(cls, done: Activated) -> "ActivatedVersion":
        """Return the shape of `done`."""
        return cls(
            previous_active=done.previous.version if done.previous else None,
            previous_active_id=done.previous.id if done.previous else None,
            version=PromptVersion.model_validate(done.version),
        )


class Restoring(Shape):
    """Whether the restored text is put in force at once."""

    activate: bool = False


class NewDraft(Shape):
    """What was typed and not saved, and the version it began from."""

    content: str
    base_version_id: str | None = Field(None, max_length=64)


class Draft(Shape):
    """The caller's draft; `overtakenBy` is the number of a version saved since it began."""

    content: str
    base_version_id: str | None
    updated_at: datetime
    overtaken_by: int | None

    @classmethod
    def of(cls, info: DraftInfo) -> "Draft":
        """Return the shape of `info`."""
        return cls(
            content=info.content,
            base_version_id=info.base_version_id,
            updated_at=info.updated_at,
            overtaken_by=info.overtaken_by.version if info.overtaken_by else None,
        )


class DraftAnswer(Shape):
    """The caller's draft, null without one."""

    draft: Draft | None

    @classmethod
    def of(cls, info: DraftInfo | None) -> "DraftAnswer":
        """Return the shape of `info`."""
        return cls(draft=Draft.of(info) if info else None)


class ToCheck(Shape):
    """A text of a layer to be checked."""

    content: str
    layer: str = Field("system", max_length=10)


class PromptFault(Shape):
    """What is wrong at a line, counted from 1."""

    line: int
    text: str


class CheckedText(Shape):
    """What is wrong with a text, what is doubtful, and how long it is; `tokens` is estimated."""

    problems: list[PromptFault]
    warnings: list[str]
    lines: int
    tokens: int


class ToPreview(Shape):
    """Unsaved texts by layer; a layer left out has the caller's draft, else what is in force."""

    system: str | None = None
    rag: str | None = None
    user: str | None = None


class PreviewedLayer(Shape):
    """A rendered layer, or the problem that kept it from being rendered."""

    layer: str
    text: str
    tokens: int
    source: str
    problem: str


class Preview(Shape):
    """The prompt for a sample question, with that many of the clone's own passages."""

    question: str
    passages: int
    layers: list[PreviewedLayer]


class TemplateChoice(Shape):
    """The template to apply."""

    template_name: str = Field(max_length=80)


class Template(Shape):
    """A template that ships with the studio; `layers` maps system, rag and user to their text."""

    name: str
    title: str
    description: str
    version: str
    layers: dict[str, str]


class Templates(Shape):
    """All templates, the default one first."""

    templates: list[Template]
