"""PDF files that tests write themselves, good ones and bad ones."""

import zlib


def pdf(pages: list[str], *, labels: str = "", extra: str = "") -> bytes:
    """Return a PDF with one page for each text, in Helvetica.

    Args:
        pages: Texts in Latin-1, lines separated by a line end; an empty text is an empty page.
        labels: Body of the catalogue's `/PageLabels`, such as `/Nums [0 << /S /r >>]`.
        extra: More entries of the catalogue.
    """
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    named = f"/PageLabels << {labels} >>" if labels else ""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {named} {extra} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for index, text in enumerate(pages):
        content = _content(text)
        page = (
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Contents {5 + 2 * index} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects += [page.encode(), _stream(content)]
    return assembled(objects)


def bomb(repetitions: int) -> bytes:
    """Return a PDF of one page whose content is nothing, many times over, packed."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"q Q " * 250_000) for _ in range(repetitions))
    packed += packer.flush()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << >> >>",
        b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed),
    ]
    return assembled(objects)


def page_loop() -> bytes:
    """Return a PDF whose page tree contains itself."""
    return assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2000000 >>",
        ]
    )


def assembled(objects: list[bytes]) -> bytes:
    """Return the file that holds these objects, the first one being the catalogue."""
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    tail = (
        f"xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF"
    )
    return out + tail.encode()


def _content(text: str) -> bytes:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    lines = "\n".join(f"({line}) Tj T*" for line in escaped.splitlines())
    return f"BT /F1 12 Tf 16 TL 60 780 Td\n{lines}\nET".encode("cp1252")


def _stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)
