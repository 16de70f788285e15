"""The model itself: tokenizer, ONNX session, mean pooling, unit length."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clone_studio.providers.embeddings.protocol import Vectors

FILES = ("model.onnx", "model.onnx_data", "tokenizer.json")
MAX_TOKENS = 256
BATCH = 16


class MiniLM:
    """A loaded sentence-transformers/all-MiniLM-L6-v2.

    Args:
        folder: Holds the files named by `FILES`.
        threads: Processor threads of one run.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {one.name for one in self._session.get_inputs()}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of `texts`, shape `(len(texts), 384)`.

        Texts of like length share a batch, because a batch costs as much as its longest.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found: Vectors | None = None
        for begin in range(0, len(order), BATCH):
            rows = order[begin : begin + BATCH]
            vectors = self._run([texts[i] for i in rows])
            if found is None:
                found = np.empty((len(texts), vectors.shape[1]), dtype=np.float32)
            found[rows] = vectors
        assert found is not None
        return found

    def _run(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(list(texts))
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        given = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        hidden = self._session.run(None, {k: v for k, v in given.items() if k in self._inputs})[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
        unit: Vectors = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        return unit.astype(np.float32)
