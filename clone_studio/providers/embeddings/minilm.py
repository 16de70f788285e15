"""all-MiniLM-L6-v2 by onnxruntime: mean of the token vectors, of unit length.

The pooling is the one of the model's card (sentence-transformers/all-MiniLM-L6-v2).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clone_studio.errors import ModelMissing
from clone_studio.providers.embeddings.protocol import Vectors

NAME = "all-MiniLM-L6-v2"
DIMENSION = 384
MOST_TOKENS = 256
# Texts of about this many tokens together, padding counted, go through the model at once.
BATCH_TOKENS = 2048
FILES = ("model.onnx", "model.onnx_data", "tokenizer.json")


class MiniLM:
    """The model, loaded. Not safe for use by several threads at once.

    Args:
        folder: Holds the model's files.
        threads: How many processor cores it may use.

    Raises:
        ModelMissing: A file is not there or cannot be loaded.
    """

    def __init__(self, folder: Path, *, threads: int) -> None:
        if not all((folder / name).is_file() for name in FILES):
            raise missing()
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for work must not turn in circles: the machine is small.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session: Any = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # Both libraries raise classes of their own that share no base but Exception.
            raise ModelMissing(
                f"The local embedding model {NAME} could not be loaded. Fetch it again with "
                "`./studio models install embedding`."
            ) from error
        self._tokenizer.enable_truncation(max_length=MOST_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector a text, shape `(len(texts), 384)`, in the order given."""
        vectors = np.zeros((len(texts), DIMENSION), np.float32)
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        # Texts of like length go together: padding is work for nothing.
        order = sorted(range(len(encoded)), key=lambda place: len(encoded[place]))
        batch: list[int] = []
        for place in order:
            if batch and (len(batch) + 1) * len(encoded[place]) > BATCH_TOKENS:
                vectors[batch] = self._forward([encoded[one] for one in batch])
                batch = []
            batch.append(place)
        if batch:
            vectors[batch] = self._forward([encoded[one] for one in batch])
        return vectors

    def _forward(self, ids: list[list[int]]) -> Vectors:
        width = max(len(one) for one in ids)
        tokens = np.zeros((len(ids), width), np.int64)
        mask = np.zeros((len(ids), width), np.int64)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
            mask[row, : len(one)] = 1
        inputs = {
            "input_ids": tokens,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(tokens),
        }
        hidden = self._session.run(None, inputs)[0]
        weights = mask[:, :, None].astype(np.float32)
        mean = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
        norms = np.linalg.norm(mean, axis=1, keepdims=True)
        return np.asarray(mean / np.maximum(norms, 1e-12), np.float32)


def missing() -> ModelMissing:
    """Return the error that says that the model is not on this machine."""
    return ModelMissing(
        f"The local embedding model {NAME} is not on this machine yet. Fetch it with "
        "`./studio models install embedding`; until then search is by words only."
    )
