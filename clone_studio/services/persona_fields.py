"""The fields of a clone that its maker may change, and the bounds of each."""

from collections.abc import Callable, Mapping
from typing import Any

from clone_studio.errors import InvalidInput
from clone_studio.providers.speech.protocol import VoiceSettings
from clone_studio.services.slugs import checked_slug

EXAMPLES_LIMIT = 6
PASSAGES = (1, 20)

Check = Callable[[str, Any], Any]


def _text(limit: int, *, required: bool = False) -> Check:
    def check(field: str, value: Any) -> str:
        text = _string(field, value).strip()
        if required and not text:
            raise InvalidInput(f"{_label(field)} is needed.", field=field)
        if len(text) > limit:
            raise InvalidInput(
                f"{_label(field)} may have at most {limit} characters; this one has {len(text)}.",
                field=field,
            )
        return text

    return check


def _number(low: float, high: float, *, whole: bool) -> Check:
    def check(field: str, value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidInput(f"{_label(field)} must be a number.", field=field) from error
        if isinstance(value, bool) or not low <= number <= high or (whole and number % 1):
            kind = "a whole number" if whole else "a number"
            raise InvalidInput(
                f"{_label(field)} must be {kind} from {low:g} to {high:g}.", field=field
            )
        return int(number) if whole else number

    return check


def _examples(field: str, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInput("Example questions must be a list.", field=field)
    one = _text(200)
    questions = [question for item in value if (question := one(field, item))]
    if len(questions) > EXAMPLES_LIMIT:
        raise InvalidInput(
            f"A clone may have at most {EXAMPLES_LIMIT} example questions.", field=field
        )
    return questions


def _retrieval(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput("Retrieval settings must be an object.", field=field)
    limit = value.get("limit")
    if limit is None or limit == "":
        return {}
    return {"limit": _number(*PASSAGES, whole=True)(f"{field}.limit", limit)}


# The bounds of `VoiceSettings`, on the scales that are stored.
_VOICE_NUMBERS = {
    "stability": (0, 1),
    "similarity": (0, 1),
    "style": (0, 1),
    "speed": (0.7, 1.2),
}


def _voice_settings(field: str, value: Any) -> dict[str, Any]:
    """Return the settings that are given and differ from the default."""
    if not isinstance(value, Mapping):
        raise InvalidInput("Voice settings must be an object.", field=field)
    found: dict[str, Any] = {
        name: float(_number(low, high, whole=False)(f"{field}.{name}", value[name]))
        for name, (low, high) in _VOICE_NUMBERS.items()
        if value.get(name) is not None
    }
    boost = value.get("speaker_boost", value.get("speakerBoost"))
    if boost is not None:
        if not isinstance(boost, bool):
            raise InvalidInput("The speaker boost is on or off.", field=f"{field}.speaker_boost")
        found["speaker_boost"] = boost
    usual = VoiceSettings()
    return {name: kept for name, kept in found.items() if kept != getattr(usual, name)}


def _slug(field: str, value: Any) -> str:
    return checked_slug(_string(field, value))


def _string(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{_label(field)} must be text.", field=field)
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidInput(f"{_label(field)} holds characters that cannot be stored.", field=field)
    return value


def _label(field: str) -> str:
    return _LABELS.get(field, field.replace("_", " ").capitalize())


_LABELS = {
    "slug": "The address",
    "no_answer_text": "The text for questions without an answer",
    "max_tokens": "The longest answer",
    "retrieval.limit": "The number of passages",
    "consent_statement": "The consent statement",
    "example_questions": "An example question",
    "voice_settings.stability": "The stability of the voice",
    "voice_settings.similarity": "The similarity of the voice",
    "voice_settings.style": "The style of the voice",
    "voice_settings.speed": "The speed of the voice",
}

_CHECKS: dict[str, Check] = {
    "name": _text(80, required=True),
    "slug": _slug,
    "avatar": _text(16),
    "purpose": _text(300),
    "description": _text(4000),
    "greeting": _text(1000),
    "example_questions": _examples,
    "no_answer_text": _text(1000),
    "language": _text(40),
    "model": _text(120),
    "temperature": _number(0, 2, whole=False),
    "max_tokens": _number(16, 16_000, whole=True),
    "retrieval": _retrieval,
    "consent_statement": _text(500),
    "voice_id": _text(80),
    "voice_name": _text(120),
    "voice_settings": _voice_settings,
}


def checked_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known fields of `changes`, checked and trimmed; unknown ones are left out.

    Raises:
        InvalidInput: A value out of its bounds; `field` names it.
    """
    return {
        field: check(field, changes[field]) for field, check in _CHECKS.items() if field in changes
    }
