"""The one analyser: the same text gives the same terms in documents and in questions.

Words are folded (compatibility forms, case, accents) and stemmed by the Snowball stemmer of
their script. Scripts that write without spaces, Hangul and the Indic scripts give overlapping
pairs of characters instead, which match across word forms (character bigrams as in the CJK
analyser of Lucene).
"""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import snowballstemmer

from clone_studio.services.knowledge.stopwords import STOP_WORDS

# Indic and Thai vowel signs are not letters to `\w`: their whole blocks are listed.
_PAIRED = (
    "\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_TOKEN = re.compile(
    rf"(?P<paired>[{_PAIRED}]+)"
    r"|(?P<number>\d+(?:[.,]\d+)+)"
    rf"|[^\W_{_PAIRED}]+(?:['’][^\W_{_PAIRED}]+)*"
)
# Marks above and below letters of scripts where leaving them out is how people type.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0670\u0640\u200b-\u200f\ufeff]")
_STEMMERS = (
    (re.compile("[a-z]"), "english"),
    (re.compile("[\u0400-\u04ff]"), "russian"),
    (re.compile("[\u0370-\u03ff]"), "greek"),
    (re.compile("[\u0600-\u06ff]"), "arabic"),
)
_STRAIGHT = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})
MAX_TERM = 40
MOST_KNOWN = 200_000


def normalise(text: str) -> str:
    """Return `text` with compatibility forms, case and accents folded away."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    bare = _MARKS.sub("", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFC", bare).translate(_STRAIGHT)


def terms(text: str) -> list[str]:
    """Return the terms of `text`, in its order, with repetitions."""
    found: list[str] = []
    for match in _TOKEN.finditer(normalise(text)):
        token = match.group()
        if match.lastgroup == "paired":
            found.extend(_pairs(token))
        elif match.lastgroup == "number":
            found.append(token.replace(",", "")[:MAX_TERM])
        else:
            found.append(_stem(token))
    return found


def query_terms(text: str) -> list[str]:
    """Return the distinct terms of a question without stop words.

    A question made of stop words alone keeps them: something has to be looked for.
    """
    every = list(dict.fromkeys(terms(text)))
    return content_terms(every) or every


def content_terms(found: Iterable[str]) -> list[str]:
    """Return the distinct terms of `found` that are no stop words, in their order."""
    return [term for term in dict.fromkeys(found) if term not in _stop_terms()]


def _pairs(token: str) -> list[str]:
    if len(token) < 2:
        return [token]
    return [token[i : i + 2] for i in range(len(token) - 1)]


# Stems found so far: natural text repeats its words, and stemming is slow.
_known: dict[str, str] = {}
# A stemmer works on the word in itself: two threads at once fail, or spoil each other's stems.
_stemming = threading.Lock()


def _stem(token: str) -> str:
    found = _known.get(token)
    if found is None:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        found = _known[token] = _new_stem(token)
    return found


def _new_stem(token: str) -> str:
    word = token.replace("’", "'").removesuffix("'s").replace("'", "")[:MAX_TERM]
    if len(word) > 2:
        for script, language in _STEMMERS:
            if script.search(word):
                with _stemming:
                    return _stemmer(language)(word) or word
    return word


@lru_cache(maxsize=8)
def _stemmer(language: str) -> Callable[[str], str]:
    stemmer: Any = snowballstemmer.stemmer(language)
    stem: Callable[[str], str] = stemmer.stemWord
    return stem


@lru_cache(maxsize=1)
def _stop_terms() -> frozenset[str]:
    return frozenset(terms(STOP_WORDS))
