"""PDF as pages of text, by pypdf: the second reader, for files that PDFium cannot open.

PDFium is many times faster and reads more fonts; pypdf follows broken files further.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from clone_studio.services.knowledge.document import Page, PageLoss
from clone_studio.services.knowledge.extract import clean

# pypdf walks wherever a damaged file leads; these are what it raises besides errors of its own.
BROKEN = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


class SecondPdfDocument:
    """An open PDF, as `PdfDocument` is one.

    Args:
        path: The file.

    Raises:
        ValueError: This reader cannot open it either.
    """

    def __init__(self, path: Path) -> None:
        # It tells at length what is wrong with a file; the user gets one sentence.
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        try:
            self._reader = PdfReader(path, strict=False)
            self.page_count = len(self._reader.pages)
        except BROKEN as error:
            raise ValueError("not a PDF for pypdf") from error
        if self.page_count == 0:
            raise ValueError("a PDF without pages")

    def pages(self) -> Iterator[Page | PageLoss]:
        """Yield each page's text, or why there is none; a bad page does not end the reading."""
        for index in range(self.page_count):
            try:
                text = clean.page(self._reader.pages[index].extract_text())
            except BROKEN:
                yield PageLoss(index + 1, "unreadable")
                continue
            if not text:
                yield PageLoss(index + 1, "empty")
            yield Page(index + 1, "", text)
