"""Plain text and Markdown as pages."""

from collections.abc import Iterator
from pathlib import Path

from clone_studio.services.knowledge.document import Page
from clone_studio.services.knowledge.extract.clean import plain
from clone_studio.services.knowledge.extract.encoding import decode

PAGE_CHARS = 4000
SECTION_CHARS = 12_000
LABEL_CHARS = 190


def read(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file and the warnings about it.

    Raises:
        DocumentError: Code `encoding` or `wrong_type`.
    """
    text, warning = decode(path.read_bytes())
    return plain(text), [warning] if warning else []


def text_pages(text: str) -> Iterator[Page]:
    """Yield parts of about 4,000 characters, cut between paragraphs, labelled by their lines."""
    line = 1
    for number, (start, end) in enumerate(_parts(text, 0, len(text), PAGE_CHARS), start=1):
        part = text[start:end]
        lines = part.count("\n")
        yield Page(number, f"Lines {line:,}-{line + lines:,}", part.strip("\n"))
        line += lines + (1 if text[end : end + 1] == "\n" else 0)


def markdown_pages(text: str) -> Iterator[Page]:
    """Yield a page for each section, labelled with the path of headings above it.

    A heading without text of its own is kept with the section below it.
    """
    number = 0
    for path, start, end in _sections(text):
        heading = " › ".join(path)
        for first, last in _parts(text, start, end, SECTION_CHARS):
            part = text[first:last].strip("\n")
            if part.strip():
                number += 1
                yield Page(number, heading[:LABEL_CHARS], part, heading[:LABEL_CHARS])


def _sections(text: str) -> Iterator[tuple[list[str], int, int]]:
    path: list[tuple[int, str]] = []
    start, has_body = 0, False
    for offset, level, title in _headings(text):
        has_body = has_body or _has_body(text[start:offset])
        if has_body:
            yield [name for _, name in path], start, offset
            start, has_body = offset, False
        path = [entry for entry in path if entry[0] < level]
        path.append((level, title))
    yield [name for _, name in path], start, len(text)


def _has_body(section: str) -> bool:
    return any(
        line.strip() and not line.lstrip().startswith("#") and set(line.strip()) - set("=-")
        for line in section.split("\n")
    )


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield `(offset, level, title)` of each heading that is not inside a fenced block."""
    fence = ""
    offset, previous, previous_offset = 0, "", 0
    for line in text.split("\n"):
        stripped = line.strip()
        mark = stripped[:3]
        if fence:
            if mark == fence and not stripped.strip(fence[0]):
                fence = ""
        elif mark in {"```", "~~~"}:
            fence = mark
        elif line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            title = stripped.strip("#").strip()
            if level <= 6 and line[level : level + 1] in {" ", "\t"} and title:
                yield offset, level, title
        elif previous and len(stripped) >= 3 and set(stripped) in ({"="}, {"-"}):
            yield previous_offset, 1 if stripped[0] == "=" else 2, previous
        previous = "" if fence or stripped.startswith(("#", "|", "-", ">", "*")) else stripped
        previous_offset = offset
        offset += len(line) + 1


def _parts(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut a span into pieces of at most `size` characters, at the best place there is."""
    while end - start > size:
        cut = -1
        for mark in ("\n\n", "\n", ". ", " "):
            cut = text.rfind(mark, start + size // 2, start + size)
            if cut > 0:
                cut += len(mark) if mark in {". ", " "} else 0
                break
        if cut <= start:
            cut = start + size
        yield start, cut
        start = cut
        while start < end and text[start] == "\n":
            start += 1
    if start < end:
        yield start, end
