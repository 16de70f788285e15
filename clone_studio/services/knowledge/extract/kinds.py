"""What kind of document a file is: its name proposes, its first bytes decide."""

from pathlib import PurePath

from clone_studio.errors import DocumentError

PDF = "application/pdf"
TEXT = "text/plain"
MARKDOWN = "text/markdown"
HEAD_BYTES = 4096

_BY_SUFFIX = {
    ".pdf": PDF,
    ".txt": TEXT,
    ".text": TEXT,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
}
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"ID3", "a sound file"),
    (b"OggS", "a sound file"),
    (b"SQLite format 3\x00", "a database"),
)


def named_kind(name: str) -> str:
    """Return the media type that the ending of `name` promises, empty for any other ending."""
    return _BY_SUFFIX.get(PurePath(name).suffix.lower(), "")


def kind_of(name: str, head: bytes) -> str:
    """Return the media type of a document.

    Args:
        name: The name it was uploaded under.
        head: Its first bytes, at least `HEAD_BYTES` where it has as many.

    Raises:
        DocumentError: Code `unsupported` for another format, `wrong_type` when content and
            name disagree, `no_text` for an empty file.
    """
    if not head:
        raise DocumentError("The file is empty. Choose another one.", code="no_text")
    named = named_kind(name)
    if not named:
        raise DocumentError(
            "This format is not read yet: the studio reads PDF, TXT and MD files. "
            "Save or print the document as PDF and upload that.",
            code="unsupported",
        )
    found = _recognised(head)
    if named == PDF and found != "a PDF" and (found or not _may_be_pdf(head)):
        what = found or "something else"
        raise DocumentError(
            f"The name ends in .pdf, but the file is {what}. Export it as PDF and upload that.",
            code="wrong_type",
        )
    if named != PDF and found:
        suffix = PurePath(name).suffix.lower()
        advice = (
            "Rename it to end in .pdf and upload it again."
            if found == "a PDF"
            else "Save it as PDF or as plain text and upload that."
        )
        raise DocumentError(
            f"The name ends in {suffix}, but the file is {found}. {advice}", code="wrong_type"
        )
    return named


def _recognised(head: bytes) -> str:
    # Readers accept up to a kilobyte of other bytes before a PDF begins.
    if b"%PDF-" in head[:1024]:
        return "a PDF"
    return next((what for magic, what in _MAGIC if head.startswith(magic)), "")


def _may_be_pdf(head: bytes) -> bool:
    """Say whether a file without a PDF's first line may be one that lost it, not plain text."""
    return b" obj" in head or b"endobj" in head or len(head) < 16
