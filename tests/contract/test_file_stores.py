"""What every store of documents keeps to."""

import hashlib
import os
from pathlib import Path

import pytest

from clone_studio.errors import DocumentError
from clone_studio.providers.files.disk import ABANDONED_SECONDS, DiskFileStore


@pytest.fixture
def store(tmp_path: Path) -> DiskFileStore:
    return DiskFileStore(tmp_path / "files")


def test_what_was_written_is_given_back(store: DiskFileStore) -> None:
    upload = store.begin()
    upload.write(b"one ")
    upload.write(b"two")
    assert upload.size == 7
    key, digest = upload.keep()
    assert digest == hashlib.sha256(b"one two").hexdigest()
    with store.open(key) as stream:
        assert stream.read() == b"one two"
    upload.discard()
    assert store.path(key).is_file()


def test_nothing_is_stored_before_it_is_kept(store: DiskFileStore, tmp_path: Path) -> None:
    upload = store.begin()
    upload.write(b"half")
    upload.discard()
    upload.discard()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_deleting_twice_is_no_error(store: DiskFileStore) -> None:
    upload = store.begin()
    key, _ = upload.keep()
    store.delete(key)
    store.delete(key)
    with pytest.raises(DocumentError) as missing:
        store.open(key)
    assert missing.value.code == "missing"


def test_every_kept_document_is_listed_and_no_other(store: DiskFileStore) -> None:
    assert list(store.keys()) == []
    kept = [store.begin(), store.begin()]
    keys = {upload.keep()[0] for upload in kept}
    coming = store.begin()
    coming.write(b"still coming")
    assert set(store.keys()) == keys
    coming.discard()
    gone = keys.pop()
    store.delete(gone)
    assert set(store.keys()) == keys


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "", "a/b", "..", "%2e%2e"])
def test_no_key_leads_out_of_the_folder(store: DiskFileStore, key: str) -> None:
    with pytest.raises(DocumentError):
        store.path(key)
    store.delete(key)


def test_abandoned_uploads_are_removed_and_fresh_ones_are_not(
    store: DiskFileStore, tmp_path: Path
) -> None:
    old, fresh = store.begin(), store.begin()
    fresh.write(b"still coming")
    for path in (tmp_path / "files" / "incoming").iterdir():
        if path.name == old._key:
            past = path.stat().st_mtime - ABANDONED_SECONDS - 60
            os.utime(path, (past, past))
    store.clear_abandoned()
    assert [path.name for path in (tmp_path / "files" / "incoming").iterdir()] == [fresh._key]
    old.discard()
    fresh.discard()
