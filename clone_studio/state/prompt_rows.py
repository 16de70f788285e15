"""What the Prompts page shows of versions, differences and previews."""

from dataclasses import dataclass

from clone_studio.services.prompt_check import Checked
from clone_studio.services.prompt_preview import LayerPreview
from clone_studio.services.prompt_rows import InForce, VersionInfo
from clone_studio.state.clone_rows import ago, exactly

LAYER_TITLES = {"system": "System", "rag": "RAG", "user": "User"}
LAYER_NOTES = {
    "system": "Who the clone is and how it speaks. Sent with every question.",
    "rag": "How the clone uses the passages that were found in its files.",
    "user": "How the question is put to the model.",
}
VARIABLES = {
    "system": "{{ persona.name }}, {{ persona.purpose }}, {{ persona.description }}, "
    "{{ language }}, {{ today }}, {{ no_answer }}",
    "rag": "{{ passages }} with number, file, page, heading and text; {{ no_answer }}",
    "user": "{{ question }}, {{ history }} with role and content, {{ language }}",
}
SOURCES = {"template": "from the template", "default": "the studio's default"}


@dataclass(frozen=True)
class TabRow:
    """One layer: its title, what is in force in it, and whether something typed is unsaved."""

    key: str = ""
    title: str = ""
    in_force: str = ""
    has_draft: bool = False


@dataclass(frozen=True)
class VersionRow:
    """One line of the history."""

    key: str = ""
    title: str = ""
    message: str = ""
    who: str = ""
    moment: str = ""
    exact: str = ""
    badge: str = ""
    is_active: bool = False


@dataclass(frozen=True)
class LineRow:
    """One line of a difference; `kind` is added, removed, same or gap."""

    kind: str = "same"
    text: str = ""


@dataclass(frozen=True)
class PreviewRow:
    """One rendered layer, or why it cannot be rendered."""

    key: str = ""
    title: str = ""
    text: str = ""
    meta: str = ""
    problem: str = ""


@dataclass(frozen=True)
class CheckRow:
    """How the typed text stands: its size, what keeps it from being saved, what is doubtful."""

    size: str = ""
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def tab_row(one: InForce, *, has_draft: bool) -> TabRow:
    """Return the tab of a layer."""
    in_force = f"v{one.version.version}" if one.version else SOURCES.get(one.source, one.source)
    return TabRow(one.layer, LAYER_TITLES[one.layer], in_force, has_draft)


def version_row(info: VersionInfo) -> VersionRow:
    """Return the history's line of a version."""
    badge = ""
    if info.restored_from is not None:
        badge = f"restored from v{info.restored_from}"
    elif info.template:
        badge = "from a template"
    return VersionRow(
        key=info.id,
        title=f"v{info.version}",
        message=info.commit_message or "No message",
        who=info.author or "Somebody who is gone",
        moment=ago(info.created_at),
        exact=exactly(info.created_at),
        badge=badge,
        is_active=info.is_active,
    )


def check_row(found: Checked) -> CheckRow:
    """Return how a typed text stands."""
    lines = f"{found.lines:,} line{'' if found.lines == 1 else 's'}"
    return CheckRow(
        size=f"{lines}, about {found.tokens:,} tokens",
        problems=tuple(f"Line {one.line}: {one.text}" for one in found.problems),
        warnings=found.warnings,
    )


def line_rows(diff: str) -> list[LineRow]:
    """Return the lines of a unified diff, without its head."""
    rows: list[LineRow] = []
    for line in diff.splitlines()[2:]:
        if line.startswith("@@"):
            if rows:
                rows.append(LineRow("gap", "…"))
            continue
        kind = {"+": "added", "-": "removed"}.get(line[:1], "same")
        rows.append(LineRow(kind, line[1:]))
    return rows


def preview_row(one: LayerPreview) -> PreviewRow:
    """Return the preview of one layer."""
    source = {"draft": "what you typed", **SOURCES}.get(one.source, one.source)
    return PreviewRow(
        key=one.layer,
        title=LAYER_TITLES[one.layer],
        text=one.text,
        meta=f"{source}, about {one.tokens:,} tokens",
        problem=one.problem,
    )
