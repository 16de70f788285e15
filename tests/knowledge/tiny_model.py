"""A model small enough to be written by a test: each word has a vector, the model looks it up.

The ONNX file is put together byte by byte in protobuf's wire format: one `Gather` node over a
table of vectors, with the inputs and the output that MiniLM has.
"""

import json
import struct
from pathlib import Path

import numpy as np

WORDS = ("bread", "bake", "oven", "lamp", "harbour", "keeper", "night", "ship", "clockwork")
_INT64, _FLOAT = 7, 1


def write_model(folder: Path, dimension: int = 384) -> Path:
    """Write model and tokenizer into `folder` and return it."""
    folder.mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate(("[PAD]", "[UNK]", *WORDS))}
    table = np.random.default_rng(3).standard_normal((len(vocabulary), dimension))
    (folder / "model.onnx").write_bytes(_model(table.astype("<f4")))
    (folder / "model.onnx_data").write_bytes(b"")
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(vocabulary)))
    return folder


def _tokenizer(vocabulary: dict[str, int]) -> dict[str, object]:
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }


def _model(table: "np.ndarray[tuple[int, int], np.dtype[np.float32]]") -> bytes:
    node = _text(1, "table") + _text(1, "input_ids") + _text(2, "last_hidden_state")
    node += _text(4, "Gather")
    tensor = _number(1, table.shape[0]) + _number(1, table.shape[1]) + _number(2, _FLOAT)
    tensor += _text(8, "table") + _bytes(9, table.tobytes())
    graph = _bytes(1, node) + _text(2, "tiny") + _bytes(5, tensor)
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        graph += _bytes(11, _value(name, _INT64, ("batch", "width")))
    graph += _bytes(12, _value("last_hidden_state", _FLOAT, ("batch", "width", table.shape[1])))
    opset = _text(1, "") + _number(2, 13)
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, opset)


def _value(name: str, kind: int, shape: tuple[str | int, ...]) -> bytes:
    sizes = b"".join(
        _bytes(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += struct.pack("B", number & 127 | 128)
        number >>= 7
    return out + struct.pack("B", number)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
