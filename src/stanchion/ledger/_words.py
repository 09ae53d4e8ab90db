"""Text as words to search by, and how well a text answers a query. Pure.

One way to take words out of a text, for what is kept and for what is asked, so that every store
finds the same, and so that nothing of a query reaches a database's own search syntax: a word has
letters and digits only. Letters are folded (no case, no accents, compatibility forms as one).
Scripts without spaces are taken two characters at a time.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

__all__ = ["MAX_TEXT", "query_words", "relevance", "words_of"]

MAX_TEXT = 16_000
"""Characters of a text that can be found by; split a longer one into several documents."""

MAX_QUERY_WORDS = 32

LONGEST_WORD = 64

_DENSE = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7ff"
"""Thai, Lao, Burmese, Khmer, Chinese, Japanese and Korean."""
_WORD = re.compile(rf"([{_DENSE}]+)|[^\W_{_DENSE}]+")

_SATURATION, _LENGTH_WEIGHT = 1.2, 0.75  # the usual constants of BM25


def words_of(text: str) -> list[str]:
    """Return a text's words, folded, in order, each as often as it occurs."""
    plain = unicodedata.normalize("NFKD", text[:MAX_TEXT]).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    words: list[str] = []
    for found in _WORD.finditer(unicodedata.normalize("NFKC", plain)):
        words += _pairs(found[0]) if found[1] else [found[0][:LONGEST_WORD]]
    return words


def query_words(text: str) -> list[str]:
    """Return the words that are searched for, each once."""
    return list(dict.fromkeys(words_of(text)))[:MAX_QUERY_WORDS]


def relevance(
    query: Sequence[str], texts: Sequence[Sequence[str]], frequency: Mapping[str, int], total: int
) -> list[float]:
    """Return how well each text answers the query (BM25): rare words count more than common ones.

    ``frequency`` says how many of the ``total`` texts that could be found have a word.
    """
    weight = {word: math.log(1 + (total + 1) / (frequency.get(word, 0) + 0.5)) for word in query}
    usual = sum(map(len, texts)) / max(1, len(texts)) or 1.0
    return [_score(weight, words, usual) for words in texts]


def _score(weight: Mapping[str, float], words: Sequence[str], usual: float) -> float:
    counts = Counter(word for word in words if word in weight)
    length = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * len(words) / usual
    return sum(
        weight[word] * count * (_SATURATION + 1) / (count + _SATURATION * length)
        for word, count in counts.items()
    )


def _pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(max(1, len(word) - 1))]
