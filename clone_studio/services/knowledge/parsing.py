"""Reads a document in a child process and hands its parts over as they come."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clone_studio.errors import DocumentError
from clone_studio.providers.processes import frames
from clone_studio.providers.processes.child import Child
from clone_studio.providers.search.segment import Segment
from clone_studio.services.knowledge.document import Page, Piece

READER = "clone_studio.services.knowledge.reader"


@dataclass(frozen=True)
class Part:
    """Some pages, in order, each with the passages cut from it."""

    pages: tuple[tuple[Page, tuple[Piece, ...]], ...]


@dataclass(frozen=True)
class End:
    """The whole document was read."""

    media_type: str
    page_count: int
    warnings: tuple[str, ...]


Watch = Callable[[Callable[[], None]], None]


def parse(
    path: Path, name: str, *, seconds: int, on_stop: Watch | None = None
) -> Iterator[Part | Segment | End]:
    """Yield the parts of the document at `path`, then `End`.

    Args:
        path: The stored document.
        name: The name it was uploaded under, which proposes its kind.
        seconds: How long reading may take.
        on_stop: Called with a function that ends the reading; whoever stops the work calls it.

    Raises:
        DocumentError: With the code of what is wrong with the document.
    """
    with _reader(path, name, seconds) as (child, timed_out):
        if on_stop is not None:
            on_stop(child.kill)
        try:
            while message := frames.read(child.answers):
                yield _received(*message)
                if message[0].get("kind") == "end":
                    return
        except (frames.BrokenFrame, KeyError, TypeError, ValueError) as error:
            raise _ended(child, timed_out.is_set()) from error
        raise _ended(child, timed_out.is_set())


@contextmanager
def _reader(path: Path, name: str, seconds: int) -> Iterator[tuple[Child, threading.Event]]:
    timed_out = threading.Event()
    child = Child(READER, str(path), name, str(seconds))

    def expire() -> None:
        timed_out.set()
        child.kill()

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield child, timed_out
    finally:
        timer.cancel()
        child.close()


def _received(header: dict[str, Any], body: bytes) -> Part | Segment | End:
    kind = header["kind"]
    if kind == "part":
        return Part(tuple(_page(entry) for entry in header["pages"]))
    if kind == "segment":
        return _segment(header, body)
    if kind == "end":
        warnings = tuple(str(warning) for warning in header["warnings"])
        return End(str(header["mediaType"]), int(header["pageCount"]), warnings)
    raise DocumentError(str(header["detail"])[:500], code=str(header["code"])[:40])


def _page(entry: list[Any]) -> tuple[Page, tuple[Piece, ...]]:
    number, label, text, spots = entry
    pieces = tuple(Piece(number, start, end, heading) for start, end, heading in spots)
    return Page(number, label, text), pieces


def _segment(header: dict[str, Any], body: bytes) -> Segment:
    postings, place = {}, 0
    for term, size in zip(header["terms"], header["sizes"], strict=True):
        postings[term] = body[place : place + size]
        place += size
    return Segment(header["first"], tuple(header["lengths"]), postings)


def _ended(child: Child, timed_out: bool) -> DocumentError:
    """Return why a child ended before the document did."""
    status = child.close()
    if timed_out or status == -signal.SIGXCPU:
        return DocumentError(
            "Reading the document took too long and was stopped. Split it into parts, or save "
            "it anew as PDF or text, and upload that.",
            code="time_out",
        )
    return DocumentError(
        "The document made its reader fail: it is damaged, or made to do so. Save it anew as "
        "PDF or text and upload that.",
        code="corrupted",
    )
