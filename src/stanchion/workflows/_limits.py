"""Limits as a run meets them: rates and breakers over the states that all runs share.

The decisions are the tools room's; here they are taken in the store, and what was decided is kept
with the step before it goes on: a call that was admitted, and then waits for its turn or for a
person, isn't limited again when the run is resumed. A tool without limits reaches no store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from stanchion.errors import LedgerError
from stanchion.ledger import Shared
from stanchion.tools import (
    Admit,
    Circuit,
    Contract,
    Gate,
    Hold,
    Layer,
    Rate,
    Refuse,
    Said,
    TooEarly,
    limit,
    speaks_of_target,
    stop,
)
from stanchion.values import Action, ToolCall, ToolError, ToolResult
from stanchion.workflows._host import Host
from stanchion.workflows._incarnation import StepScope
from stanchion.workflows._steps import sleep_until
from stanchion.workflows._workflow import Workflow

__all__ = ["limits_of", "report", "with_gates"]

T = TypeVar("T")

SHORT = timedelta(seconds=5)
"""A wait that is over before it would be worth giving the run back."""

_NO_WAIT = timedelta(0)
_MEMORY = timedelta(hours=1)
"""How long failures count that nobody followed up."""

_log = logging.getLogger("stanchion.workflows")


def limits_of(
    scope: StepScope, workflow: Workflow[Any, Any, Any], contract: Contract, own: Sequence[Gate]
) -> Sequence[Layer]:
    """Return the limits that a call passes: none if nothing limits it."""
    if (before := _recorded(scope)) is not None:
        return [limit((before,), partial(_wait, scope))]
    gates = [*own, *_breakers(scope, contract), *_rates(scope, workflow, contract)]
    return [limit(gates, partial(_admitted, scope))] if gates else []


async def with_gates(gates: Sequence[Gate], call: ToolCall, result: ToolResult) -> ToolResult:
    """Return what came of a call; one that failed before its limits is held to these all the same.

    Wrong arguments, again and again, are a circle too.
    """
    if result.error is None or any(layer == "limit" for layer, _ in result.verdicts):
        return result
    for gate in gates:
        said = await gate(call)
        if isinstance(said, Refuse):
            return stop(replace(call, verdicts=result.verdicts), "limit", said.error)
    return result


def _recorded(scope: StepScope) -> Gate | None:
    """Return a gate that says what was said when the call was admitted, if it was before."""
    opened = None if scope.recorded is None else scope.recorded.entries[0]
    if opened is None or "admitted" not in opened.facts:
        return None
    said = opened.facts["admitted"]

    async def gate(_: ToolCall) -> Said:
        return Hold(timedelta(seconds=said["wait"]), said["why"])

    return gate


async def _admitted(scope: StepScope, wait: timedelta, why: str) -> None:
    """Keep what was decided with the step's opening entry, and wait."""
    scope.opening["admitted"] = {"wait": wait.total_seconds(), "why": why}
    await _wait(scope, wait, why)


async def _wait(scope: StepScope, wait: timedelta, _: str) -> None:
    clock = scope.incarnation.host.clock
    if wait > SHORT:
        with scope.below("/limit.1"):
            await sleep_until(scope.incarnation, clock.now() + wait)
    elif wait and scope.recorded is None:
        await clock.sleep_until(clock.now() + wait)


# Rates -------------------------------------------------------------------------------------------


def _rates(
    scope: StepScope, workflow: Workflow[Any, Any, Any], contract: Contract
) -> Sequence[Gate]:
    host, record = scope.incarnation.host, scope.incarnation.record
    named = {
        f"rate:tool:{contract.name}": contract.rate,
        f"rate:run:{record.id}": workflow.rate,
        f"rate:tenant:{record.tenant}": host.rate,
    }
    rates = {key: rate for key, rate in named.items() if rate is not None}
    return [partial(_in_turn, scope, rates)] if rates else []


async def _in_turn(scope: StepScope, rates: Mapping[str, Rate], call: ToolCall) -> Said:
    """Take a token of every bucket, or of none."""
    waits = call.origin == "code"

    def decide(
        states: Mapping[str, Any], now: datetime
    ) -> tuple[Mapping[str, Shared], timedelta | TooEarly]:
        turns = {
            key: rate.take(_time(states.get(key)), now, rate.patience if waits else _NO_WAIT)
            for key, rate in rates.items()
        }
        wait = max(turn.wait for turn in turns.values())
        taken = [(k, t.full_at) for k, t in turns.items() if not isinstance(t, TooEarly)]
        if len(taken) < len(turns):
            return {}, TooEarly(wait)
        return {key: Shared(at.isoformat(), at) for key, at in taken}, wait

    try:
        said = await scope.incarnation.host.store.decide(list(rates), decide)
    except LedgerError as error:
        raise scope.incarnation.give_up(error) from error
    if isinstance(said, TooEarly):
        return Refuse(_limit_reached(said.wait))
    return Hold(said, f"waits {said.total_seconds():.3g} s for its turn") if said else Admit()


def _limit_reached(wait: timedelta) -> ToolError:
    return ToolError(
        code="limit_reached",
        problem="too many calls in this time",
        action=Action.WAIT,
        retryable=True,
        retry_after=wait.total_seconds(),
    )


# Breakers ----------------------------------------------------------------------------------------


def _breakers(scope: StepScope, contract: Contract) -> Sequence[Gate]:
    return [] if contract.breaker is None else [partial(_unless_open, scope, contract)]


async def _unless_open(scope: StepScope, contract: Contract, _: ToolCall) -> Said:
    """Refuse while the breaker is open, as far as this process knows; ask the others rarely."""
    host = scope.incarnation.host
    seen = host.circuits.get(contract.name)
    if seen is not None and seen.shut_until is None:
        return Admit()
    if seen is not None and seen.shut_until is not None and host.clock.now() < seen.shut_until:
        return Refuse(_circuit_open(seen.shut_until - host.clock.now()))

    def admit(circuit: Circuit, now: datetime) -> tuple[Circuit, timedelta | None]:
        return circuit.admit(now, contract.timeout)

    try:
        refused = await _change(host, contract, admit)
    except LedgerError as error:
        raise scope.incarnation.give_up(error) from error
    if refused is not None:
        return Refuse(_circuit_open(refused))
    return Admit("tries whether the target is back" if host.circuits[contract.name].probing else "")


async def report(host: Host, contract: Contract, error: ToolError | None) -> None:
    """Tell the tool's breaker what came of an attempt. Never fails: the call has its outcome."""
    breaker = contract.breaker
    if breaker is None:
        return
    clean = host.circuits.get(contract.name, Circuit()).clean
    if not speaks_of_target(error) and (error is not None or clean):
        return

    def count(circuit: Circuit, now: datetime) -> tuple[Circuit, None]:
        return (circuit.succeeded() if error is None else circuit.failed(breaker, now)), None

    try:
        await _change(host, contract, count)
    except LedgerError as unavailable:
        _log.warning("the breaker of %s wasn't told: %s", contract.name, unavailable.message)


async def _change(
    host: Host, contract: Contract, change: Callable[[Circuit, datetime], tuple[Circuit, T]]
) -> T:
    """Change a tool's circuit for all runs, and remember here how it stands."""
    key = f"breaker:{contract.name}"

    def decide(
        states: Mapping[str, Any], now: datetime
    ) -> tuple[Mapping[str, Shared], tuple[Circuit, datetime, T]]:
        before = _circuit(states.get(key))
        after, answer = change(before, now)
        until = now if after.clean else (after.shut_until or now) + _MEMORY
        changed = {} if after == before else {key: Shared(_kept(after), until)}
        return changed, (after, now, answer)

    circuit, now, answer = await host.store.decide([key], decide)
    host.circuits[contract.name] = _by_clock_of(host, circuit, now)
    return answer


def _by_clock_of(host: Host, circuit: Circuit, now: datetime) -> Circuit:
    if circuit.shut_until is None:
        return circuit
    return replace(circuit, shut_until=host.clock.now() + (circuit.shut_until - now))


def _circuit_open(wait: timedelta) -> ToolError:
    return ToolError(
        code="circuit_open",
        problem="what the tool needs keeps failing and is left alone for a while",
        action=Action.WAIT,
        retryable=True,
        retry_after=wait.total_seconds(),
        do_not="do not make up a result",
    )


# Kept states -------------------------------------------------------------------------------------


def _time(kept: str | None) -> datetime | None:
    return None if kept is None else datetime.fromisoformat(kept)


def _kept(circuit: Circuit) -> dict[str, Any]:
    shut = circuit.shut_until
    return {
        "failures": circuit.failures,
        "shut_until": None if shut is None else shut.isoformat(),
        "probing": circuit.probing,
    }


def _circuit(kept: Mapping[str, Any] | None) -> Circuit:
    if kept is None:
        return Circuit()
    return Circuit(kept["failures"], _time(kept["shut_until"]), kept["probing"])
