"""A backup that is not whole, not ours or not harmless is refused, and leaves nothing behind."""

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_LZMA, ZipFile, ZipInfo

import pytest

from clone_studio.bootstrap import Services
from clone_studio.errors import BackupError
from clone_studio.services import schema
from clone_studio.services.backup import archive
from clone_studio.upkeep import backups, restorer
from tests.backup_world import Open, execute
from tests.postgres import PostgresServer


def test_a_backup_of_a_newer_schema_is_refused(full: Services, opened: Open, tmp_path) -> None:
    path = rewritten(full, tmp_path, lambda found: found | {"revision": "9999"})
    assert_refused(opened("other"), path, "later version")
    path = rewritten(full, tmp_path, lambda found: found | {"format": 2})
    assert_refused(opened("another"), path, "later version")


def rewritten(
    studio: Services,
    tmp_path: Path,
    describe: Callable[[dict], dict] = lambda found: found,
    replaced: dict[str, bytes] | None = None,
    more: Callable[[ZipFile], object] = lambda whole: None,
) -> Path:
    """Return a backup of `studio` in which somebody has changed something."""
    source = backups(studio).make(tmp_path / f"{os.urandom(4).hex()}.zip").path
    target = source.with_suffix(".changed.zip")
    with ZipFile(source) as old, ZipFile(target, "w") as new:
        for name in old.namelist():
            content = (replaced or {}).get(name, old.read(name))
            if name == "manifest.json":
                content = json.dumps(describe(json.loads(content))).encode()
            new.writestr(name, content)
        more(new)
    return target


def assert_refused(target: Services, path: Path, words: str) -> None:
    """The backup is refused in a sentence, and nothing of it is left."""
    with pytest.raises(BackupError, match=words):
        restorer(target).restore(path)
    folder = target.settings.data_dir
    assert not [one for one in (folder / "files").rglob("*") if one.is_file()]
    assert not (folder / "secret.key").exists()
    assert not (folder / "backups").exists()
    with target.database.read() as session:
        assert schema.is_empty(session.connection())


def _described(name: str) -> Callable[[dict], dict]:
    """A manifest that also names a member of seven bytes."""
    sum_of_payload = "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5"

    def describe(found: dict) -> dict:
        found["members"][name] = {"size": 7, "sha256": sum_of_payload}
        return found

    return describe


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../evil", "documents/../../evil", "documents/a/b", "C:\\evil", "tables/"],
)
def test_names_that_lead_elsewhere_are_refused(
    full: Services, opened: Open, tmp_path, name: str
) -> None:
    path = rewritten(full, tmp_path, _described(name), more=lambda z: z.writestr(name, "payload"))
    assert_refused(opened("other"), path, "damaged|plain files")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR])
def test_links_and_devices_are_refused(full: Services, opened: Open, tmp_path, kind: int) -> None:
    info = ZipInfo("documents/abc")
    info.external_attr = (kind | 0o777) << 16
    path = rewritten(
        full, tmp_path, _described("documents/abc"), more=lambda z: z.writestr(info, "payload")
    )
    assert_refused(opened("other"), path, "plain files")


def test_other_compression_is_refused(full: Services, opened: Open, tmp_path) -> None:
    path = rewritten(
        full,
        tmp_path,
        _described("documents/abc"),
        more=lambda z: z.writestr("documents/abc", "payload", compress_type=ZIP_LZMA),
    )
    assert_refused(opened("other"), path, "plain files")


def test_a_name_twice_is_refused(full: Services, opened: Open, tmp_path) -> None:
    def twice(whole: ZipFile) -> None:
        with pytest.warns(UserWarning, match="Duplicate"):
            whole.writestr("tables/users.jsonl", b"")

    assert_refused(opened("other"), rewritten(full, tmp_path, more=twice), "twice")


def test_what_is_not_described_is_refused(full: Services, opened: Open, tmp_path) -> None:
    path = rewritten(full, tmp_path, more=lambda z: z.writestr("documents/abc", "payload"))
    assert_refused(opened("other"), path, "not what it describes")


def test_more_than_there_is_room_for_is_refused_before_it_is_read(
    full: Services, opened: Open, tmp_path
) -> None:
    def bomb(found: dict) -> dict:
        found["members"]["tables/pages.jsonl"]["size"] = 1 << 60
        return found

    # The declared size decides, and a member that does not keep to it is damaged.
    assert_refused(opened("other"), rewritten(full, tmp_path, bomb), "not what it is said")
    made = backups(full).make(tmp_path / "b.zip").path
    with pytest.raises(BackupError, match="room"), archive.reading(made, free=1000):
        pass


def test_a_changed_byte_is_noticed(full: Services, opened: Open, tmp_path) -> None:
    with ZipFile(backups(full).make(tmp_path / "b.zip").path) as whole:
        text_of = whole.read("tables/messages.jsonl")
    path = rewritten(
        full, tmp_path, replaced={"tables/messages.jsonl": text_of.replace(b"five", b"nine")}
    )
    assert_refused(opened("other"), path, "sum")


@pytest.mark.parametrize("part", [0, 1, 10, 50, 99])
def test_a_cut_off_file_is_refused(full: Services, opened: Open, tmp_path, part: int) -> None:
    whole = backups(full).make(tmp_path / "b.zip").path.read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: len(whole) * part // 100])
    assert_refused(opened("other"), cut, "cut off")


def test_a_damaged_file_is_refused(full: Services, opened: Open, tmp_path) -> None:
    whole = bytearray(backups(full).make(tmp_path / "b.zip").path.read_bytes())
    for place in range(60, len(whole), 997):
        whole[place] ^= 0x55
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(whole)
    assert_refused(opened("other"), damaged, "damaged|not a backup")


def test_a_file_that_is_not_there(opened: Open, tmp_path) -> None:
    assert_refused(opened("other"), tmp_path / "none.zip", "No such file")


def test_rows_that_the_database_refuses_leave_nothing(
    full: Services, opened: Open, tmp_path, postgres: PostgresServer
) -> None:
    execute(full, "PRAGMA foreign_keys=OFF")
    with sqlite3.connect(tmp_path / "full" / "studio.db") as raw:
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute("UPDATE messages SET thread_id = 'nowhere' WHERE id = 'answer'")
    made = backups(full).make(tmp_path / "b.zip").path
    assert_refused(opened("other"), made, "refused the rows of “messages”")
    assert_refused(opened("post", postgres.bare_database()), made, "refused")
