"""Slugs: the short names that stand in addresses."""

import re
import unicodedata
from collections.abc import Container

from clone_studio.errors import InvalidInput

SLUG_LIMIT = 60
RESERVED = frozenset({"new"})
FALLBACK = "clone"

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Letters that Unicode does not decompose into a Latin letter and an accent.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"}
)


def is_uuid(text: str) -> bool:
    """Tell whether `text` has the form of a UUID in lower case."""
    return _UUID.fullmatch(text) is not None


def slug_from(name: str) -> str:
    """Return the slug of a name: accents dropped, words joined by hyphens, at most 60 characters.

    A name without a single Latin letter or digit, or with a reserved one, gives a slug that
    begins with `clone`.
    """
    folded = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    ascii_only = "".join(c for c in folded if not unicodedata.combining(c))
    words = re.findall(r"[a-z0-9]+", ascii_only)
    slug = "-".join(words)[:SLUG_LIMIT].strip("-")
    if not slug:
        return FALLBACK
    return f"{FALLBACK}-{slug}"[:SLUG_LIMIT] if slug in RESERVED or is_uuid(slug) else slug


def free_slug(name: str, taken: Container[str]) -> str:
    """Return the slug of `name`, numbered from 2 on where it is taken."""
    base = slug = slug_from(name)
    number = 1
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def checked_slug(text: str) -> str:
    """Return `text` as a slug the user may choose.

    Raises:
        InvalidInput: Other characters than `[a-z0-9-]`, reserved, or shaped like a UUID.
    """
    slug = text.strip().lower()
    if len(slug) > SLUG_LIMIT or not _SLUG.fullmatch(slug):
        raise InvalidInput(
            "An address may hold lower case letters, digits and single hyphens between them, "
            f"and at most {SLUG_LIMIT} characters.",
            field="slug",
        )
    if slug in RESERVED or is_uuid(slug):
        raise InvalidInput(f'The address "{slug}" is reserved. Choose another one.', field="slug")
    return slug
