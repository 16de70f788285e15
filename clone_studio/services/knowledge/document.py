"""A document as the knowledge core sees it: pages of clean text, cut into passages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page; numbers count from 1. `heading` is the path of headings it stands under."""

    number: int
    label: str
    text: str
    heading: str = ""


@dataclass(frozen=True)
class Piece:
    """A passage before it has an id: it is `page.text[start:end]`."""

    page: int
    start: int
    end: int
    heading: str


@dataclass(frozen=True)
class PageLoss:
    """A page without text, or one whose text was cut or could not be read."""

    number: int
    reason: str
