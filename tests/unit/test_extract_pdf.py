"""PDF pages: text, labels, damage and passwords."""

from pathlib import Path

import pytest

from clone_studio.errors import DocumentError
from clone_studio.services.knowledge.document import Page
from clone_studio.services.knowledge.extract.reading import Reading
from tests.knowledge.pdfs import pdf

PAGES = ["One lamp.", "", "Three lamps\nburn at night."]
# The parts of a file that make a reader ask for a password, with keys that fit no password.
LOCKED = (
    "/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -44 "
    f"/O <{'ab' * 32}> /U <{'cd' * 32}> >> /ID [<{'01' * 16}> <{'01' * 16}>]"
)


def read(tmp_path: Path, content: bytes) -> tuple[Reading, list[Page]]:
    path = tmp_path / "document"
    path.write_bytes(content)
    reading = Reading(path, "document.pdf")
    return reading, list(reading.pages())


def code_of(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(DocumentError) as refused:
        read(tmp_path, content)
    assert refused.value.detail.endswith(".")
    return refused.value.code


def test_pages_keep_their_numbers(tmp_path: Path) -> None:
    reading, pages = read(tmp_path, pdf(PAGES))
    assert [(page.number, page.text) for page in pages] == [
        (1, "One lamp."),
        (2, ""),
        (3, "Three lamps\nburn at night."),
    ]
    assert (reading.media_type, reading.page_count) == ("application/pdf", 3)
    assert reading.warnings == ["1 of 3 pages had no text."]


def test_printed_numbers_become_labels(tmp_path: Path) -> None:
    labels = "/Nums [0 << /S /r >> 2 << /S /D /St 7 >>]"
    _, pages = read(tmp_path, pdf(["a b", "c d", "e f"], labels=labels))
    assert [page.label for page in pages] == ["i", "ii", "7"]


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    content = pdf(PAGES).replace(b"trailer << ", b"trailer << " + LOCKED.encode())
    assert code_of(tmp_path, content) == "encrypted"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut_off_fails_or_gives_what_is_left(tmp_path: Path, share: float) -> None:
    content = pdf([f"Page {number} has words." for number in range(1, 9)])
    try:
        reading, pages = read(tmp_path, content[: int(len(content) * share)])
    except DocumentError as error:
        assert error.code in {"corrupted", "no_text"}
    else:
        assert reading.page_count >= len([page for page in pages if page.text]) > 0


def test_flipped_bytes_never_crash(tmp_path: Path) -> None:
    import random

    generator, content = random.Random(9), pdf(PAGES)
    for _ in range(60):
        broken = bytearray(content)
        broken[generator.randrange(len(broken))] ^= 1 << generator.randrange(8)
        try:
            read(tmp_path, bytes(broken))
        except DocumentError as error:
            assert error.code in {"corrupted", "no_text", "encrypted", "wrong_type", "too_large"}


def test_accents_and_quotes_come_through(tmp_path: Path) -> None:
    _, pages = read(tmp_path, pdf(["Un café naïve – “quoted” €5"]))
    assert pages[0].text == "Un café naïve – “quoted” €5"


def test_what_pdfium_cannot_open_is_given_to_the_second_reader(tmp_path: Path) -> None:
    # Two kilobytes before the file begins: PDFium looks no further than one.
    reading, pages = read(tmp_path, b"\0" * 2000 + pdf(PAGES))
    assert [page.text for page in pages] == ["One lamp.", "", "Three lamps\nburn at night."]
    assert reading.warnings == ["1 of 3 pages had no text."]
