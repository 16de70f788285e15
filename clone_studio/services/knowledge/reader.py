"""The child process that reads a document: pages, passages and the terms to find them by.

Run as `python -m clone_studio.services.knowledge.reader PATH NAME SECONDS`. It sends, in the
messages of `frames.py`:

    part     pages with the passages cut from them, in order
    segment  a piece of the keyword index, its postings in the body
    end      media type, number of pages and warnings
    error    code and sentence; nothing follows
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from clone_studio.errors import DocumentError
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import become_child, end_with_parent
from clone_studio.providers.search.segment import SEGMENT_CHUNKS, Segment, SegmentBuilder
from clone_studio.services.knowledge import chunk
from clone_studio.services.knowledge.analyse import terms
from clone_studio.services.knowledge.document import Piece
from clone_studio.services.knowledge.extract.reading import Reading

MEMORY_BYTES = 1536 * 1024 * 1024
# Processor time that one page may take: honest ones take hundredths of a second, files made
# to keep their reader busy take minutes.
PAGE_SECONDS = 30.0
WATCH_SECONDS = 1.0
PART_CHARS = 200_000


class PageWatch:
    """Ends the process when a page takes too much processor time."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._began = time.process_time()
        threading.Thread(target=self._watch, daemon=True).start()

    def next_page(self) -> None:
        """Start the clock anew."""
        self._began = time.process_time()

    def _watch(self) -> None:
        # The engine lets other threads run while it works on a page.
        while time.process_time() - self._began < PAGE_SECONDS:
            time.sleep(WATCH_SECONDS)
        detail = (
            "A page of the document takes too long to read: it is damaged, or made to do so. "
            "Save it anew as PDF or text and upload that."
        )
        frames.write(self._output, {"kind": "error", "code": "time_out", "detail": detail})
        os._exit(1)


def read(path: Path, name: str, output: BinaryIO) -> None:
    """Read the document at `path` and send what it holds."""
    watch = PageWatch(output)
    reading = Reading(path, name)
    title = terms(Path(name).stem.replace("_", " "))
    builder, part, characters = SegmentBuilder(), [], 0
    for page in reading.pages():
        watch.next_page()
        pieces = list(chunk.pieces(page))
        part.append([page.number, page.label, page.text, [_spot(piece) for piece in pieces]])
        characters += len(page.text) + 1
        heading = terms(page.heading)
        for piece in pieces:
            builder.add([*title, *heading, *terms(page.text[piece.start : piece.end])])
        if characters >= PART_CHARS:
            _send_part(output, reading, part)
            part, characters = [], 0
        if len(builder) >= SEGMENT_CHUNKS:
            _send_segment(output, builder.build())
            builder = SegmentBuilder(builder.first + len(builder))
    _send_part(output, reading, part)
    if len(builder):
        _send_segment(output, builder.build())
    frames.write(
        output,
        {
            "kind": "end",
            "mediaType": reading.media_type,
            "pageCount": reading.page_count,
            "warnings": reading.warnings,
        },
    )


def _spot(piece: Piece) -> list[object]:
    return [piece.start, piece.end, piece.heading]


def _send_part(output: BinaryIO, reading: Reading, pages: list[list[object]]) -> None:
    if pages:
        header = {"kind": "part", "mediaType": reading.media_type, "pages": pages}
        frames.write(output, header)


def _send_segment(output: BinaryIO, segment: Segment) -> None:
    names = sorted(segment.postings)
    header = {
        "kind": "segment",
        "first": segment.first,
        "lengths": segment.lengths,
        "terms": names,
        "sizes": [len(segment.postings[name]) for name in names],
    }
    frames.write(output, header, b"".join(segment.postings[name] for name in names))


def main() -> None:
    """Read the document that the arguments name, within the limits of a child."""
    path, name, seconds = sys.argv[1:4]
    output = become_child(memory_bytes=MEMORY_BYTES, cpu_seconds=int(seconds))
    end_with_parent()
    try:
        read(Path(path), name, output)
    except DocumentError as error:
        frames.write(output, {"kind": "error", "code": error.code, "detail": error.detail})
    except FileNotFoundError:
        detail = "The stored document is gone from this machine's disk. Upload it again."
        frames.write(output, {"kind": "error", "code": "missing", "detail": detail})
    except OSError:
        detail = "The stored document could not be read from this machine's disk. Try again."
        frames.write(output, {"kind": "error", "code": "unreadable", "detail": detail})
    except MemoryError:
        detail = (
            "Reading the document took more memory than it may. It may be damaged, or made to "
            "fill memories. Save it anew as PDF or text and upload that."
        )
        frames.write(output, {"kind": "error", "code": "too_large", "detail": detail})


if __name__ == "__main__":
    main()
