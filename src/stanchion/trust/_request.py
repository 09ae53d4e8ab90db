"""What an initiator's own words ask for.

Read as sentences of words, nothing understood: a sentence asks for a tool if it holds, in its plain
form, one of the verbs by which people ask for such a thing, and one of its objects if the tool has
any. That can't be talked into anything by a text that the initiator didn't write.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field

from stanchion.trust._english import ALIKE, BEFORE_VERBS, NOUNS_TOO
from stanchion.trust._literals import literal_keys

__all__ = ["Asked", "Requests", "asking"]

MAX_TEXT = 64 * 1024
"""Characters of one text that are read."""

_TO_ASSISTANT = re.compile(
    r"\b(tell|send|give|show|get|write|mail|email|message|ask|answer|forward|post|share)"
    r" (?:it |them |this )?(?:back )?(?:to |for |with )?(?:me|us)\b",
    re.IGNORECASE,
)
"""``Tell me``, ``send it to me``: said to whoever is asked, and no effect on anybody else."""
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"[^\W\d_]+|[^\w\s]")
_NAMED = re.compile(r"['\"\u201c\u2018`]\w|(?<=\s)[A-Z][a-z]|\S@\S|\w\.\w")
"""A quotation, a name, an address: somebody or something is named."""
_ENDINGS = ("ations", "ation", "ings", "ing", "ed", "es", "s", "e")
_SHORTEST = 3
"""Letters of a stem."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How people ask for a tool."""

    verbs: frozenset[str]
    objects: frozenset[str] = frozenset()
    """If there are any, the sentence with the verb also holds one of them."""


def asking(*verbs: str, objects: Collection[str] = ()) -> Asked:
    """Return how people ask for a tool that does this: by these verbs and those meant alike."""
    alike = (ALIKE.get(verb, verb).split() for verb in verbs)
    return Asked(frozenset(verbs).union(*alike), frozenset(objects))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the initiator's."""

    text: str
    verbs: Mapping[str, int]
    """Words that can be verbs here, and where each first ends."""
    stems: frozenset[str]
    keys: Set[str]
    """Of the literals in it."""

    def asks_for(self, asked: Asked) -> bool:
        """Tell whether this sentence asks for such a tool."""
        if asked.verbs.isdisjoint(self.verbs):
            return False
        return not asked.objects or any(map(self._holds, asked.objects))

    def passed_over(self, asked: Asked) -> Set[str]:
        """Return what is named only before it is asked, if something is named after that.

        In "read what Bob wrote and send it to Ada" nothing is to be sent to Bob.
        """
        start = min(at for verb, at in self.verbs.items() if verb in asked.verbs)
        after = self.text[start:]
        return self.keys - literal_keys(after) if _NAMED.search(after) else frozenset()

    def _holds(self, thing: str) -> bool:
        stem = _stem(thing)
        return any(_is_one(stem, each) for each in self.stems)


@dataclass(slots=True)
class Requests:
    """The sentences that an initiator has said."""

    sentences: list[Sentence] = field(default_factory=list[Sentence])

    def hear(self, text: str) -> None:
        """Take in a text."""
        for sentence in _SENTENCE.split(text[:MAX_TEXT]):
            stems = frozenset(map(_stem, _WORD.findall(sentence)))
            if stems:
                verbs = _verbs(_TO_ASSISTANT.sub(lambda m: " " * len(m[0]), sentence))
                self.sentences.append(Sentence(sentence, verbs, stems, literal_keys(sentence)))

    def asking(self, asked: Asked) -> Iterator[Sentence]:
        """Yield the sentences that ask for such a tool."""
        return (sentence for sentence in self.sentences if sentence.asks_for(asked))


def _verbs(sentence: str) -> Mapping[str, int]:
    """Return the words of a sentence, those that are nouns too only where they can be verbs."""
    before, found = "", dict[str, int]()
    for match in _TOKEN.finditer(sentence.lower()):
        word = match[0]
        if word[0].isalpha() and (
            word not in NOUNS_TOO or before in BEFORE_VERBS or not before[-1:].isalpha()
        ):
            found.setdefault(word, match.end())
        before = word
    return found


def _stem(word: str) -> str:
    word = word.lower()
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST:
            return stem
    return word


def _is_one(stem: str, word: str) -> bool:
    """Tell whether two stems are of one word: info, inform(ation)."""
    short, long = sorted((stem, word), key=len)
    return short == long or (len(short) > _SHORTEST and long.startswith(short))
