"""Documents that the tests make themselves: small PDF files with text on known pages."""

LINES = 30


def pdf(pages: list[str]) -> bytes:
    """Return a PDF with one page for each text, in Helvetica; ASCII only."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, text in enumerate(pages):
        content = _content(text)
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * index} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    return _file(objects)


def _content(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    lines = "\n".join(f"({line}) Tj T*" for line in escaped.splitlines())
    return f"BT /F1 12 Tf 16 TL 60 780 Td\n{lines}\nET"


def _file(objects: list[str]) -> bytes:
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    head = f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    return (
        out + f"{head}trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF".encode()
    )


def handbook(pages: int = 12, needle: int = 9) -> bytes:
    """Return a handbook whose page `needle` says what the lighthouse keeper does at dusk."""
    texts = [
        f"Chapter {number} of the harbour handbook.\n"
        f"This chapter describes rope number {number}, its length and how it is stored.\n"
        "Ropes are dried in the sun before they are put away.\n"
        for number in range(1, pages + 1)
    ]
    texts[needle - 1] += (
        "At dusk the lighthouse keeper winds the clockwork of the lamp by hand.\n"
        "Nobody else may touch the clockwork.\n"
    )
    return pdf(texts)
