"""A document as the knowledge core sees it: pages of clean text, cut into chunks."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Page:
    """One page; numbers count from 1. `headings` are `(offset, path)` pairs in its text."""

    number: int
    label: str
    text: str
    headings: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Document:
    """What extraction found. `warnings` are sentences for the maker."""

    media_type: str
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Piece:
    """A chunk before it has an id: `page.text[start:end]` is `text`."""

    page: int
    start: int
    end: int
    heading: str
    text: str
