"""Names of documents as they are shown."""

import pytest

from clone_studio.services.file_names import NAME_CHARS, shown_name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\notes.txt", "notes.txt"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("x.pdf\x00.html", "x.pdf.html"),
        ("  two   words .txt ", "two words .txt"),
        ("line\nbreak.md", "line break.md"),
        ("", "document"),
        ("...", "document"),
        ("\u202e\u2066", "document"),
        ("<img src=x onerror=alert(1)>.pdf", "<img src=x onerror=alert(1)>.pdf"),
        ("Cafe\u0301.pdf", "Café.pdf"),
        ("😀 notes.md", "😀 notes.md"),
    ],
)
def test_names_are_made_fit_to_be_shown(given: str, shown: str) -> None:
    assert shown_name(given) == shown


def test_long_names_are_cut_before_their_ending() -> None:
    name = shown_name("n" * 400 + ".pdf")
    assert len(name) == NAME_CHARS
    assert name.endswith("….pdf")
