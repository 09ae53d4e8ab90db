"""Every value that a run has seen, and whether it may say on whom or what a model acts.

A value has two labels. *Fact*: is it true? That is the trust of the tool that returned it.
*Selection*: who chose it? A true record found by an invented key was chosen by whoever invented
the key. A value counts as grounded if it is a literal of the initiator's, or if it has both labels
and is the only one of its role in its result, or the one that the initiator's words select there.
Nothing is inferred by a model, and a value that is unknown isn't grounded.

Built from recorded facts in a run's own order, so that it says the same on every replay. It grows
with the leaves it has seen; a question costs no more when it is large.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from stanchion.trust._amounts import Rows, amount_of, said_sums
from stanchion.trust._choice import Candidates, candidates_of, select, whole_list
from stanchion.trust._leaves import Leaf, leaves_of
from stanchion.trust._literals import literal_keys
from stanchion.trust._normal import is_amount_role, keys_of, kind_of, lookup_keys
from stanchion.trust._request import Asked, Requests
from stanchion.values import Json

__all__ = ["GROUNDED", "Ground", "ValueIndex"]

Ground: TypeAlias = Literal["default", "initiator", "look-up", "several", "untrusted", "unknown"]
"""What stands behind a value."""

GROUNDED: frozenset[Ground] = frozenset({"default", "initiator", "look-up"})
"""What a model may act on."""

MAX_ORIGINS = 8
"""Results a value is remembered to come from, the newest; to forget one only lowers trust."""

_BOUND = {"date": "day", "day": "day", "email": "email", "iban": "iban", "url": "url"}
"""Types whose literals belong to the sentence in which they stand."""

SHORTEST_TEXT = 8
"""Characters of a text of others that is noticed where it is quoted."""

_WORST_FIRST: Sequence[Ground] = ("unknown", "untrusted", "several", "look-up", "initiator")


@dataclass(slots=True)
class _Choice:
    """What a result offers for a role, and which of it the words known by then select."""

    candidates: Candidates
    selected: tuple[str, ...]
    words: int


@dataclass(slots=True)
class _Result:
    """A trusted result whose look-up was grounded."""

    tool: str
    leaves: tuple[Leaf, ...]
    rows: Rows
    choices: dict[tuple[str, str], _Choice] = field(default_factory=dict[tuple[str, str], _Choice])
    """By role and kind."""


class ValueIndex:
    """The values of one run, up to now."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._requests = Requests()
        self._own: set[str] = set()
        self._sums: list[Decimal] = []
        self._results: list[_Result] = []
        self.has_private = False
        """Whether something has been seen that is for the initiator alone."""
        self._answers: set[tuple[str, str]] = set()
        self._untrusted: set[str] = set()
        self._foreign: dict[str, None] = {}
        """Texts of others that are long enough to tell a model something."""
        self._found: defaultdict[str, list[tuple[_Result, str]]] = defaultdict(list)

    # What a run sees

    def say(self, leaves: Iterable[Leaf]) -> None:
        """Add the initiator's own words."""
        for leaf in leaves:
            text = leaf.value
            self._said |= literal_keys(text) if isinstance(text, str) else keys_of(text)
            if isinstance(text, str):
                self._requests.hear(text)
                self._sums += said_sums(text)

    def own(self, values: Iterable[str]) -> None:
        """Add who the initiator is, as the channel vouches for it."""
        for value in values:
            self._own |= keys_of(value)
            self._said |= literal_keys(value)

    def answer(self, value: Json, role: str) -> None:
        """Add what a person gave when asked for this role; it counts for no other."""
        for leaf in leaves_of(value):
            self._answers |= {(key, role) for key in keys_of(leaf.value)}

    def distrust(self, leaves: Iterable[Leaf]) -> None:
        """Add values that nobody vouches for."""
        for leaf in leaves:
            self._untrusted |= keys_of(leaf.value)
            if isinstance(leaf.value, str) and len(leaf.value.strip()) >= SHORTEST_TEXT:
                self._foreign[leaf.value.strip()] = None

    def find(self, leaves: Iterable[Leaf], *, tool: str, written: Iterable[Leaf] = ()) -> None:
        """Add a tool's result that is fact and whose look-up was grounded.

        ``written`` is what others wrote in it: it names records, which can only lower a bound.
        """
        facts = tuple(leaves)
        result = _Result(tool, facts, Rows(facts, written))
        self._results.append(result)
        kinds = {key: kind_of(leaf.value) for leaf in result.leaves for key in keys_of(leaf.value)}
        for key, kind in kinds.items():
            origins = self._found[key]
            origins.append((result, kind))
            del origins[:-MAX_ORIGINS]

    # What it knows

    def ground(self, value: Json, role: str, asked: Asked | None = None) -> Ground:
        """Say what stands behind a value, structured or not, in a role: the weakest of its leaves.

        A value without leaves says nothing of its own, like a default. If what it is for is
        ``asked`` for in sentences that name values of its type, only those of them count.
        """
        leaves = list(leaves_of(value))
        if isinstance(value, list) and len(leaves) > 1 and self._is_whole(leaves, role):
            return "look-up"
        found = {self._ground(leaf.value, role, asked) for leaf in leaves}
        worst: list[Ground] = [ground for ground in _WORST_FIRST if ground in found]
        return worst[0] if worst else "default"

    def is_untrusted(self, value: Json) -> bool:
        """Tell whether a part of this value has been seen where nobody vouches for it."""
        keys = (keys_of(leaf.value) for leaf in leaves_of(value))
        return any(each & self._untrusted and not each & self._said for each in keys)

    def asks_for(self, asked: Asked) -> bool:
        """Tell whether the initiator's words ask for such a tool."""
        return any(self._requests.asking(asked))

    def quoted_in(self, text: str) -> Sequence[str]:
        """Return the texts of others that stand in a text, the longest first.

        What the initiator said too is theirs.
        """
        found = [each for each in self._foreign if each in text and not keys_of(each) & self._said]
        return sorted(found, key=len, reverse=True)

    def is_own(self, value: Json) -> bool:
        """Tell whether a value is the initiator, as the channel vouches: an address, an account."""
        leaves = list(leaves_of(value))
        return bool(leaves) and all(keys_of(leaf.value) & self._own for leaf in leaves)

    def _ground(self, value: Json, role: str, asked: Asked | None) -> Ground:
        keys = lookup_keys(value, role)
        said = self._said_for(keys, asked)
        if any(key in said or (key, role) in self._answers for key in keys):
            return "initiator"
        if is_amount_role(role) and (amount := amount_of(value)) is not None:
            return self._bound(amount, role)
        if any(key in self._untrusted for key in keys):
            return "untrusted"
        origins = [origin for key in keys for origin in self._found.get(key, ())]
        choices = [self._choice(result, role, kind) for result, kind in origins]
        if any(key in choice.selected for choice in choices for key in keys):
            return "look-up"
        return "several" if any(keys in choice.candidates for choice in choices) else "unknown"

    def _bound(self, amount: Decimal, role: str) -> Ground:
        """Say whether the initiator's words stand for as much as this."""
        if self._sums and amount <= max(self._sums):
            return "initiator"
        least = [r.rows.least(role, self._said) for r in self._results[-MAX_ORIGINS:]]
        known = [each for each in least if each is not None]
        if not known:
            return "unknown"
        return "look-up" if amount <= min(known) else "several"

    def _is_whole(self, leaves: Sequence[Leaf], role: str) -> bool:
        """Tell whether these are all items of the only such list of a trusted result."""
        given = frozenset(lookup_keys(leaf.value, role) for leaf in leaves)
        kind = kind_of(leaves[0].value)
        near = self._results[-MAX_ORIGINS:]
        return any(whole_list(r.leaves, r.tool, role, kind) == given for r in near)

    def _said_for(self, keys: Sequence[str], asked: Asked | None) -> Set[str]:
        """Return the literals that count: of the sentences that ask, if one is of the type."""
        if asked is None:
            return self._said
        asking = list(self._requests.asking(asked))
        near = set[str]().union(*(each.keys for each in asking))
        kinds = {_BOUND.get(key.partition(":")[0]) for key in keys} - {None}
        bound = any(_BOUND.get(key.partition(":")[0]) in kinds for key in near)
        said = near if bound else self._said
        passed = set(keys).intersection(*(each.passed_over(asked) for each in asking))
        return said - passed if asking and passed and not self._named_apart(keys, asked) else said

    def _named_apart(self, keys: Sequence[str], asked: Asked) -> bool:
        """Tell whether a sentence that doesn't ask for this names one of them."""
        others = (s for s in self._requests.sentences if not s.asks_for(asked))
        return any(not each.keys.isdisjoint(keys) for each in others)

    def _choice(self, result: _Result, role: str, kind: str) -> _Choice:
        """Return what a result offers for a role, worked out again when more has been said."""
        choice = result.choices.get((role, kind))
        if choice is None or choice.words != len(self._said):
            offered = candidates_of(result.leaves, result.tool, role, kind)
            chosen = select(offered, result.leaves, self._said)
            choice = result.choices[role, kind] = _Choice(offered, chosen, len(self._said))
        return choice
