"""Turns a follow-up question into one that search can work with, without asking a model."""

import re
from collections.abc import Sequence

from clone_studio.providers.llm.protocol import ChatTurn

SHORT_WORDS = 4
QUERY_CHARS = 1000
# Words that point back to what was said before; English, German, French and Spanish.
_POINTING = """
it its they them their theirs he him his she her hers this that these those one ones there
then former latter same such
er ihn ihm sie ihr ihre ihnen es dies diese dieser dieses das davon dazu damit daran darin
il elle ils elles cela ceci ça celui celle ceux leur leurs y
él ella ello ellos ellas esto esta este estos estas eso esa ese aquello
"""
_POINTERS = frozenset(_POINTING.split())
_OPENERS = re.compile(
    r"^(and|but|so|also|what about|how about|why|tell me more|more|go on|for example"
    r"|und|aber|warum|wieso|und was ist mit|mehr"
    r"|et|mais|pourquoi|y|pero|por qué)\b[\s,]*",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")


def search_query(question: str, history: Sequence[ChatTurn]) -> str:
    """Return what to search for: the question, with the one before it when it leans on that.

    Args:
        question: What was asked now.
        history: The turns before, oldest first.
    """
    query = _bounded(question)
    before = next((turn.content for turn in reversed(history) if turn.role == "user"), "")
    if before and _leans_back(question):
        return f"{_bounded(before)}\n{query}"
    return query


def _leans_back(question: str) -> bool:
    words = _WORD.findall(question.lower())
    if len(words) > 25:
        return False
    return (
        len(words) <= SHORT_WORDS
        or not _POINTERS.isdisjoint(words)
        or _OPENERS.match(question.strip()) is not None
    )


def _bounded(text: str) -> str:
    """Return both ends of a very long text: the question usually stands in one of them."""
    if len(text) <= QUERY_CHARS:
        return text
    half = QUERY_CHARS // 2
    return f"{text[:half]} {text[-half:]}"
