"""The sums of inline scripts, as a browser takes them."""

import base64
import hashlib
from pathlib import Path

from clone_studio.csp import inline_script_hashes


def _source(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_each_inline_script_is_named_once(tmp_path: Path) -> None:
    page = (
        '<head><script>let a = 1 < 2 && "é";</script><script src="/a.js"></script></head>'
        '<body><script type="module" async="">\nimport "/b.js";\n</script>&amp;</body>'
    )
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "index.html").write_text(page, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("<script>no page</script>", encoding="utf-8")
    assert set(inline_script_hashes(tmp_path)) == {
        _source('let a = 1 < 2 && "é";'),
        _source('\nimport "/b.js";\n'),
    }


def test_text_like_entities_and_tags_in_a_script_is_taken_as_it_is(tmp_path: Path) -> None:
    script = "document.title = '&lt;b&gt;<b>';"
    (tmp_path / "a.html").write_text(f"<script>{script}</script>", encoding="utf-8")
    assert inline_script_hashes(tmp_path) == (_source(script),)


def test_line_ends_are_those_of_the_html_parser(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(b"<script>a();\r\nb();</script>")
    assert inline_script_hashes(tmp_path) == (_source("a();\nb();"),)


def test_nothing_built_gives_nothing(tmp_path: Path) -> None:
    assert inline_script_hashes(tmp_path / "absent") == ()
