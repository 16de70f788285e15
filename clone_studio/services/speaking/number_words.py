"""Numbers and dates as English words, because an engine that guesses reads a year as a sum."""

import re
from collections.abc import Callable

from hibari.g2p import numbers

_MONTHS = re.findall(
    r"\w+",
    "January February March April May June July August September October November December",
)
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>1[1-9]\d\d|20\d\d)"
_CURRENCIES = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent")}
_PLURALS = {"penny": "pence"}
# Beyond this nobody follows the words, and the word list ends.
MOST_DIGITS = 15
# The commonest words of the languages that share our letters: more of them than of English
# ones, and the numbers are left to the engine.
_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the of and to is in that it was for with as you are this be on not have by from at",
    )
)
_FOREIGN = frozenset(
    re.findall(
        r"\w+",
        "der die das und ist nicht ein le la les et est des un el los que y es por il che di per "
        "de het een van och att som na nie w z",
    )
)


def in_words(text: str) -> str:
    """Return `text` with its numbers, dates, times and sums of money written out.

    Text that does not look English is returned as it is.
    """
    words = re.findall(r"[^\W\d_]+", text.lower())
    if sum(word in _FOREIGN for word in words) > sum(word in _ENGLISH for word in words):
        return text
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def _integer(digits: str) -> str:
    plain = digits.replace(",", "")
    return digits if len(plain) > MOST_DIGITS else _cardinal(int(plain))


def _cardinal(number: int) -> str:
    return str(numbers.cardinal(number))


def _year(number: int) -> str:
    return str(numbers.year(number))


def _iso_date(found: re.Match[str]) -> str:
    month = int(found["number"])
    if not 1 <= month <= 12:
        return found[0]
    day = numbers.ordinal(int(found["day"]))
    return f"{_MONTHS[month - 1]} {day}, {_year(int(found['year']))}"


def _date(found: re.Match[str]) -> str:
    year = f", {_year(int(found['year']))}" if found["year"] else ""
    return f"{found['month']} {numbers.ordinal(int(found['day']))}{year}"


def _day_first(found: re.Match[str]) -> str:
    year = f", {_year(int(found['year']))}" if found["year"] else ""
    return f"the {numbers.ordinal(int(found['day']))} of {found['month']}{year}"


def _money(found: re.Match[str]) -> str:
    unit, part = _CURRENCIES[found["sign"]]
    whole = _integer(found["whole"])
    if found["scale"]:
        decimals = f" point {' '.join(numbers.ONES[int(one)] for one in found['part'] or '')}"
        return f"{whole}{decimals if found['part'] else ''} {found['scale']} {unit}s"
    said = f"{whole} {unit}{'' if found['whole'] == '1' else 's'}"
    cents = int((found["part"] or "0").ljust(2, "0")[:2])
    if not cents:
        return said
    plural = _PLURALS.get(part, part + "s")
    return f"{said} and {_cardinal(cents)} {part if cents == 1 else plural}"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour > 24 or minute > 59:
        return found[0]
    if not minute:
        rest = " o'clock" if 1 <= hour <= 12 else " hundred"
    else:
        rest = f" {'oh ' if minute < 10 else ''}{_cardinal(minute)}"
    return _cardinal(hour) + rest


def _decade(found: re.Match[str]) -> str:
    said = _year(int(found["year"]))
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


def _decimal(found: re.Match[str]) -> str:
    whole, _, part = found["number"].partition(".")
    return f"{_integer(whole)} point {' '.join(numbers.ONES[int(one)] for one in part)}"


_ALONE = r"(?<![\w.,:/-])"
_ENDS = r"(?![\w/:]|[.,-]\d)"
_Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
_RULES: tuple[_Rule, ...] = (
    (re.compile(r"\b(?P<year>\d{4})-(?P<number>\d\d)-(?P<day>[0-3]\d)\b"), _iso_date),
    (re.compile(rf"\b{_MONTH} {_DAY}(?:,? {_YEAR})?\b(?!:)"), _date),
    (re.compile(rf"\b{_DAY} {_MONTH}(?:,? {_YEAR})?\b"), _day_first),
    (
        re.compile(
            r"(?P<sign>[$£€])\s?(?P<whole>\d[\d,]*)(?:\.(?P<part>\d{1,2}))?\b"
            r"(?: (?P<scale>thousand|million|billion|trillion)\b)?"
        ),
        _money,
    ),
    (re.compile(r"\b(?P<hour>\d{1,2}):(?P<minute>\d\d)\b(?!:)"), _time),
    (re.compile(rf"\b{_YEAR}s\b"), _decade),
    (
        re.compile(r"\b(?P<number>\d{1,6})(?:st|nd|rd|th)\b"),
        lambda found: numbers.ordinal(int(found["number"])),
    ),
    # A stretch of numbers, before its two sides become words.
    (
        re.compile(r"(?<![\w-])(?P<first>\d+)\s?[–-]\s?(?P<last>\d+)(?![\w-])"),
        lambda found: f"{found['first']} to {found['last']}",
    ),
    (re.compile(rf"{_ALONE}{_YEAR}{_ENDS}"), lambda found: _year(int(found["year"]))),
    (re.compile(rf"{_ALONE}(?P<number>\d[\d,]*\.\d{{1,9}}){_ENDS}"), _decimal),
    (re.compile(rf"{_ALONE}\d[\d,]*{_ENDS}(?<!,)"), lambda found: _integer(found[0])),
    (re.compile(r"(?<=[a-z]) ?%"), lambda _found: " percent"),
    (re.compile(r"(?<=\s)&(?=\s)"), lambda _found: "and"),
)
