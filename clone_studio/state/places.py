"""Where in the studio an address leads: which kind of page, and which clone."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

HOME = "/clones"
_WITH_CLONE = ("chat", "prompts", "files", "voice")
_KINDS = ("clones", *_WITH_CLONE, "settings", "health")
_REF = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,79})")


@dataclass(frozen=True)
class Place:
    """A page of the studio; `ref` is a clone's slug or UUID, empty where there is none."""

    kind: str = ""
    ref: str = ""


def place_of(path: str) -> Place:
    """Return the place of an address; an address that is not the studio's has no kind."""
    kind, ref, *_ = [*unquote(path).split("?")[0].strip("/").split("/"), "", ""]
    if kind not in _KINDS:
        return Place()
    has_clone = kind in _WITH_CLONE or (kind == "clones" and ref != "new")
    return Place(kind, ref if has_clone and _REF.fullmatch(ref) else "")


def path_for(kind: str, slug: str) -> str:
    """Return the address of the page of `kind` for a clone.

    Pages that belong to no clone lead to its chat: whoever picks a clone there wants to be
    with it.
    """
    return f"/{kind if kind in _WITH_CLONE else 'chat'}/{slug}"


def is_page(path: str) -> bool:
    """Tell whether a remembered address is one of the studio's own pages.

    The browser's storage is not to be trusted: anything else could lead out of the studio.
    """
    return bool(re.fullmatch(r"/(?!/)[a-z0-9/-]{1,200}", path)) and bool(place_of(path).kind)
