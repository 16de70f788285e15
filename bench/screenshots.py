"""Makes the pictures of the pages: `python -m bench.screenshots [--all FOLDER]`.

A studio of its own is served, filled through the real API, and photographed in a real browser.
Without an option the few pictures of the README are made anew in `docs/images`; with `--all`
every page in every width, light and dark, for a review.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench import sample
from bench.served import Served, browser_path, served, upload, wait_ready
from clone_studio import PROJECT_ROOT

IMAGES = PROJECT_ROOT / "docs" / "images"
SIZES = {1440: 900, 1280: 800, 820: 1100, 390: 844}
REVIEWED = (1440, 820, 390)
README_WIDTH = 1280
WIDEST_BYTES = 300_000
ANSWER_MS = 30_000

Scheme = Literal["light", "dark"]
Prepare = Callable[[Page], None]


@dataclass(frozen=True)
class Shot:
    """One page to photograph: its name, its path, and what to wait for or do before."""

    name: str
    path: str
    prepare: Prepare


@dataclass(frozen=True)
class Clones:
    """Slugs of what was made, and the file and the thread to show."""

    main: str
    guide: str
    file_id: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pictures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="studio screenshots")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page and width, there")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="studio-pictures-") as folder,
        served(Path(folder) / "data") as studio,
        sync_playwright() as driver,
    ):
        with studio.client() as client:
            clones = make_content(client)
        browser = driver.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        try:
            storage = _signed_in(browser, studio)
            if options.all:
                _everything(browser, studio, storage, clones, options.all)
            else:
                _readme(browser, studio, storage, clones)
        finally:
            browser.close()
    return 0


def make_content(client: httpx.Client) -> Clones:
    """Make two clones with documents through the API and wait until all of them are read."""
    main_clone = _create(client, sample.CLONE)
    files = [
        upload(client, main_clone["id"], name, text.encode())
        for name, text in sample.DOCUMENTS.items()
    ]
    second = _create(client, sample.SECOND)
    name, text = sample.SECOND_DOCUMENT
    upload(client, second["id"], name, text.encode())
    personas = client.get("/api/personas").json()["personas"]
    for persona in personas:
        for file in client.get(f"/api/personas/{persona['id']}/files").json()["files"]:
            wait_ready(client, persona["id"], file["id"], meaning=True)
    guide = next(persona for persona in personas if persona["isSample"])
    return Clones(main_clone["slug"], guide["slug"], files[0])


def _create(client: httpx.Client, fields: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/api/personas", json=fields)
    answer.raise_for_status()
    return dict(answer.json())


def shots(clones: Clones) -> list[Shot]:
    """Return every page that is photographed."""
    return [
        Shot("clones", "/clones", _settled("article.clone-card")),
        Shot("clone-new", "/clones/new", _settled("form.clone-form")),
        Shot("clone-edit", f"/clones/{clones.main}", _settled("form.clone-form")),
        Shot("files", f"/files/{clones.main}", _settled("table tbody tr")),
        Shot(
            "file",
            f"/files/{clones.main}?file={clones.file_id}",
            _settled(".viewer-passage"),
        ),
        Shot("chat-empty", f"/chat/{clones.main}/new", _settled("#question")),
        Shot("chat", f"/chat/{clones.main}/new", _asked(sample.QUESTION)),
        Shot("chat-guide", f"/chat/{clones.guide}/new", _asked(sample.GUIDE_QUESTION)),
        Shot("prompts", f"/prompts/{clones.main}", _settled(".version")),
        Shot("voice", f"/voice/{clones.main}", _settled(".voice-card")),
        Shot("settings", "/settings", _settled("#local-models .list-row")),
        Shot("health", "/health", _settled(".list-row")),
    ]


def _settled(selector: str) -> Prepare:
    def prepare(page: Page) -> None:
        page.locator(selector).first.wait_for()

    return prepare


def _asked(question: str) -> Prepare:
    """Ask in a new thread, wait for the answer, and open its first source."""

    def prepare(page: Page) -> None:
        field = page.locator("#question")
        field.fill(question)
        field.press("Enter")
        source = page.locator(".chat-sources button").first
        source.wait_for(timeout=ANSWER_MS)
        expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=ANSWER_MS)
        source.click()
        page.locator(".source-panel mark").wait_for()

    return prepare


def _signed_in(browser: Browser, studio: Served) -> dict[str, Any]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(studio.link())
    page.goto(f"{studio.base}/clones")
    page.locator("article.clone-card").first.wait_for()
    storage = dict(context.storage_state())
    context.close()
    return storage


def _readme(browser: Browser, studio: Served, storage: dict[str, Any], clones: Clones) -> None:
    """Make the pictures that the README shows."""
    by_name = {shot.name: shot for shot in shots(clones)}
    chosen = {name: name for name in ("clones", "files", "prompts", "voice")}
    chosen["chat"] = "chat-guide"
    IMAGES.mkdir(parents=True, exist_ok=True)
    with _page(browser, storage, README_WIDTH, "light") as page:
        for name, shot in chosen.items():
            target = IMAGES / f"{name}.png"
            _photograph(page, studio, by_name[shot], target)
            size = target.stat().st_size
            note = "  larger than wanted" if size > WIDEST_BYTES else ""
            sys.stdout.write(f"{target.relative_to(PROJECT_ROOT)}  {size / 1000:.0f} KB{note}\n")


def _everything(
    browser: Browser, studio: Served, storage: dict[str, Any], clones: Clones, folder: Path
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for width in REVIEWED:
        for scheme in schemes:
            with _page(browser, {}, width, scheme) as page:
                _photograph(
                    page,
                    studio,
                    Shot("login", "/login", _settled("form")),
                    folder / f"login-{width}-{scheme}.png",
                )
            with _page(browser, storage, width, scheme) as page:
                for shot in shots(clones):
                    target = folder / f"{shot.name}-{width}-{scheme}.png"
                    _photograph(page, studio, shot, target)
                    sys.stdout.write(f"{target}\n")


def _photograph(page: Page, studio: Served, shot: Shot, target: Path) -> None:
    page.goto(studio.base + shot.path)
    shot.prepare(page)
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    page.screenshot(path=target, animations="disabled", caret="hide")


@contextmanager
def _page(browser: Browser, storage: dict[str, Any], width: int, scheme: Scheme) -> Iterator[Page]:
    context = browser.new_context(
        storage_state=storage or None,
        viewport={"width": width, "height": SIZES[width]},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    try:
        yield context.new_page()
    finally:
        context.close()


if __name__ == "__main__":
    sys.exit(main())
