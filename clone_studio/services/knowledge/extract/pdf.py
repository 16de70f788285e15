"""PDF as pages of text, by PDFium."""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from clone_studio.errors import DocumentError
from clone_studio.services.knowledge.document import Page, PageLoss
from clone_studio.services.knowledge.extract import clean

if TYPE_CHECKING:
    from clone_studio.services.knowledge.extract.pdf_second import SecondPdfDocument

MOST_PAGES = 20_000
MOST_PAGE_CHARS = 400_000
_PASSWORD_ERRORS = {pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY}


class PdfDocument:
    """An open PDF.

    Args:
        path: The file.

    Raises:
        DocumentError: Code `encrypted`, `corrupted` or `too_large`.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._document = pdfium.PdfDocument(path)
        except pdfium.PdfiumError as error:
            raise _opening_error(error) from error
        self.page_count = len(self._document)
        if self.page_count == 0:
            raise _corrupted()
        if self.page_count > MOST_PAGES:
            raise DocumentError(
                f"The PDF has {self.page_count:,} pages; at most {MOST_PAGES:,} are read. "
                "Split it into parts and upload those.",
                code="too_large",
            )

    def pages(self) -> Iterator[Page | PageLoss]:
        """Yield each page's text, or why there is none; a bad page does not end the reading."""
        for index in range(self.page_count):
            label = self._label(index)
            try:
                text, cut = self._text(index)
            except pdfium.PdfiumError:
                yield PageLoss(index + 1, "unreadable")
                continue
            if cut:
                yield PageLoss(index + 1, "cut")
            elif not text:
                yield PageLoss(index + 1, "empty")
            yield Page(index + 1, label, text)

    def _text(self, index: int) -> tuple[str, bool]:
        page = self._document[index]
        try:
            sheet = page.get_textpage()
            try:
                count = sheet.count_chars()
                kept = min(count, MOST_PAGE_CHARS)
                raw = sheet.get_text_range(0, kept) if kept else ""
            finally:
                sheet.close()
        finally:
            page.close()
        return clean.page(raw, index + 1), count > kept

    def _label(self, index: int) -> str:
        """Return the page's printed number, when it differs from its place in the file."""
        size = pdfium_c.FPDF_GetPageLabel(self._document, index, None, 0)
        if not 2 < size <= 400:
            return ""
        buffer = ctypes.create_string_buffer(size)
        pdfium_c.FPDF_GetPageLabel(self._document, index, buffer, size)
        label = buffer.raw[: size - 2].decode("utf-16-le", errors="ignore").strip()
        return "" if label == str(index + 1) else label[:40]


def open_pdf(path: Path) -> "PdfDocument | SecondPdfDocument":
    """Open a PDF by PDFium, or by pypdf when PDFium finds it damaged.

    Raises:
        DocumentError: As `PdfDocument`; what neither can open is corrupted.
    """
    try:
        return PdfDocument(path)
    except DocumentError as error:
        if error.code != "corrupted":
            raise
        # Loading the second reader takes longer than the first one needs for most documents.
        from clone_studio.services.knowledge.extract.pdf_second import SecondPdfDocument

        try:
            return SecondPdfDocument(path)
        except ValueError:
            raise error from None


def _opening_error(error: pdfium.PdfiumError) -> DocumentError:
    if error.err_code in _PASSWORD_ERRORS:
        return DocumentError(
            "The PDF is protected with a password. Open it in a PDF reader, save or print it "
            "as a new PDF without a password, and upload that.",
            code="encrypted",
        )
    return _corrupted()


def _corrupted() -> DocumentError:
    return DocumentError(
        "The PDF is damaged or cut off and could not be opened. Check that it opens in a PDF "
        "reader, save it anew from there, and upload that.",
        code="corrupted",
    )
