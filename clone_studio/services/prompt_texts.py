"""What may be stored as a prompt: its place, its text and its message, and the line diff."""

import difflib
import re

from clone_studio.errors import InvalidInput, NotFound, TooLarge
from clone_studio.services import prompt_language
from clone_studio.services.templates import LAYERS

MESSAGE_CHARS = 500
REASON_CHARS = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def checked_place(layer: str, name: str) -> tuple[str, str]:
    """Return layer and name of a prompt.

    Raises:
        NotFound: There is no such layer, or a prompt cannot have this name.
    """
    if layer not in LAYERS or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise NotFound("There is no such prompt. The layers are system, rag and user.")
    return layer, name


def plain_text(text: str) -> str:
    """Return a text as it is stored: lines end with one character, whatever the browser sent.

    Raises:
        TooLarge: Longer than a prompt may be.
        InvalidInput: It holds characters that no database takes.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(plain) > prompt_language.SOURCE_CHARS:
        raise TooLarge(prompt_language.TOO_LONG, field="content")
    if "\x00" in plain or any("\ud800" <= c <= "\udfff" for c in plain):
        raise InvalidInput("This prompt holds characters that cannot be stored.", field="content")
    return plain


def checked_text(text: str) -> str:
    """Return a text that can become a version: stored as it is, and known to be right.

    Raises:
        TooLarge: As `plain_text`.
        InvalidInput: As `plain_text`; it is empty; it is wrong, with the line.
    """
    plain = plain_text(text)
    if not plain.strip():
        raise InvalidInput("A prompt cannot be empty. Write what it should say.", field="content")
    prompt_language.check(plain)
    return plain


def checked_message(message: str) -> str:
    """Return a commit message as one line.

    Raises:
        InvalidInput: Longer than `MESSAGE_CHARS`.
    """
    line = " ".join(plain_text(message[: 2 * MESSAGE_CHARS]).split())
    if len(line) > MESSAGE_CHARS:
        raise InvalidInput(
            f"A message may have at most {MESSAGE_CHARS} characters. Shorten it.",
            field="commitMessage",
        )
    return line


def line_diff(before: str, after: str, before_name: str, after_name: str) -> str:
    """Return what changed between two texts as a unified diff of their lines; empty for nothing."""
    return "\n".join(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), before_name, after_name, lineterm=""
        )
    )
