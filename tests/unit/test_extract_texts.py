"""Plain text and Markdown: encodings, pages and headings."""

from pathlib import Path

import pytest

from clone_studio.errors import DocumentError
from clone_studio.services.knowledge.extract import clean, kinds, texts
from clone_studio.services.knowledge.extract.encoding import MIXED_WARNING, decode

SENTENCE = "naïve café – “quotes” €5 ½"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
def test_unicode_is_told_by_mark_or_by_pattern(encoding: str) -> None:
    text = f"A line of plain words. {SENTENCE} Ω 日本"
    assert decode(text.encode(encoding)) == (text, "")


def test_western_and_other_encodings_are_told() -> None:
    assert decode((SENTENCE * 3).encode("cp1252")) == (SENTENCE * 3, "")
    assert decode("## können äöüß".encode("latin-1")) == ("## können äöüß", "")
    japanese = "名前,年齢,住所\n佐藤太郎,30,東京\n" * 5
    assert decode(japanese.encode("cp932"))[0] == japanese
    russian = "Представление о шаблонах и о том, как они работают в больших проектах. " * 5
    assert decode(russian.encode("koi8-r"))[0] == russian


def test_a_mixed_file_is_read_and_says_so() -> None:
    raw = "café one\ncafé two\n".encode() + "café three\n".encode("cp1252")
    text, warning = decode(raw)
    assert text == "café one\ncafé two\ncafé three\n"
    assert warning == MIXED_WARNING


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (bytes(range(256)) * 20, "wrong_type"),
        (b"\x00\x01\x02\x03" * 100, "wrong_type"),
        (b"\xff\xfea\x00b", "encoding"),
    ],
)
def test_what_is_no_text_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(DocumentError) as refused:
        decode(raw)
    assert refused.value.code == code


def test_nothing_is_replaced_silently() -> None:
    for raw in (SENTENCE.encode("cp1252"), b"caf\xe9 \x81 \x8d", "日本".encode("utf-16")):
        assert "\ufffd" not in decode(raw)[0]


def test_parts_of_a_text_are_labelled_by_their_lines() -> None:
    lines = [f"Line {number} has some words in it." for number in range(1, 401)]
    pages = list(texts.text_pages("\n".join(lines)))
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert "\n".join(page.text for page in pages).split("\n") == lines
    assert pages[0].label.startswith("Lines 1-")
    for page in pages:
        first = int(page.label.split()[1].split("-")[0].replace(",", ""))
        assert page.text.split("\n")[0] == lines[first - 1]
        assert len(page.text) <= texts.PAGE_CHARS


def test_a_text_without_line_ends_is_cut_too() -> None:
    pages = list(texts.text_pages("x" * 50_000))
    assert sum(len(page.text) for page in pages) == 50_000


MARKDOWN = """Before any heading.

# Guide

## Uploading
Drag a file.

```
# not a heading
```

Setext
------
Under it.

### Deep #
Deepest.

# Second
"""


def test_sections_are_pages_labelled_with_the_path_above_them() -> None:
    pages = list(texts.markdown_pages(MARKDOWN))
    assert [page.label for page in pages] == [
        "",
        "Guide › Uploading",
        "Guide › Setext",
        "Guide › Setext › Deep",
        "Second",
    ]
    assert pages[1].text.startswith("# Guide\n\n## Uploading\nDrag a file.")
    assert "# not a heading" in pages[1].text
    assert "".join("".join(page.text for page in pages).split()) == "".join(MARKDOWN.split())


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "*a " * 50_000,
        "> " * 10_000 + "deep",
        "#" * 100_000,
        "\n".join("  " * depth + "- item" for depth in range(1000)),
        "```\n" * 20_000,
        "-\n" * 30_000,
        "`" * 5000 + "e" * 5000,
    ],
)
def test_pathological_markdown_is_quick(text: str) -> None:
    import time

    began = time.process_time()
    pages = list(texts.markdown_pages(text))
    assert "".join("".join(page.text for page in pages).split()) == "".join(text.split())
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("name", "head", "code"),
    [
        ("a.txt", b"words", ""),
        ("A.PDF", b"\n\n%PDF-1.7", ""),
        ("a.md", b"# Title", ""),
        ("a.pdf", b"plain words, and enough of them", "wrong_type"),
        ("a.docx", b"PK\x03\x04", "unsupported"),
        ("noending", b"words", "unsupported"),
        (".pdf", b"words", "unsupported"),
        ("a.txt", b"", "no_text"),
    ],
)
def test_kinds_are_told_by_name_and_first_bytes(name: str, head: bytes, code: str) -> None:
    if not code:
        assert kinds.kind_of(name, head)
        return
    with pytest.raises(DocumentError) as refused:
        kinds.kind_of(name, head)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("ﬁnd the eﬀect", "find the effect"),
        ("soft\u00adhyphen", "softhyphen"),
        ("inter-\nnational law", "international law"),
        ("inter\ufffe\r\nnational law", "international law"),
        ("a \t b\u00a0c", "a b c"),
        ("one\r\n\r\n\r\n\r\ntwo", "one\n\ntwo"),
        ("bad\ud800\x00\x07end", "badend"),
    ],
)
def test_printed_pages_are_cleaned(raw: str, shown: str) -> None:
    assert clean.page(raw) == shown


def test_printed_page_numbers_are_left_out() -> None:
    assert clean.page("73\nOrder is a virtue.\n1789", 61) == "Order is a virtue.\n1789"
    assert clean.page("Order is a virtue.\n61", 61) == "Order is a virtue."
    assert clean.page("61", 61) == ""
    assert clean.page("73\nwords") == "73\nwords"


def test_lines_of_prose_are_joined_and_lists_are_not() -> None:
    line = "This line of prose reaches the margin of the page and goes on"
    text = f"{line}\n{line}\nand ends here.\n- first item of a list\n- second item of a list"
    assert clean.page(text) == (
        f"{line} {line} and ends here.\n- first item of a list\n- second item of a list"
    )


def test_a_file_is_read_with_its_warnings(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("é\né\n".encode() + b"\xe9\r\nlast\x00")
    assert texts.read(path) == ("é\né\né\nlast", [MIXED_WARNING])
