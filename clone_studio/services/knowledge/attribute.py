"""Citation marks for the sentences of a small model, which cannot be trusted to set them.

Asked for marks it forgets them, or writes any number. So code alone decides: a sentence gets the
mark of a passage, a few sentences long, that holds most of its words, every name and figure in
it, and all that it adds to the question. A sentence that no passage supports stays without.

Words are compared, not meanings: a true sentence in quite other words stays without, and a wrong
one made of the passage's own words alone is cited. The reader is shown what it is made of.
"""

import re
from collections.abc import Sequence

from clone_studio.services.knowledge import sentences
from clone_studio.services.knowledge.analyse import content_terms, terms
from clone_studio.services.knowledge.marks import MarkScanner, Token
from clone_studio.services.knowledge.passages import Passage

# The passage must hold so much of what a sentence says; of names and of what it adds, all.
ENOUGH = 0.75
_WORD = re.compile(r"\w+")
_TAIL = re.compile(r"\s*\Z")


class Attributor:
    """Sets the marks of one answer while it streams; takes out those the model wrote.

    Args:
        question: What was asked.
        passages: What the model was given, numbered from 1 in this order.
    """

    def __init__(self, question: str, passages: Sequence[Passage]) -> None:
        self._asked = frozenset(terms(question))
        self._held = [frozenset(terms(one.text)) for one in passages]
        self._scanner = MarkScanner()
        self._open = ""
        self._passed = 0
        self._in_code = False

    def feed(self, delta: str) -> str:
        """Return the text to pass on; white space waits until it is known what follows."""
        for token in self._scanner.feed(delta):
            self._take(token)
        passed = self._close_sentences()
        return passed + self._pass_on(len(_TAIL.sub("", self._open)))

    def finish(self) -> str:
        """Return what was held back, with the mark of the last sentence."""
        for token in self._scanner.feed("", last=True):
            self._take(token)
        passed = self._close_sentences()
        end = len(self._open.rstrip())
        passed += self._pass_on(end) + self._mark_for(self._open[:end])
        passed += self._pass_on(len(self._open))
        self._open, self._passed = "", 0
        return passed

    def _take(self, token: Token) -> None:
        # The white space before a mark goes with it; it has not been passed on yet.
        self._open = self._open.rstrip(" \t") if token.numbers else self._open + token.text

    def _pass_on(self, end: int) -> str:
        text, self._passed = self._open[self._passed : end], max(end, self._passed)
        return text

    def _close_sentences(self) -> str:
        """Pass on every sentence that is complete, that is: behind which another has begun."""
        passed = ""
        while len(spans := list(sentences.spans(self._open))) > 1:
            end = spans[0][1]
            passed += self._pass_on(end) + self._mark_for(self._open[:end])
            self._open, self._passed = self._open[end:], 0
        return passed

    def _mark_for(self, sentence: str) -> str:
        """Return the mark of the passage that supports `sentence`, empty where none does."""
        if sentence.count("```") % 2:
            self._in_code = not self._in_code
        if self._in_code or "`" in sentence or sentence.endswith(("?", ":")):
            return ""
        said = frozenset(content_terms(terms(sentence)))
        needed = (said - self._asked) | _names(sentence)
        shares = [
            len(said & held) / len(said) if said and needed <= held else 0.0 for held in self._held
        ]
        best = max(shares, default=0.0)
        return f" [{shares.index(best) + 1}]" if best >= ENOUGH else ""


def _names(sentence: str) -> frozenset[str]:
    """Return the terms of words with a capital or a digit in front, but for the first word."""
    words = _WORD.findall(sentence)[1:]
    named = " ".join(word for word in words if word[0].isupper() or word[0].isdigit())
    return frozenset(content_terms(terms(named)))
