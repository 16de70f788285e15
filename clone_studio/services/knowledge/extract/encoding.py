"""Which encoding a text file is in. Nothing is ever replaced silently."""

import codecs
import re

from charset_normalizer import from_bytes

from clone_studio.errors import DocumentError

SAMPLE_BYTES = 128 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Control characters that text does not have: tab, line ends, form feed and escape are left out.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]")
MIXED_WARNING = (
    "Some lines were not in UTF-8 like the rest and were read as Windows-1252. "
    "If letters look wrong, save the file as UTF-8 and upload it again."
)


def decode(raw: bytes) -> tuple[str, str]:
    """Return `(text, warning)`; the warning is empty when the encoding is certain.

    Raises:
        DocumentError: Code `encoding` when no encoding fits, `wrong_type` for binary data.
    """
    text, warning = _decoded(raw)
    sample = text[:SAMPLE_BYTES]
    if len(_CONTROLS.findall(sample)) > 1 + len(sample) // 500:
        raise _binary()
    return _CONTROLS.sub("", text), warning


def _decoded(raw: bytes) -> tuple[str, str]:
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return _strict(raw, name), ""
    wide = _wide(raw[:SAMPLE_BYTES])
    if wide:
        return _strict(raw, wide), ""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return _legacy(raw)


def _strict(raw: bytes, name: str) -> str:
    try:
        return raw.decode(name)
    except UnicodeDecodeError as error:
        raise _unknown() from error


def _wide(sample: bytes) -> str:
    """Recognise UTF-16 and UTF-32 without a mark by where their zero bytes are."""
    if len(sample) < 4 or b"\x00" not in sample:
        return ""
    zeros = [sample[start::4].count(0) * 4 / len(sample) for start in range(4)]
    if min(zeros[1:]) > 0.7:
        return "utf-32-le"
    if min(zeros[:3]) > 0.7:
        return "utf-32-be"
    even, odd = (zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2
    if odd > 0.3 and even < 0.1:
        return "utf-16-le"
    if even > 0.3 and odd < 0.1:
        return "utf-16-be"
    return ""


def _legacy(raw: bytes) -> tuple[str, str]:
    start = raw[:SAMPLE_BYTES]
    if len(_CONTROL_BYTES.findall(start)) > 1 + len(start) // 100:
        raise _binary()
    lines = raw.split(b"\n")
    high = [line for line in lines if _HIGH.search(line)]
    valid = sum(1 for line in high if _is_utf8(line))
    if valid * 2 >= len(high):
        text = "\n".join(_line(line) for line in lines)
        return text, MIXED_WARNING
    sample = b"\n".join(high)[:SAMPLE_BYTES]
    # Western text has a few accented letters among many plain ones; other alphabets and
    # scripts are mostly high bytes.
    if len(_HIGH.findall(sample)) < 0.55 * len(_LETTERS.findall(sample)):
        return _western(raw), ""
    best = from_bytes(sample).best()
    if best is None:
        raise _unknown()
    return _strict(raw, best.encoding), ""


def _line(line: bytes) -> str:
    return line.decode("utf-8") if _is_utf8(line) else _western(line)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _western(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252; Latin-1 has a character for each.
        return raw.decode("latin-1")


def _binary() -> DocumentError:
    return DocumentError(
        "The name says text, but the file holds binary data. Export the document as text or "
        "as PDF and upload that.",
        code="wrong_type",
    )


def _unknown() -> DocumentError:
    return DocumentError(
        "The encoding of this text could not be told. Save the file as UTF-8 and upload it again.",
        code="encoding",
    )
