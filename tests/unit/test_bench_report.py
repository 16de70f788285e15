"""The frame of the benches: its table, its JSON, and parts that cannot run."""

import json
from pathlib import Path

import pytest

from bench import report
from bench.__main__ import measured
from bench.data import DataMissing, data_folder
from bench.served import launcher_ready
from bench.serving import long_text

ROWS = [
    {"name": "search", "value": 12.345, "unit": "ms", "target": 15, "note": "p50"},
    {"name": "bytes", "value": 901_234, "unit": "", "target": None, "peer": "2.7 MB", "note": ""},
]


def test_table_puts_every_number_beside_its_target() -> None:
    head, first, second = report.table(ROWS).splitlines()

    assert head.split() == ["name", "value", "target", "floor", "/", "peer", "note"]
    assert first.split() == ["search", "12.3", "ms", "15", "p50"]
    assert second.split() == ["bytes", "901,234", "peer", "2.7", "MB"]
    assert first.index("15") == head.index("target")


def test_run_is_written_with_the_facts_of_the_machine(tmp_path: Path) -> None:
    report.write(tmp_path / "new" / "run.json", {"cores": 2}, ROWS, ["chat: left out"])

    written = json.loads((tmp_path / "new" / "run.json").read_text(encoding="utf-8"))

    assert written == {"machine": {"cores": 2}, "rows": ROWS, "notes": ["chat: left out"]}


def test_data_that_is_not_here_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_BENCH_DATA", str(tmp_path))

    assert data_folder() == tmp_path.resolve()
    with pytest.raises(DataMissing, match="no_such_set"):
        data_folder("no_such_set")


def test_part_that_cannot_run_leaves_one_line() -> None:
    def fails() -> list[report.Row]:
        raise RuntimeError("no browser\nmore about it")

    def lacks_data() -> list[report.Row]:
        raise DataMissing("needs data that is not here (squad2)")

    assert measured("serving", fails) == ([], "serving: failed, RuntimeError: no browser")
    assert measured("retrieval", lacks_data) == (
        [],
        "retrieval: left out, needs data that is not here (squad2)",
    )
    assert measured("chat", lambda: ROWS) == (ROWS, "")


def test_bench_never_has_the_launcher_make_a_shared_environment(tmp_path: Path) -> None:
    # An environment that the launcher did not make: it would make it anew.
    assert not launcher_ready(prefix=tmp_path)


def test_long_text_is_the_same_at_every_call() -> None:
    text = long_text(20_000)

    assert text == long_text(20_000)
    assert 20_000 <= len(text) < 22_000
