"""Text of PDF files, page by page."""

import logging
import re
import unicodedata
from pathlib import Path
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from clone_studio.errors import DocumentError
from clone_studio.services.knowledge.document import Document, Page

MAX_PAGES = 5000
MAX_PAGE_CHARS = 200_000
# pypdf walks whatever a damaged file says; these are what it raises besides its own errors.
_BROKEN = (
    PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError,
    ArithmeticError, AssertionError, NotImplementedError, UnicodeError, OSError,
)  # fmt: skip
# Compatibility forms of letters that PDF fonts are full of. Full NFKC would also rewrite
# superscripts and fractions, which a quote should keep.
_LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
_CLEANED = str.maketrans({**_LIGATURES, 0xAD: None, 0xA0: " ", 0x200B: None, 0xFEFF: None, 0: None})
_HYPHENATED = re.compile(r"(?<=[^\W\d_])-\n(?=[a-zà-ÿß-ž])")
_SPACES = re.compile(r"[ \t\f\v]+")
_LINE_EDGES = re.compile(r" ?\n ?")
_MANY_LINES = re.compile(r"\n{3,}")


def extract_pdf(path: Path) -> Document:
    """Read a PDF.

    Raises:
        DocumentError: encrypted, corrupted, no_text or too_large.
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = _open(path)
    try:
        count = len(reader.pages)
    except _BROKEN as error:
        raise _corrupted() from error
    if count == 0:
        raise _corrupted()
    if count > MAX_PAGES:
        raise DocumentError(
            f"This PDF has {count:,} pages; the most is {MAX_PAGES:,}. Split it into parts.",
            code="too_large",
        )
    labels = _labels(reader, count)
    pages, unreadable = [], []
    for index in range(count):
        text, broken = _page_text(reader, index)
        if broken:
            unreadable.append(index + 1)
        pages.append(Page(index + 1, labels[index], text))
    return Document("application/pdf", tuple(pages), _warnings(pages, unreadable))


def clean(text: str) -> str:
    """Return PDF text as it is shown, searched and cited."""
    text = text.translate(_CLEANED).replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(c for c in text if c in {"\n", "\t"} or unicodedata.category(c) != "Cc")
    text = _LINE_EDGES.sub("\n", _SPACES.sub(" ", text))
    # Lone surrogates come from broken font tables; no database takes them.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _MANY_LINES.sub("\n\n", _HYPHENATED.sub("", text)).strip()


def _open(path: Path) -> PdfReader:
    try:
        reader = PdfReader(path, strict=False)
        # Files locked for editing only open with the empty password.
        if reader.is_encrypted and not reader.decrypt(""):
            raise _encrypted()
    except (FileNotDecryptedError, DependencyError) as error:
        raise _encrypted() from error
    except DocumentError:
        raise
    except _BROKEN as error:
        raise _corrupted() from error
    return reader


def _page_text(reader: PdfReader, index: int) -> tuple[str, bool]:
    """Return the page's text, and whether reading it failed."""
    try:
        return clean(reader.pages[index].extract_text()[:MAX_PAGE_CHARS]), False
    except FileNotDecryptedError as error:
        raise _encrypted() from error
    except _BROKEN:
        return "", True


def _labels(reader: PdfReader, count: int) -> list[str]:
    plain = [str(number) for number in range(1, count + 1)]
    try:
        labels: list[Any] = reader.page_labels
    except _BROKEN:
        return plain
    if len(labels) != count:
        return plain
    return [str(label)[:40] or number for label, number in zip(labels, plain, strict=True)]


def _warnings(pages: list[Page], unreadable: list[int]) -> tuple[str, ...]:
    """Return what the maker should know, or raise when no page has text."""
    empty = sum(1 for page in pages if not page.text)
    if empty == len(pages):
        if unreadable:
            raise _corrupted()
        raise DocumentError(
            "This PDF has pictures of pages but no text, as scans do. Make it searchable with "
            "a text recognition (OCR) program, then upload that file.",
            code="no_text",
        )
    found = []
    if unreadable:
        found.append(f"{len(unreadable)} of {len(pages)} pages could not be read.")
    if empty > len(unreadable):
        found.append(f"{empty - len(unreadable)} of {len(pages)} pages had no text.")
    return tuple(found)


def _corrupted() -> DocumentError:
    return DocumentError(
        "This PDF is damaged and cannot be opened. Export or download it again, then upload it.",
        code="corrupted",
    )


def _encrypted() -> DocumentError:
    return DocumentError(
        "This PDF is protected with a password. Save a copy without the password and upload that.",
        code="encrypted",
    )
