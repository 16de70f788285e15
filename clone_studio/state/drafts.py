"""Unsent questions, one per clone, in the browser's local storage. Pure functions on its text."""

import json

DRAFT_CHARS = 20_000
ALL_CHARS = 60_000


def _read(stored: str) -> dict[str, str]:
    """Return the drafts by clone; what is not ours in the browser's storage reads as none."""
    try:
        drafts = json.loads(stored)
    except ValueError:
        return {}
    if not isinstance(drafts, dict):
        return {}
    return {key: text for key, text in drafts.items() if isinstance(text, str)}


def read_draft(stored: str, clone: str) -> str:
    """Return the draft for `clone`, empty when there is none."""
    return _read(stored).get(clone, "")[:DRAFT_CHARS]


def keep_draft(stored: str, clone: str, text: str) -> str:
    """Return the storage text with the draft for `clone` set; an empty text removes it.

    The oldest drafts go first when all together are longer than `ALL_CHARS`.
    """
    drafts = _read(stored)
    drafts.pop(clone, None)
    if text.strip():
        drafts[clone] = text[:DRAFT_CHARS]
    while sum(map(len, drafts.values())) > ALL_CHARS:
        drafts.pop(next(iter(drafts)))
    return json.dumps(drafts)
