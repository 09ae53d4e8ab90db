"""Accounts: what is spent and what is held of named quantities, under ceilings.

An account knows amounts and nothing of what they are amounts of. What may be spent is held first,
in one conditional update, so that two holds never take the same room; what was spent in its place
is known later and is never refused. A **share** is a part of an account that one worker leased: an
account of its own, whose ceiling is what the lease holds of the whole, so that many runs of a
worker don't wait for the row that all workers change. What a share doesn't need goes back; that of
a worker whose own lease is over is taken back, but for what its runs still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, bindparam, func, literal_column, or_, select
from sqlalchemy import update as update_of
from sqlalchemy.sql.elements import CompilerElement

from stanchion.ledger._driver import Connection, Row
from stanchion.ledger._records import Account, Charge, share_of
from stanchion.ledger._statements import DialectName, dialect_of, inserted, server_now
from stanchion.ledger._store import NoRoom
from stanchion.ledger._tables import accounts, workers

__all__ = ["Accounts"]


class Accounts:
    """The bodies of transactions and of queries."""

    def __init__(self, dialect: DialectName, lease_clock: Callable[[], int | None]) -> None:
        self._dialect: DialectName = dialect
        self._sql = _statements(dialect)
        self._lease_clock = lease_clock

    def charge(self, connection: Connection, charges: Iterable[Charge]) -> None:
        """Apply charges, always in the same order of accounts; raise NoRoom if one can't hold."""
        for each in sorted(charges, key=lambda c: (c.account, c.quantity)):
            row = _row(each)
            if each.hold <= 0:
                self._always(connection, each, row)
            elif not connection.run(self._sql.hold, row):
                self._make(connection, each)
                if not connection.run(self._sql.hold, row):
                    raise NoRoom(each.account, each.quantity)

    def lease(self, connection: Connection, whole: Charge, worker: str, least: int) -> int:
        """Move as much of an account as may be, up to ``whole.hold``, into a worker's share.

        Returns how much; 0 if that would be less than ``least``.
        """
        self._make(connection, whole)
        key = {"of_name": whole.account, "of_quantity": whole.quantity}
        standing = _account(connection.rows(self._sql.locked, key)[0])
        limit = standing.raised + (
            standing.ceiling or 0 if whole.ceiling is None else whole.ceiling
        )
        free = limit - standing.spent - standing.held
        granted = min(whole.hold, max(free // 4, least))
        if granted > free or granted < least:
            return 0
        share = share_of(whole.account, worker)
        connection.run(self._sql.hold, _row(whole) | {"hold": granted})
        row = {"name": share, "quantity": whole.quantity, "ceiling": 0}
        connection.run(self._sql.insert, row | {"part_of": whole.account, "worker": worker})
        moved = {"of_name": share, "of_quantity": whole.quantity, "more": granted}
        connection.run(self._sql.grow, moved)
        return granted

    def give_back(self, connection: Connection, worker: str) -> int:
        """Return what a worker's shares, and those of dead workers, don't hold for runs.

        Returns how many shares changed.
        """
        given = {"of_worker": worker, "now": self._lease_clock()}
        rows = connection.rows(self._sql.idle, given)
        for name, quantity, part_of in rows:
            self._return(connection, name, quantity, part_of)
        return len(rows)

    def standing(self, connection: Connection, names: Sequence[str]) -> Sequence[Account]:
        """Return these accounts, all of them without names, their shares counted in."""
        wanted = sorted({*names})
        given = {f"k{i}": name for i, name in enumerate(wanted)}
        rows = connection.rows(_listed(self._dialect, len(wanted)), given)
        found = {(a.name, a.quantity): a for a in map(_account, rows) if not a.part_of}
        for share in map(_account, rows):
            whole = found.get((share.part_of, share.quantity))
            if whole is not None:
                found[whole.name, whole.quantity] = whole.with_share(share)
        return list(found.values())

    def _return(self, connection: Connection, name: str, quantity: str, part_of: str) -> None:
        """Move what a share spent, and what nobody holds of it, back to the whole."""
        of_whole = {"of_name": part_of, "of_quantity": quantity}
        connection.rows(self._sql.locked, of_whole)  # first, as everybody who locks both does
        of_share = {"of_name": name, "of_quantity": quantity}
        share = _account(connection.rows(self._sql.locked, of_share)[0])
        released = (share.ceiling or 0) - share.held
        settled = {**of_whole, "hold": -released, "spend": share.spent, "raised_by": 0}
        connection.run(self._sql.always, settled | {"new_ceiling": None})
        connection.run(
            self._sql.shrink, {**of_share, "more": -released, "spent_there": share.spent}
        )

    def _always(self, connection: Connection, each: Charge, row: dict[str, Any]) -> None:
        if connection.run(self._sql.always, row) != 1:
            self._make(connection, each)
            connection.run(self._sql.always, row)

    def _make(self, connection: Connection, each: Charge) -> None:
        row = {"name": each.account, "quantity": each.quantity, "ceiling": each.ceiling}
        connection.run(self._sql.insert, row | {"part_of": "", "worker": ""})


def _row(each: Charge) -> dict[str, Any]:
    return {
        "of_name": each.account,
        "of_quantity": each.quantity,
        "hold": each.hold,
        "spend": each.spend,
        "raised_by": each.raised,
        "new_ceiling": each.ceiling,
    }


def _account(row: Row) -> Account:
    return Account(*row)


@dataclass(frozen=True, slots=True)
class _Statements:
    insert: str
    hold: str
    always: str
    grow: str
    shrink: str
    locked: str
    idle: str


_COLUMNS = [accounts.c[name] for name in Account.__slots__]


@cache
def _statements(name: DialectName) -> _Statements:
    dialect = dialect_of(name)
    built = {
        "insert": inserted(name, accounts, "raised", "spent", "held")
        .values(raised=_ZERO, spent=_ZERO, held=_ZERO)
        .on_conflict_do_nothing(),
        "hold": _changed().where(_fits()),
        "always": _changed(),
        "grow": _this(update_of(accounts)).values(ceiling=accounts.c.ceiling + _number("more")),
        "shrink": _this(update_of(accounts)).values(
            ceiling=accounts.c.ceiling + _number("more"),
            spent=accounts.c.spent - _number("spent_there"),
        ),
        "locked": _this(select(*_COLUMNS)).with_for_update(),
        "idle": _idle(name),
    }
    return _Statements(**{key: str(each.compile(dialect=dialect)) for key, each in built.items()})


@lru_cache(maxsize=16)
def _listed(name: DialectName, count: int) -> str:
    """Return the statement that lists ``count`` accounts, ``k0`` and so on, with their shares.

    All of them for a count of zero.
    """
    statement = select(*_COLUMNS).order_by(accounts.c.name, accounts.c.quantity)
    if count:
        wanted = [bindparam(f"k{i}", type_=Text) for i in range(count)]
        statement = statement.where(
            or_(accounts.c.name.in_(wanted), accounts.c.part_of.in_(wanted))
        )
    return str(statement.compile(dialect=dialect_of(name)))


_ZERO: ColumnElement[int] = literal_column("0", BigInteger)


def _number(name: str) -> Any:
    return bindparam(name, type_=BigInteger)


def _this(statement: Any) -> Any:
    return statement.where(
        accounts.c.name == bindparam("of_name", type_=Text),
        accounts.c.quantity == bindparam("of_quantity", type_=Text),
    )


def _changed() -> Any:
    return _this(update_of(accounts)).values(
        held=accounts.c.held + _number("hold"),
        spent=accounts.c.spent + _number("spend"),
        raised=accounts.c.raised + _number("raised_by"),
        ceiling=func.coalesce(_number("new_ceiling"), accounts.c.ceiling),
    )


def _fits() -> ColumnElement[bool]:
    ceiling = func.coalesce(_number("new_ceiling"), accounts.c.ceiling)
    taken = accounts.c.spent + accounts.c.held + _number("hold")
    return or_(ceiling.is_(None), taken <= ceiling + accounts.c.raised)


def _idle(name: DialectName) -> CompilerElement:
    alive = select(workers.c.id).where(workers.c.expires_at > server_now(name))
    mine = accounts.c.worker == bindparam("of_worker", type_=Text)
    unneeded = or_(accounts.c.spent != _ZERO, accounts.c.ceiling != accounts.c.held)
    return (
        select(accounts.c.name, accounts.c.quantity, accounts.c.part_of)
        .where(accounts.c.part_of != literal_column("''"), unneeded)
        .where(or_(mine, accounts.c.worker.not_in(alive)))
        .order_by(accounts.c.name, accounts.c.quantity)
    )
