"""Circuit breakers: when they open, who tries whether the target is back, what closes them."""

from datetime import UTC, datetime, timedelta

from stanchion.tools import Breaker, Circuit, speaks_of_target
from stanchion.values import Action, ToolError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BREAKER = Breaker(failures=3, cooldown=timedelta(seconds=30))
TIMEOUT = timedelta(seconds=5)


def opened() -> Circuit:
    circuit = Circuit()
    for _ in range(3):
        circuit = circuit.failed(BREAKER, NOW)
    return circuit


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    twice = Circuit().failed(BREAKER, NOW).failed(BREAKER, NOW)

    assert twice.admit(NOW, TIMEOUT) == (twice, None)
    assert twice.succeeded() == Circuit()
    assert opened().admit(NOW, TIMEOUT)[1] == BREAKER.cooldown


def test_after_the_cooldown_one_call_tries_and_the_others_still_wait() -> None:
    later = NOW + BREAKER.cooldown

    probing, refused = opened().admit(later, TIMEOUT)

    assert refused is None
    assert probing.admit(later, TIMEOUT)[1] == TIMEOUT
    assert probing.admit(later + TIMEOUT, TIMEOUT)[1] is None  # the first was never heard of


def test_the_call_that_tries_closes_it_or_opens_it_again() -> None:
    later = NOW + BREAKER.cooldown
    probing, _ = opened().admit(later, TIMEOUT)

    assert probing.succeeded() == Circuit()
    assert probing.failed(BREAKER, later).admit(later, TIMEOUT)[1] == BREAKER.cooldown


def test_calls_that_began_before_it_opened_change_nothing() -> None:
    assert opened().succeeded() == opened()
    assert opened().failed(BREAKER, NOW + timedelta(seconds=9)) == opened()


def test_only_failures_of_the_target_count() -> None:
    codes = ["timeout", "unreachable", "service_failed", "unavailable"]

    assert all(speaks_of_target(ToolError(code, "", Action.WAIT)) for code in codes)
    assert not speaks_of_target(ToolError("invalid_argument", "", Action.FIX_ARGUMENTS))
    assert not speaks_of_target(ToolError("not_found", "", Action.ASK_USER))
    assert not speaks_of_target(None)
