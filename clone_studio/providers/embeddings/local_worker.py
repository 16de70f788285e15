"""The child process that embeds passages.

Run as `python -m clone_studio.providers.embeddings.local_worker FOLDER THREADS`. Each request
is `{"texts": [...]}`; the answer's body holds the vectors as little-endian float32. It ends
when its input ends.
"""

import sys
from pathlib import Path

from clone_studio.errors import ModelMissing
from clone_studio.providers.embeddings.minilm import MiniLM
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import become_child

MEMORY_BYTES = 4 * 1024 * 1024 * 1024


def main() -> None:
    """Answer requests until the parent ends."""
    folder, threads = sys.argv[1:3]
    output = become_child(memory_bytes=MEMORY_BYTES)
    try:
        model = MiniLM(Path(folder), threads=int(threads))
    except ModelMissing:
        sys.exit(1)
    while request := frames.read(sys.stdin.buffer):
        vectors = model.embed(request[0]["texts"])
        frames.write(output, {"count": len(vectors)}, vectors.astype("<f4").tobytes())


if __name__ == "__main__":
    main()
