"""The sums of the inline scripts of the built pages, for the content security policy.

The front end writes a few inline scripts into every page. Naming them by their SHA-256 keeps
`unsafe-inline` out of the policy: a script that a document or a visitor smuggles in has no sum
there and is refused by the browser.
"""

import base64
import hashlib
from html.parser import HTMLParser
from pathlib import Path


class _InlineScripts(HTMLParser):
    """Collects the text of every script element that has no `src`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and "src" not in dict(attrs):
            self._inside = True
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False


def inline_script_hashes(build_dir: Path) -> tuple[str, ...]:
    """Return the source expressions of all inline scripts below `build_dir`, sorted, each once.

    Each is ready to stand in `script-src`, quotes included: `'sha256-…='`. The sum is taken over
    the element's text as UTF-8 (Content Security Policy Level 3, "does element match source
    list"), with line ends as the HTML parser of a browser sees them.

    Args:
        build_dir: Folder with the built pages; nothing there gives an empty tuple.
    """
    sums: set[str] = set()
    for page in build_dir.rglob("*.html"):
        parser = _InlineScripts()
        parser.feed(page.read_text(encoding="utf-8"))
        parser.close()
        for script in parser.found:
            digest = hashlib.sha256(script.encode("utf-8")).digest()
            sums.add(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")
    return tuple(sorted(sums))
