"""Unsaved changes of clone forms, kept in the browser's storage, one draft per clone."""

import json

from clone_studio.state.clone_fields import FIELDS

NEW = "new"
DRAFTS_KEPT = 5
STORAGE_CHARS = 200_000

Draft = dict[str, str]


def read_draft(stored: str, key: str) -> Draft:
    """Return the draft of `key`; what does not have the right form counts as none.

    The browser's storage can hold anything, so names, types and lengths are checked.
    """
    draft = _all(stored).get(key)
    if not isinstance(draft, dict):
        return {}
    return {
        name: value[:limit]
        for name, limit in FIELDS.items()
        if isinstance(value := draft.get(name), str)
    }


def keep_draft(stored: str, key: str, draft: Draft) -> str:
    """Return the storage with the draft of `key` in it; an empty draft is left out."""
    others = {name: one for name, one in _all(stored).items() if name != key}
    newest = list(others.items())[-(DRAFTS_KEPT - 1) :]
    return json.dumps(dict([*newest, (key, draft)] if draft else newest))


def drop_draft(stored: str, key: str) -> str:
    """Return the storage without the draft of `key`."""
    return keep_draft(stored, key, {})


def _all(stored: str) -> dict[str, object]:
    if len(stored) > STORAGE_CHARS:
        return {}
    try:
        value = json.loads(stored)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
