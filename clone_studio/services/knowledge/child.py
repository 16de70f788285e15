"""The child process that reads one untrusted document, and the parent's call of it.

The child writes what it found as JSON lines into a file: first a head, then pages, then
pieces with their terms; or one line with an error. It runs at low priority with limits on
memory and processor time, and ends when its parent does.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from clone_studio.errors import DocumentError

NICENESS = 10
MEMORY_BYTES = 2 * 1024**3
POLL_SECONDS = 0.05


class Cancelled(Exception):
    """The work was given up on request."""


def read_document(
    source: Path, name: str, output: Path, seconds: int, cancelled: Callable[[], bool]
) -> None:
    """Extract and cut a document in a child process; `output` then holds the lines.

    Args:
        source: The document's bytes.
        name: The name it was uploaded under.
        output: Where the lines go.
        seconds: How long the child may take.
        cancelled: Asked regularly; once true, the child is killed.

    Raises:
        DocumentError: time_out, or unreadable when the child died.
        Cancelled: When `cancelled` said so.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(source), name, str(output), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + seconds
    try:
        while process.poll() is None:
            if cancelled():
                raise Cancelled
            if time.monotonic() > deadline:
                raise DocumentError(
                    f"Reading this file took longer than {seconds} seconds and was stopped. "
                    "Split it into smaller files.",
                    code="time_out",
                )
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
    if process.returncode != 0:
        raise DocumentError(
            "Reading this file needed more memory or time than the studio allows. "
            "Split it into smaller files, or export it again.",
            code="unreadable",
        )


def lines(output: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines the child wrote.

    Raises:
        DocumentError: When the child found that the document cannot be read.
    """
    with output.open(encoding="utf-8") as stream:
        for line in stream:
            row: dict[str, Any] = json.loads(line)
            if "error" in row:
                raise DocumentError(str(row["error"]), code=str(row["code"]))
            yield row


def _limit(seconds: int) -> None:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # The parent holds the other end: when it is gone, however it ended, so is this process.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _main(source: Path, name: str, output: Path) -> None:
    from clone_studio.services.knowledge.analyse import terms
    from clone_studio.services.knowledge.chunk import pieces
    from clone_studio.services.knowledge.extract import extract

    with output.open("w", encoding="utf-8") as stream:

        def write(**row: Any) -> None:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")

        try:
            document = extract(source, name)
        except DocumentError as error:
            write(error=error.detail, code=error.code)
            return
        write(media_type=document.media_type, warnings=document.warnings, pages=len(document.pages))
        for page in document.pages:
            write(number=page.number, label=page.label, text=page.text)
        for piece in pieces(document):
            found = terms(f"{piece.heading} {piece.text}")
            write(
                page=piece.page, start=piece.start, end=piece.end,
                heading=piece.heading, text=piece.text, terms=" ".join(found),
            )  # fmt: skip


if __name__ == "__main__":
    _limit(int(sys.argv[4]))
    _main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
