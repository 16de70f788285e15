"""Checks a page in the browser against WCAG 2.1 AA."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


async def faults(page: Page) -> list[str]:
    """Return what is wrong with the page as it shows now: rule and element."""
    found = await Axe().run(page, options=RULES)
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
