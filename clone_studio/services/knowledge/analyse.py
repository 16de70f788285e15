"""The one analyser: the same text gives the same terms in documents and in questions.

Words of alphabets are folded (case, accents) and stemmed by the Snowball stemmer of their
script; scripts that write without spaces, and the Indic ones whose words are hard to stem,
give overlapping pairs of characters.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import snowballstemmer

# Scripts without spaces, and Indic ones: the vowel signs of these are no letters to `\w`.
_PAIRED = (
    "\u0900-\u0dff"  # Devanagari to Sinhala
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"(?P<paired>[{_PAIRED}]+)|[^\W_{_PAIRED}]+(?:['’][^\W_{_PAIRED}]+)*")
_ACCENTED = re.compile(r"[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0670\u0640]")
_POSSESSIVE = re.compile(r"['’]s$")
_STEMMERS = (
    (re.compile(r"[a-z]"), "english"),
    (re.compile(r"[\u0400-\u04ff]"), "russian"),
    (re.compile(r"[\u0370-\u03ff]"), "greek"),
    (re.compile(r"[\u0600-\u06ff]"), "arabic"),
)
MAX_TERM = 40
STOP_WORDS = frozenset(
    # Words that carry no subject, as the analyser writes them. English, then the question
    # words and articles of the other languages that the studio is measured in.
    [
        "a",
        "about",
        "above",
        "after",
        "again",
        "all",
        "also",
        "am",
        "an",
        "and",
        "ani",
        "are",
        "as",
        "at",
        "be",
        "becaus",
        "been",
        "befor",
        "being",
        "below",
        "between",
        "both",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "doe",
        "does",
        "down",
        "dure",
        "each",
        "few",
        "for",
        "from",
        "further",
        "had",
        "has",
        "have",
        "he",
        "her",
        "here",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "itself",
        "just",
        "me",
        "more",
        "most",
        "my",
        "no",
        "nor",
        "not",
        "of",
        "off",
        "on",
        "onc",
        "onli",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "s",
        "same",
        "she",
        "should",
        "so",
        "some",
        "such",
        "t",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "to",
        "too",
        "under",
        "until",
        "up",
        "veri",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "whi",
        "which",
        "while",
        "who",
        "whom",
        "whose",
        "will",
        "with",
        "would",
        "you",
        "your",
        "tell",
        "der",
        "die",
        "das",
        "ein",
        "eine",
        "und",
        "ist",
        "in",
        "von",
        "zu",
        "den",
        "mit",
        "wie",
        "was",
        "wer",
        "wo",
        "wann",
        "welch",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "y",
        "de",
        "en",
        "que",
        "es",
        "por",
        "con",
        "para",
        "como",
        "cual",
        "quien",
        "donde",
        "cuando",
        "le",
        "les",
        "des",
        "du",
        "et",
        "est",
        "dans",
        "qui",
        "quel",
        "ou",
        "ce",
        "il",
        "in",
        "si",
        "cu",
        "ce",
        "care",
        "este",
        "pe",
        "din",
        "un",
        "o",
        "ve",
        "bir",
        "bu",
        "ne",
        "hangi",
        "mi",
        "na",
        "i",
        "v",
        "s",
        "co",
        "la",
        "cua",
    ]
)


def normalise(text: str) -> str:
    """Return `text` with compatibility forms, case and accents folded away."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    stripped = _ACCENTED.sub("", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFC", stripped)


def terms(text: str) -> list[str]:
    """Return the terms of `text`, in its order, with repetitions."""
    found: list[str] = []
    for match in _TOKEN.finditer(normalise(text)):
        token = match.group()
        if match.lastgroup == "paired":
            found.extend(_pairs(token))
        else:
            found.append(_stem(token))
    return found


def query_terms(text: str) -> list[str]:
    """Return the distinct terms of a question without stop words.

    A question made of stop words alone keeps them: something has to be looked for.
    """
    every = list(dict.fromkeys(terms(text)))
    return [term for term in every if term not in STOP_WORDS] or every


def _pairs(token: str) -> list[str]:
    if len(token) < 2:
        return [token]
    return [token[i : i + 2] for i in range(len(token) - 1)]


@lru_cache(maxsize=100_000)
def _stem(token: str) -> str:
    word = _POSSESSIVE.sub("", token).replace("'", "").replace("’", "")
    for script, language in _STEMMERS:
        if script.search(word):
            return _stemmer(language)(word)[:MAX_TERM] or word[:MAX_TERM]
    return word[:MAX_TERM]


@lru_cache(maxsize=8)
def _stemmer(language: str) -> Callable[[str], str]:
    stemmer: Any = snowballstemmer.stemmer(language)
    return stemmer.stemWord  # type: ignore[no-any-return]
