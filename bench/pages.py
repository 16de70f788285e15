"""How long a page takes to be usable in a real browser, and what travels for it."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from bench.served import Served


@dataclass(frozen=True)
class Load:
    """One page load: seconds until usable, requests made, bytes received."""

    seconds: float
    requests: int
    received: int


def sign_in(browser: Browser, studio: Served, ready: str) -> dict[str, Any]:
    """Sign in by the printed link and return the browser's storage, cookie included.

    Args:
        browser: A browser.
        studio: The studio to sign in to.
        ready: Selector of what the page shows once it is usable.
    """
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(studio.link())
        page.goto(f"{studio.base}/clones")
        page.locator(ready).first.wait_for()
        return dict(context.storage_state())
    finally:
        context.close()


def loads(
    browser: Browser, storage: dict[str, Any], url: str, ready: str, rounds: int
) -> tuple[Load, Load]:
    """Return the median load of `url` in a new profile, and in one that was there before."""
    new: list[Load] = []
    warm: list[Load] = []
    for _ in range(rounds):
        context = browser.new_context(storage_state=storage)
        try:
            new.append(load(context, url, ready))
            warm.append(load(context, url, ready))
        finally:
            context.close()
    return _middle(new), _middle(warm)


def load(context: BrowserContext, url: str, ready: str) -> Load:
    """Load `url` in a new tab and measure until `ready` is visible."""
    page = context.new_page()
    count = _count(context, page)
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator(ready).first.wait_for()
    seconds = time.perf_counter() - began
    # What still travels now belongs to the page as well.
    page.wait_for_load_state("networkidle")
    page.close()
    return Load(seconds, count["requests"], count["received"])


def _count(context: BrowserContext, page: Page) -> dict[str, int]:
    """Count what the tab asks for from now on; what its cache answers counts as nothing."""
    count = {"requests": 0, "received": 0}
    session = context.new_cdp_session(page)
    session.send("Network.enable")

    def asked(event: dict[str, Any]) -> None:
        count["requests"] += event["request"]["url"].startswith("http")

    def arrived(event: dict[str, Any]) -> None:
        count["received"] += int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", asked)
    session.on("Network.loadingFinished", arrived)
    return count


def _middle(found: list[Load]) -> Load:
    return Load(
        median(one.seconds for one in found),
        int(median(one.requests for one in found)),
        int(median(one.received for one in found)),
    )
