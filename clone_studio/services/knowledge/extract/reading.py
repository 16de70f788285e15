"""One document from its bytes to pages, whatever its kind, with what went wrong on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from clone_studio.errors import DocumentError
from clone_studio.services.knowledge.document import Page, PageLoss
from clone_studio.services.knowledge.extract import kinds, texts

MOST_CHARS = 100_000_000
STAMPED_PAGES = 3
STAMP_CHARS = 40


@dataclass
class Reading:
    """A document being read. The lists are complete once `pages` is used up.

    `page_count` is known from the beginning for a PDF and counted for other kinds.
    """

    path: Path
    name: str
    media_type: str = ""
    page_count: int = 0
    warnings: list[str] = field(default_factory=list)
    _losses: list[PageLoss] = field(default_factory=list)
    _characters: int = 0
    _distinct: set[str] = field(default_factory=set)

    def pages(self) -> Iterator[Page]:
        """Yield the pages, also those without text, so that numbers never shift.

        Raises:
            DocumentError: With the code of what is wrong, `no_text` at the end when no page
                had any.
        """
        with self.path.open("rb") as stream:
            head = stream.read(kinds.HEAD_BYTES)
        self.media_type = kinds.kind_of(self.name, head)
        for page in self._pdf() if self.media_type == kinds.PDF else self._text():
            self._characters += len(page.text)
            if self._characters > MOST_CHARS:
                raise DocumentError(
                    "The document holds more text than the studio reads from one file. "
                    "Split it into parts and upload those.",
                    code="too_large",
                )
            if page.text and len(self._distinct) < 2:
                self._distinct.add(page.text)
            yield page
        if not self._characters or self._only_stamped():
            raise self._no_text()
        self._warn_of_losses()

    def _pdf(self) -> Iterator[Page]:
        # Not at the top: a text file needs no PDF engine.
        from clone_studio.services.knowledge.extract.pdf import open_pdf

        document = open_pdf(self.path)
        self.page_count = document.page_count
        for found in document.pages():
            if isinstance(found, PageLoss):
                self._losses.append(found)
            else:
                yield found

    def _text(self) -> Iterator[Page]:
        text, warnings = texts.read(self.path)
        self.warnings.extend(warnings)
        by_kind = texts.markdown_pages if self.media_type == kinds.MARKDOWN else texts.text_pages
        if not text.strip():
            return
        for page in by_kind(text):
            self.page_count += 1
            yield page

    def _only_stamped(self) -> bool:
        """Say whether a PDF has nothing but the same few words on its pages, as scanners print."""
        return (
            self.media_type == kinds.PDF
            and self.page_count - len(self._losses) >= STAMPED_PAGES
            and len(self._distinct) == 1
            and len(min(self._distinct)) < STAMP_CHARS
        )

    def _no_text(self) -> DocumentError:
        if self.media_type != kinds.PDF:
            return DocumentError(
                "The file holds no text, only white space. Choose another one.", code="no_text"
            )
        if any(loss.reason == "unreadable" for loss in self._losses):
            return DocumentError(
                "No page of the PDF could be read: it is damaged. Save it anew in a PDF reader "
                "and upload that.",
                code="corrupted",
            )
        return DocumentError(
            "The PDF holds no text: its pages are pictures, as in a scan. Make it searchable "
            "with text recognition (OCR), for example with OCRmyPDF, and upload the result.",
            code="no_text",
        )

    def _warn_of_losses(self) -> None:
        for reason, words in (
            ("empty", "had no text"),
            ("unreadable", "could not be read"),
            ("cut", "held so much text that only its beginning was taken"),
        ):
            count = sum(1 for loss in self._losses if loss.reason == reason)
            if count:
                pages = "page" if self.page_count == 1 else "pages"
                self.warnings.append(f"{count:,} of {self.page_count:,} {pages} {words}.")
