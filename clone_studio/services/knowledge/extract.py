"""Turns the bytes of an upload into a `Document`. Runs in a child process only."""

from pathlib import Path

from clone_studio.errors import DocumentError
from clone_studio.services.knowledge.document import Document
from clone_studio.services.knowledge.extract_pdf import extract_pdf
from clone_studio.services.knowledge.extract_text import extract_markdown, extract_text

SUPPORTED = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
SUPPORTED_WORDS = "PDF, TXT and MD"
# What a file begins with, whatever its name says.
_MAGIC = (
    (b"%PDF-", "application/pdf", "a PDF"),
    (b"PK\x03\x04", "application/zip", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "application/x-ole-storage", "an older Office document"),
    (b"\x89PNG", "image/png", "a PNG picture"),
    (b"\xff\xd8\xff", "image/jpeg", "a JPEG picture"),
    (b"GIF8", "image/gif", "a GIF picture"),
    (b"\x1f\x8b", "application/gzip", "a gzip archive"),
    (b"7z\xbc\xaf", "application/x-7z-compressed", "a 7z archive"),
    (b"\x7fELF", "application/x-executable", "a program"),
    (b"MZ\x90\x00", "application/x-executable", "a program"),
    (b"{\\rtf", "application/rtf", "an RTF document"),
)


def media_type_of(name: str) -> str:
    """Return the media type that the file's name promises.

    Raises:
        DocumentError: Code `unsupported`.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUPPORTED:
        what = f"“{suffix}” files" if suffix else "Files without an extension"
        raise DocumentError(
            f"{what} cannot be read yet. Convert it to {SUPPORTED_WORDS} and upload that.",
            code="unsupported",
        )
    return SUPPORTED[suffix]


def check_kind(name: str, head: bytes) -> str:
    """Return the media type when the file's first bytes agree with its name.

    Args:
        name: The file's name.
        head: Its first kilobyte, or all of it.

    Raises:
        DocumentError: `unsupported` or `wrong_type`.
    """
    promised = media_type_of(name)
    found = next(((kind, words) for magic, kind, words in _MAGIC if head.startswith(magic)), None)
    if found is None and promised == "application/pdf" and b"%PDF-" in head:
        return promised
    if found is not None and found[0] != promised:
        raise DocumentError(
            f"The name says {Path(name).suffix.lower()}, but the file is {found[1]}. "
            "Give it the right extension, or export it again.",
            code="wrong_type",
        )
    if found is None and promised == "application/pdf" and not head.strip(b"\0 \r\n\t"):
        raise DocumentError(
            "The file is empty or damaged. Upload it again from its original.", code="corrupted"
        )
    return promised


def extract(path: Path, name: str) -> Document:
    """Read a document.

    Args:
        path: Where its bytes are.
        name: The name it was uploaded under; its extension decides the format.

    Raises:
        DocumentError: With its code and a sentence that says why and what to do.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except FileNotFoundError as error:
        raise DocumentError(
            "The stored file is gone from the studio's disk. Upload it again.", code="missing"
        ) from error
    if not head:
        raise DocumentError(
            "The file is empty: it has no bytes. Upload it again from its original.",
            code="no_text",
        )
    media_type = check_kind(name, head)
    if media_type == "application/pdf":
        document = extract_pdf(path)
    elif media_type == "text/markdown":
        document = extract_markdown(path)
    else:
        document = extract_text(path)
    if not any(page.text.strip() for page in document.pages):
        raise DocumentError(
            "There is no text in this file, only white space. Upload a version that has text.",
            code="no_text",
        )
    return document
