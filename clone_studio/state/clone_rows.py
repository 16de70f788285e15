"""Clones as the pages show them: avatar, counts and times in words."""

import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from clone_studio.services.personas import PersonaInfo

HUES = 8
_AVATAR = re.compile(r"(?P<letters>.{0,12})#(?P<hue>[0-7])", re.DOTALL)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class CloneRow:
    """What the clone menu and the cards show of one clone."""

    key: str = ""
    slug: str = ""
    name: str = ""
    letters: str = ""
    hue: str = "7"
    purpose: str = ""
    counts: str = ""
    used: str = ""
    used_exact: str = ""
    is_sample: bool = False
    consent: str = ""
    model: str = ""


def initials(name: str) -> str:
    """Return up to two initials of a name, or one character where words have no case."""
    words = [word for word in re.split(r"[\s\-_.]+", name.strip()) if word]
    if not words:
        return "?"
    picked = words[:1] if len(words) == 1 else [words[0], words[-1]]
    return "".join(word[0] for word in picked).upper()


def avatar_parts(avatar: str, name: str, key: str) -> tuple[str, str]:
    """Return letters (or an emoji) and the number of the colour, "0" to "7".

    Args:
        avatar: The stored avatar: `letters#hue`, or letters alone, or nothing.
        name: The clone's name: gives the initials where none are stored.
        key: The clone's id: gives a lasting colour where none is stored.
    """
    found = _AVATAR.fullmatch(avatar)
    letters = found["letters"] if found else avatar
    hue = found["hue"] if found else str(zlib.crc32(key.encode()) % HUES)
    return letters.strip() or initials(name), hue


def avatar_value(letters: str, hue: str) -> str:
    """Return what is stored for an avatar: the opposite of `avatar_parts`."""
    return f"{letters.strip()[:12]}#{hue if hue in tuple('01234567') else '7'}"


def counted(number: int, one: str, many: str) -> str:
    """Return a count with its unit, thousands separated: `1,204 chunks`."""
    return f"{number:,} {one if number == 1 else many}"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return a moment relative to now, in words; empty for none."""
    if moment is None:
        return ""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    if seconds < 30 * _DAY:
        return f"{counted(int(seconds // _DAY), 'day', 'days')} ago"
    return moment.strftime("%-d %b %Y")


def exactly(moment: datetime | None) -> str:
    """Return a moment in full, in UTC; empty for none."""
    return moment.astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC") if moment else ""


def clone_row(persona: PersonaInfo) -> CloneRow:
    """Return the row of one clone."""
    letters, hue = avatar_parts(persona.avatar, persona.name, persona.id)
    files = counted(persona.files, "file", "files")
    used = ago(persona.last_used_at)
    return CloneRow(
        key=persona.id,
        slug=persona.slug,
        name=persona.name,
        letters=letters,
        hue=hue,
        purpose=persona.purpose or persona.description[:200],
        counts=f"{files} · {counted(persona.chunks, 'chunk', 'chunks')}",
        used=f"Used {used}" if used else "Not used yet",
        used_exact=exactly(persona.last_used_at),
        is_sample=persona.is_sample,
        consent=persona.consent_at.strftime("%-d %b %Y") if persona.consent_at else "",
        model=persona.model,
    )
