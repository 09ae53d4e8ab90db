"""Small states that runs share, changed by pure decisions: what is left of a rate, a breaker.

No record and no history: a state lapses at its time and is then as good as none. The states that a
decision reads are locked until its transaction ends, so that two processes never decide on the same
one. A key that isn't there yet is put there first: a row that doesn't exist can't be locked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stanchion.ledger._codec import canonical
from stanchion.ledger._driver import Connection, Row
from stanchion.ledger._moments import micros, moment
from stanchion.ledger._records import Decide
from stanchion.ledger._statements import DialectName, Statements, shared_of

__all__ = ["SharedStates"]

_SIZES = (1, 2, 4)


class SharedStates:
    """The transaction's body; it runs inside a transaction that the writer holds."""

    def __init__(
        self, dialect: DialectName, statements: Statements, clock: Callable[[], int | None]
    ) -> None:
        self._dialect: DialectName = dialect
        self._sql = statements
        self._clock = clock

    def decide(self, connection: Connection, keys: Sequence[str], decide: Decide[Any]) -> Any:
        """Let a decision change the states of these keys; return its answer."""
        rows = self._locked(connection, keys)
        missing = sorted({*keys} - {row[0] for row in rows})
        if missing:
            self._make(connection, missing)
            rows = self._locked(connection, keys)
        now: int = rows[0][3]
        states: Mapping[str, Any] = {
            key: json.loads(state) for key, state, until, _ in rows if until > now
        }
        changed, answer = decide(states, moment(now))
        for key in sorted(changed):
            state = canonical(changed[key].state, what=f"the shared state {key}").decode()
            row = {"of_key": key, "state": state, "until": micros(changed[key].until)}
            connection.run(self._sql.shared_put, row)
        if missing:
            connection.later(self._sql.shared_purge, {"now": now})
        return answer

    def _locked(self, connection: Connection, keys: Sequence[str]) -> Sequence[Row]:
        wanted = sorted(keys)
        size = next((size for size in _SIZES if size >= len(wanted)), len(wanted))
        wanted += wanted[-1:] * (size - len(wanted))
        parameters = {f"k{i}": key for i, key in enumerate(wanted)}
        given = {**parameters, "now": self._clock()}
        return connection.rows(shared_of(self._dialect, size), given)

    def _make(self, connection: Connection, keys: Sequence[str]) -> None:
        for key in keys:
            row = {"key": key, "state": "null", "expires_at": 0}
            connection.run(self._sql.shared_insert, row)
