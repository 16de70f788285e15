"""The local language model over a stand-in child, so that its logic runs without 1.1 GB."""

import hashlib
from pathlib import Path

from clone_studio.providers import local_models
from clone_studio.providers.llm.local import LocalLanguageModel
from clone_studio.providers.model_catalogue import Engine, LocalModel, ModelFile

WORKER = "tests.servers.llama_worker"


def tiny(weights: bytes = b"weights", engine: Engine | None = None) -> LocalModel:
    """Return a model of one file that holds `weights`."""
    total = hashlib.sha256(weights).hexdigest()
    file = ModelFile("model.gguf", len(weights), total, "x", ())
    return LocalModel("tiny-llm", "llm", "MIT", "a/b", "main", (file,), engine)


def put(model: LocalModel, folder: Path, weights: bytes = b"weights") -> Path:
    """Put the model where an installation would, and return its folder."""
    (folder / model.name).mkdir(parents=True)
    (folder / model.name / "model.gguf").write_bytes(weights)
    assert local_models.is_installed(model, folder)
    return folder / model.name


def local_model(
    folder: Path,
    weights: bytes = b"weights",
    *,
    seconds: float = 30.0,
    idle: float = 300.0,
    most_waiting: int = 16,
) -> LocalLanguageModel:
    """Return the provider with an installed model and the stand-in child."""
    model = tiny(weights)
    put(model, folder, weights)
    return LocalLanguageModel(
        folder,
        message_seconds=seconds,
        idle_seconds=idle,
        most_waiting=most_waiting,
        worker=WORKER,
        model=model,
    )
