"""Plain text and Markdown, in whatever encoding they arrive."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from clone_studio.errors import DocumentError
from clone_studio.services.knowledge.document import Document, Page

PART_CHARS = 4000
SECTION_CHARS = 12_000
SAMPLE_BYTES = 256 * 1024
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def extract_text(path: Path) -> Document:
    """Read plain text; it is shown in parts of some 4,000 characters, cut at paragraphs.

    Raises:
        DocumentError: encoding.
    """
    text = decode(path.read_bytes())
    parts = list(_parts(text, PART_CHARS))
    return Document(
        "text/plain",
        tuple(Page(i, f"Part {i}", part) for i, part in enumerate(parts, start=1)),
    )


def extract_markdown(path: Path) -> Document:
    """Read Markdown; each section under a heading is a page, named by its path of headings.

    Raises:
        DocumentError: encoding.
    """
    text = _FRONT_MATTER.sub("", decode(path.read_bytes()))
    pages: list[Page] = []
    for heading, section in _sections(text):
        for number, part in enumerate(_parts(section, SECTION_CHARS)):
            label = (heading or "Beginning") + (f" ({number + 1})" if number else "")
            headings = ((0, heading),) if heading else ()
            pages.append(Page(len(pages) + 1, label[:200], part, headings))
    return Document("text/markdown", tuple(pages))


def decode(data: bytes) -> str:
    """Return the text of `data`, whose encoding is found out.

    Byte order marks decide first, then UTF-8, then UTF-16 without a mark, then the best guess.

    Raises:
        DocumentError: Code `encoding` when the bytes are no text.
    """
    return _tidy(_decoded(data))


def _decoded(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise _no_encoding() from error
    for encoding in ("utf-8", *_without_mark(data)):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _looks_like_text(text):
            return text
    best = from_bytes(data[:SAMPLE_BYTES]).best()
    if best is not None:
        text = data.decode(best.encoding, "replace")
        if _looks_like_text(text) and b"\0" not in data[:SAMPLE_BYTES]:
            return text
    raise _no_encoding()


def _without_mark(data: bytes) -> list[str]:
    """Guess UTF-16 and UTF-32 by where the zero bytes of a Latin text stand."""
    sample = data[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if even > half * 0.9 and sample[3::4].count(0) < half * 0.1:
        return ["utf-32-be", "utf-16-be"]
    if odd > half * 0.9 and sample[2::4].count(0) > half * 0.4:
        return ["utf-32-le", "utf-16-le"]
    if odd > half * 0.3:
        return ["utf-16-le"]
    return ["utf-16-be"] if even > half * 0.3 else []


def _looks_like_text(text: str) -> bool:
    sample = text[:20_000]
    strange = sum(
        1
        for c in sample
        if c == "\ufffd" or (c not in "\n\r\t\f\x1b" and unicodedata.category(c) in {"Cc", "Cn"})
    )
    return strange <= len(sample) * 0.02


def _tidy(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").replace("\ufeff", "")
    return text.encode("utf-8", "replace").decode("utf-8")


def _no_encoding() -> DocumentError:
    return DocumentError(
        "The characters of this file cannot be read: it is not text, or its encoding is unknown. "
        "Save it as UTF-8 and upload it again.",
        code="encoding",
    )


def _parts(text: str, size: int) -> Iterator[str]:
    """Cut `text` into parts of about `size` characters at paragraphs, lines or spaces."""
    begin = 0
    while begin < len(text):
        end = min(len(text), begin + size)
        if end < len(text):
            for mark in ("\n\n", "\n", ". ", " "):
                cut = text.rfind(mark, begin + size // 2, end)
                if cut > 0:
                    end = cut + len(mark)
                    break
        part = text[begin:end].strip("\n")
        if part.strip():
            yield part
        begin = end


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield `(path of headings, text with its heading)` of each section that has a body."""
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if fence and (not fenced or fence.group(1) == fenced):
            fenced = "" if fenced else fence.group(1)
        heading = None if fenced else _HEADING.match(line)
        if heading is not None:
            yield from _section(path, lines)
            level = len(heading.group(1))
            path = [(depth, title) for depth, title in path if depth < level]
            path.append((level, heading.group(2)))
            lines = []
        lines.append(line)
    yield from _section(path, lines)


def _section(path: list[tuple[int, str]], lines: list[str]) -> Iterator[tuple[str, str]]:
    body = "\n".join(lines).strip("\n")
    if any(line.strip() and not _HEADING.match(line) for line in lines):
        yield " › ".join(title for _, title in path)[:300], body
