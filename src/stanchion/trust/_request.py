"""What an initiator's own words ask for.

Read as sentences of stems, nothing understood: a sentence asks for a tool if it holds one of the
verbs by which people ask for such a thing, and one of its objects if the tool has any. That can't
be talked into anything by a text that the initiator didn't write.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass, field

from stanchion.trust._literals import literal_keys

__all__ = ["Asked", "Requests", "asking"]

MAX_TEXT = 64 * 1024
"""Characters of one text that are read."""

_FAMILIES = [
    frozenset(line.split())
    for line in (
        "delete remove erase discard drop clear trash purge",
        "cancel call-off drop delete remove abort",
        "create add make set schedule book put plan arrange write open new register start generate",
        "add append insert put include join attach extend create",
        "append add write insert put include extend",
        "update change adjust modify edit set correct amend alter replace rename increase lower",
        "reschedule move postpone shift change update bring push",
        "schedule plan set arrange book recur automate",
        "send mail email message text write reply respond answer tell notify forward inform post "
        "remind ask share",
        "post publish write send reply respond answer tell announce share upload put",
        "pay transfer refund wire send give settle reimburse money owe buy donate",
        "share grant give send invite let",
        "invite add ask onboard bring include call",
        "reserve book rent hire order get",
        "buy order purchase get pay",
        "move copy put transfer bring",
        "run execute start launch do call perform",
        "upload put add store save send post publish",
        "download get fetch save",
        "approve accept confirm allow sign",
        "close end finish resolve complete shut",
        "open start create reopen",
        "assign give hand delegate",
    )
]
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+")
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
    alike = (family for family in _FAMILIES if not family.isdisjoint(verbs))
    return Asked(frozenset(verbs).union(*alike), frozenset(objects))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the initiator's."""

    stems: frozenset[str]
    keys: Set[str]
    """Of the literals in it."""

    def asks_for(self, asked: Asked) -> bool:
        """Tell whether this sentence asks for such a tool."""
        if self.stems.isdisjoint(map(_stem, asked.verbs)):
            return False
        return not asked.objects or any(map(self._holds, asked.objects))

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
                self.sentences.append(Sentence(stems, literal_keys(sentence)))

    def asking(self, asked: Asked) -> Iterator[Sentence]:
        """Yield the sentences that ask for such a tool."""
        return (sentence for sentence in self.sentences if sentence.asks_for(asked))


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
