"""The documentation says what the program does: checked where a program can check it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from clone_studio import PROJECT_ROOT
from clone_studio.api.app import api_app
from clone_studio.settings import Settings

DOCS = PROJECT_ROOT / "docs"
PAGES = sorted([*PROJECT_ROOT.glob("*.md"), *DOCS.rglob("*.md")])
SETTINGS = sorted(str(field.alias) for field in Settings.model_fields.values())
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def _name(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


def _anchors(page: Path) -> set[str]:
    """The anchors that a Markdown viewer makes of the headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("setting", SETTINGS)
def test_setting_is_explained(setting: str) -> None:
    settings_page = (DOCS / "settings.md").read_text(encoding="utf-8")

    section = re.search(rf"^### {setting}\n(.+?)(?=^##|\Z)", settings_page, re.M | re.S)

    assert section, f"{setting} has no heading in docs/settings.md"
    assert "Default:" in section[1]
    assert f"Example: `{setting}=" in section[1]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(text):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            broken.append(link)

    assert not broken


def test_named_commands_exist() -> None:
    launcher = PROJECT_ROOT / "studio"
    shown = subprocess.run(
        [sys.executable, str(launcher), "--help"], capture_output=True, text=True, check=True
    ).stdout
    named = {
        command
        for page in PAGES
        for command in re.findall(r"\./studio ([a-z]+)", page.read_text(encoding="utf-8"))
    }

    assert {"up", "test", "link"} <= named
    assert not [command for command in named if not re.search(rf"^  {command} ", shown, re.M)]


def test_guide_pages_are_made_of_answers() -> None:
    for page in (DOCS / "guide").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        sections = re.split(r"^## ", text, flags=re.M)

        assert text.startswith("# "), _name(page)
        assert len(sections) > 3, _name(page)
        for section in sections[1:]:
            heading, _, body = section.partition("\n")
            assert body.strip(), f"{_name(page)}: {heading} has no text"
            assert len(body) < 3000, f"{_name(page)}: {heading} is too long to be cited"


def test_every_route_is_described() -> None:
    paths = api_app().openapi()["paths"]
    routes = {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs}
    described = re.findall(
        r"^### ((?:GET|POST|PUT|PATCH|DELETE) \S+)$",
        (DOCS / "API.md").read_text(encoding="utf-8"),
        re.M,
    )

    assert {_unnamed(route) for route in routes} == {_unnamed(route) for route in described}


def _unnamed(route: str) -> str:
    """The route with its parameters reduced to braces: their names are the code's affair."""
    return re.sub(r"\{\w+\}", "{}", route)
