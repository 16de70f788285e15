"""The local embedder: a model that is missing, and the child process that makes passages."""

from pathlib import Path

import numpy as np
import pytest

from clone_studio.errors import ModelMissing
from clone_studio.providers.embeddings.local import LocalEmbedder
from tests.knowledge.tiny_model import write_model


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path)
    for attempt in (
        lambda: embedder.embed_query("a"),
        lambda: embedder.embed_passages(["a"]),
        embedder.check,
    ):
        with pytest.raises(ModelMissing, match="models install embedding"):
            attempt()


def test_a_model_that_is_damaged_is_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "all-MiniLM-L6-v2")
    (folder / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelMissing, match="could not be loaded"):
        LocalEmbedder(tmp_path).embed_query("a")


def test_a_child_that_was_killed_is_started_again(tmp_path: Path) -> None:
    write_model(tmp_path / "all-MiniLM-L6-v2")
    embedder = LocalEmbedder(tmp_path)
    first = embedder.embed_passages(["lamp"])
    child = embedder._child
    assert child is not None
    child.kill()
    child.wait()
    assert np.allclose(embedder.embed_passages(["lamp"]), first)
    embedder.close()
    assert embedder._child is None


def test_the_child_ends_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    write_model(tmp_path / "all-MiniLM-L6-v2")
    embedder = LocalEmbedder(tmp_path, idle_seconds=0.05)
    embedder.embed_passages(["lamp"])
    child = embedder._child
    if child is not None:
        child.wait()
    embedder.close()
    assert embedder._child is None
