"""The runtime with one of its mechanisms taken out, in a worker's process only.

Each mutant must be caught by the same trials and the same verdict that find nothing in the real
one. They reach into private parts on purpose: what they remove has no switch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from stanchion.ledger import Commit, Decide, EntryPhase, LateOutcome, Store
from stanchion.tools import AskPerson, CallAgain, Move, UseResult
from stanchion.workflows import _effects, _incarnation

__all__ = ["LIMITLESS", "MUTANTS"]

T = TypeVar("T")


def _no_intent(store: Store) -> Store:
    """Write no intent before the body; what was sent is known only from its outcome."""
    note = _incarnation.StepScope.note

    async def forgetful(scope: Any, phase: EntryPhase, *args: Any, **facts: Any) -> None:
        if phase is not EntryPhase.INTENT:
            await note(scope, phase, *args, **facts)

    vars(_incarnation)["StepScope"].note = forgetful
    return store


class _Unfenced:
    """A store that writes for whoever asks, whatever their epoch."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, commit: Commit) -> None:
        record = await self._store.get(commit.run)
        await self._store.append(replace(commit, epoch=record.epoch))


class _Deaf:
    """A store that drops what fenced writers learnt."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def late(self, outcome: LateOutcome) -> None:
        del outcome


class _Solitary:
    """A store in which every process has limits of one kind of its own, lost with it."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind
        self._own: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def decide(self, keys: Sequence[str], decide: Decide[T]) -> T:
        if not keys[0].startswith(self._kind):
            return await self._store.decide(keys, decide)
        states = {key: self._own[key] for key in keys if key in self._own}
        changed, answer = decide(states, datetime.now(UTC))
        self._own.update({key: shared.state for key, shared in changed.items()})
        return answer


def _no_fencing(store: Store) -> Store:
    return _Unfenced(store)  # type: ignore[return-value]


def _lost_late_outcome(store: Store) -> Store:
    return _Deaf(store)  # type: ignore[return-value]


def _rates_in_memory(store: Store) -> Store:
    return _Solitary(store, "rate:")  # type: ignore[return-value]


def _breakers_in_memory(store: Store) -> Store:
    return _Solitary(store, "breaker:")  # type: ignore[return-value]


def _no_wait(store: Store) -> Store:
    """Ask the reconciler at once."""
    decide = _effects.next_move

    def hasty(*args: Any, **facts: Any) -> Any:
        early = facts["intent_deadline"] - timedelta(days=1)
        return decide(*args, **{**facts, "intent_deadline": early})

    _effects.next_move = hasty
    return store


def _instead_of_a_person(other: Move) -> Callable[[Store], Store]:
    """Make another move where a person should be asked."""

    def apply(store: Store) -> Store:
        decide = _effects.next_move

        def rash(*args: Any, **facts: Any) -> Any:
            move = decide(*args, **facts)
            return other if isinstance(move, AskPerson) else move

        _effects.next_move = rash
        return store

    return apply


MUTANTS: dict[str, Callable[[Store], Store]] = {
    "no intent": _no_intent,
    "no fencing": _no_fencing,
    "no wait before reconcile": _no_wait,
    "unknown writes sent again": _instead_of_a_person(CallAgain()),
    "unknown writes taken as done": _instead_of_a_person(UseResult("made up")),
    "late outcomes lost": _lost_late_outcome,
    "rates in memory": _rates_in_memory,
    "breakers in memory": _breakers_in_memory,
}
LIMITLESS = {"rates in memory", "breakers in memory"}
"""Those that only a trial of limits can catch."""
