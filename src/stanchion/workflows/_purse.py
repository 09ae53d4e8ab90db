"""What one run may still spend: its own ceilings in memory, those it shares in accounts.

A ceiling that is private to a run is kept by its one writer: what is spent is folded from the
record, what is held is held in memory, and nothing is written for it. What a run shares is held in
accounts, with a note in its record, and settled with the commit that comes next. Whatever the
writer can't say the cost of, since it was cut off, counts at its worst case. Pure bookkeeping: who
waits, asks and commits is elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stanchion.ledger import Charge, Draft, Entry, EntryPhase, Place, RunRecord, Settlement
from stanchion.values import Json
from stanchion.workflows._budget import SECONDS, Budget, amounts_of

__all__ = ["NOTHING", "Draw", "Due", "Hold", "Purse", "Shortage", "added", "own_account"]

HELD, SPENT, RAISED, SHARING, NEARING = "held", "spent", "raised", "sharing", "ceiling near"
"""Notes about the run: something is held, was settled, a ceiling was raised or left, is shared."""

NOTHING = Settlement()
_OF_RUN = Place("", -1)


def own_account(record: RunRecord) -> str:
    """Return the account of a run's own budget; a run that it hands over to has the same."""
    return f"run:{record.root}"


def added(left: Settlement, right: Settlement) -> Settlement:
    """Return both settlements together."""
    return Settlement(*(getattr(left, n) + getattr(right, n) for n in Settlement.__slots__))


@dataclass(frozen=True, slots=True)
class Draw:
    """An account that a run draws from, with what holds for it in this process."""

    account: str
    ceilings: Mapping[str, int | None]
    """By quantity; None is what the account itself says."""
    budget: Budget
    raised_here: bool = False
    """Whoever answers for the run may raise it; otherwise an operator does."""


@dataclass(slots=True)
class Hold:
    """What is reserved for one attempt, at its worst case."""

    number: int
    worst: Settlement
    charged: Sequence[Charge] = ()
    """As held in accounts."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """What there is no room for."""

    account: str
    quantity: str
    wanted: int
    spent: int
    limit: int
    passing: bool = False
    """There will be room if what others hold comes to less than its worst case."""


@dataclass(slots=True)
class Due:
    """What the next commit records."""

    holds: list[int] = field(default_factory=list[int])
    settlement: Settlement = NOTHING
    charges: list[Charge] = field(default_factory=list[Charge])
    notes: list[Draft] = field(default_factory=list[Draft])

    def __bool__(self) -> bool:
        return bool(self.holds or self.charges or self.notes) or self.settlement != NOTHING

    def drafts(self) -> list[Draft]:
        """Return the notes that tell of it."""
        facts: dict[str, Json] = {}
        if self.holds:
            facts["holds"] = self.holds
        if self.settlement != NOTHING:
            facts["settlement"] = spelled(self.settlement)
        return [*([note(SPENT, **facts)] if facts else []), *self.notes]


class Purse:
    """The bookkeeping of one incarnation."""

    def __init__(
        self,
        record: RunRecord,
        budget: Budget | None,
        above: Sequence[Draw] = (),
        shared: Callable[[], Sequence[Draw]] = tuple,
    ) -> None:
        """Take the accounts of the runs above, and what returns those of now, as windows pass."""
        self.account = own_account(record)
        self.budget = budget or Budget()
        self.ceilings = self.budget.ceilings()
        self._above = above
        self._shared = shared
        self.sharing = False
        """The run's own ceilings are in an account, since other runs draw from them."""
        self.spent = Counter(amounts_of(record.account))
        self.held: Counter[str] = Counter()
        self.asides: dict[Place, Mapping[str, int]] = {}
        """What agents keep for concluding."""
        self.no: dict[tuple[str, str], str] = {}
        """Who said no to raising which ceiling."""
        self.answered: set[str] = set()
        self.asked: Counter[Place] = Counter()
        self.steps: dict[Place, Hold] = {}
        """Holds of steps under way."""
        self._left = bool(record.left_by)
        self._moved: set[str] = set()
        """Lanes in which this incarnation finished a step."""
        self._number = 0
        self._due = Due()
        self._seeded: set[int] = set()
        """Holds that were in memory when sharing began, and went into the account as spent."""
        self._open: dict[int, Hold] = {}

    def fold(self, entries: Iterable[Entry]) -> None:
        """Take in what is recorded; what a dead writer held counts at its worst case."""
        held: dict[int, Mapping[str, Any]] = {}
        for entry in entries:
            if entry.phase is not EntryPhase.NOTE or entry.kind != "run":
                continue
            facts = entry.facts
            if entry.name == HELD:
                held[facts["hold"]] = facts
                self._number = max(self._number, facts["hold"])
            elif entry.name == SPENT:
                for number in facts.get("holds", ()):
                    held.pop(number, None)
            elif entry.name == RAISED:
                self.answer(facts["question"], facts["account"], facts["quantity"], facts)
            elif entry.name == SHARING:
                self.sharing = True
        for number, facts in held.items():
            self._settle_for_dead(number, facts)

    def _settle_for_dead(self, number: int, facts: Mapping[str, Any]) -> None:
        worst = Settlement(**facts["worst"])
        if worst.steps:  # it has no outcome, so it is made again
            worst = NOTHING
        charges = [Charge(account, q, hold=amount) for account, q, amount in facts["charges"]]
        self._settle_charges(charges, worst)
        self._due.holds.append(number)
        self.spend(worst)

    # What is asked for

    def lacking(self, wanted: Settlement) -> Shortage | None:
        """Return what the run's own ceilings have no room for, None if they have."""
        if self.sharing:
            return None
        for quantity, amount in amounts_of(wanted).items():
            ceiling = self.ceilings.get(quantity)
            if ceiling is None:
                continue
            spent = self.spent[quantity] + self._aside(quantity)
            if spent + self.held[quantity] + amount > ceiling:
                passing = spent + amount <= ceiling
                return Shortage(self.account, quantity, amount, spent, ceiling, passing)
        return None

    def _aside(self, quantity: str) -> int:
        return sum(aside.get(quantity, 0) for aside in self.asides.values())

    def limits(self, quantity: str) -> bool:
        """Tell whether anything limits a quantity."""
        own = quantity in self.ceilings
        return own or any(quantity in draw.ceilings for draw in self.draws())

    def charges(self, worst: Settlement) -> list[Charge]:
        """Return what holds a worst case in the accounts that the run draws from."""
        amounts = amounts_of(worst)
        return [
            Charge(draw.account, quantity, hold=amounts[quantity], ceiling=ceiling)
            for draw in self.draws()
            for quantity, ceiling in draw.ceilings.items()
            if quantity in amounts
        ]

    def hold(self, worst: Settlement) -> Hold:
        """Hold a worst case in memory."""
        self._number += 1
        hold = self._open[self._number] = Hold(self._number, worst)
        self.held.update(amounts_of(worst))
        return hold

    def held_note(self, hold: Hold) -> Draft:
        """Return the note that goes with the commit in which accounts hold it."""
        charges: Json = [[c.account, c.quantity, c.hold] for c in hold.charged]
        return note(HELD, hold=hold.number, worst=spelled(hold.worst), charges=charges)

    def drop(self, hold: Hold) -> None:
        """Let go of a hold that nothing came of."""
        self._open.pop(hold.number, None)
        self.held.subtract(amounts_of(hold.worst))

    def settle(self, hold: Hold, actual: Settlement) -> None:
        """Replace a hold by what was spent; accounts learn it with the next commit."""
        if hold.number not in self._open:
            return
        self.drop(hold)
        if hold.charged:
            self._due.holds.append(hold.number)
            self._settle_charges(hold.charged, actual)
        if hold.number in self._seeded:
            self._seeded.discard(hold.number)
            self._correct(hold.worst, actual)
        self._count(actual)

    def _settle_charges(self, charges: Iterable[Charge], actual: Settlement) -> None:
        amounts = amounts_of(actual)
        for held in charges:
            spent = amounts.get(held.quantity, 0)
            self._due.charges.append(
                Charge(held.account, held.quantity, hold=-held.hold, spend=spent)
            )

    def _correct(self, worst: Settlement, actual: Settlement) -> None:
        amounts, most = amounts_of(actual), amounts_of(worst)
        for quantity in self.ceilings.keys() & most.keys():
            less = amounts.get(quantity, 0) - most[quantity]
            self._due.charges.append(Charge(self.account, quantity, spend=less))

    def _count(self, actual: Settlement) -> None:
        before = Counter(self.spent)
        self.spent.update(amounts_of(actual))
        for quantity, ceiling in self.ceilings.items():
            for fraction in self.budget.warn_at:
                if before[quantity] < fraction * ceiling <= self.spent[quantity]:
                    self._warn(quantity, fraction, ceiling)

    def _warn(self, quantity: str, fraction: float, ceiling: int) -> None:
        facts: dict[str, Json] = {"fraction": fraction, "spent": self.spent[quantity]}
        self._due.notes.append(
            note(NEARING, account=self.account, quantity=quantity, ceiling=ceiling, **facts)
        )

    # What happens besides

    def record(self, settlement: Settlement) -> None:
        """Record, with the next commit, what no step's entry does."""
        self._due.settlement = added(self._due.settlement, settlement)

    def spend(self, settlement: Settlement) -> None:
        """Count and record what was spent and has no entry of its own."""
        self.record(settlement)
        self._count(settlement)

    def finished(self, place: Place) -> None:
        """Count a step that has an outcome, or came from outside."""
        self._moved.add(place.lane)
        hold = self.steps.pop(place, None)
        if hold is not None:
            self.settle(hold, Settlement(steps=1))
            return
        self.spent["steps"] += 1
        for draw in self.draws():
            if "steps" in draw.ceilings:
                ceiling = draw.ceilings["steps"]
                self._due.charges.append(Charge(draw.account, "steps", spend=1, ceiling=ceiling))

    def left(self, place: Place) -> None:
        """Let go of a step that ended without an outcome."""
        hold = self.steps.pop(place, None)
        if hold is not None:
            self.settle(hold, NOTHING)

    def may_have_been_made(self, place: Place) -> bool:
        """Tell, once a lane, whether a dead writer may have made the call at a place."""
        above = f"{place.lane}/"
        if not self._left or any(above.startswith(f"{moved}/") for moved in self._moved):
            return False
        self._moved.add(place.lane)
        return True

    def answer(self, question: str, account: str, quantity: str, facts: Mapping[str, Any]) -> None:
        """Take in what was answered to a question about a ceiling."""
        self.answered.add(question)
        if facts.get("ceiling") is None:
            self.no[account, quantity] = facts.get("by", "")
        elif account == self.account:
            self.ceilings[quantity] = facts["ceiling"]

    def share(self) -> tuple[Draft, ...]:
        """Put the run's own ceilings into an account, since another run will draw from it."""
        ceilings = {q: c for q, c in self.ceilings.items() if q != SECONDS}
        if self.sharing or not ceilings:
            return ()
        self.sharing = True
        self._seeded = set(self._open)
        for quantity, ceiling in ceilings.items():
            spent = self.spent[quantity] + self.held[quantity]
            self._due.charges.append(Charge(self.account, quantity, spend=spent, ceiling=ceiling))
        return (note(SHARING, account=self.account),)

    def draws(self) -> Iterator[Draw]:
        """Yield the accounts that the run draws from now."""
        if self.sharing:
            own = {q: None for q in self.ceilings if q != SECONDS}
            yield Draw(self.account, own, self.budget, raised_here=True)
        yield from self._above
        yield from self._shared()

    def take_due(self) -> Due:
        """Return, once, what the next commit is to record."""
        due, self._due = self._due, Due()
        return due

    def put_back(self, due: Due) -> None:
        """Keep what a commit that failed was to record."""
        later = self._due
        self._due = replace(
            due,
            holds=due.holds + later.holds,
            settlement=added(due.settlement, later.settlement),
            charges=due.charges + later.charges,
            notes=due.notes + later.notes,
        )


def note(name: str, **facts: Json) -> Draft:
    """Return a note about the run."""
    return Draft(_OF_RUN, EntryPhase.NOTE, "run", name, None, None, facts)


def spelled(settlement: Settlement) -> dict[str, int]:
    """Return a settlement as facts, what is nothing left out."""
    found = {name: getattr(settlement, name) for name in Settlement.__slots__}
    return {name: amount for name, amount in found.items() if amount}
