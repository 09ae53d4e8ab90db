"""Queries that page through a whole ledger, for its verification.

Every page is bounded, by rows and for payloads by bytes, and starts after the last key of the one
before, so that nothing is held open while a run goes on writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from stanchion.ledger._driver import Connection, Row
from stanchion.ledger._statements import DialectName, dialect_of
from stanchion.ledger._tables import documents, entries, inbox, payloads, runs, waits

__all__ = ["ENTRIES_A_PAGE", "Scan", "scan_for"]

ENTRIES_A_PAGE = 500
_RUNS_A_PAGE = 200
_PAYLOADS_A_PAGE = 200
_ASKED_AT_ONCE = 64
_BYTES_A_PAGE = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scan:
    """The compiled queries for one dialect."""

    run_page: str
    entry_page: str
    payload_sizes: str
    payload_page: str
    orphan_entries: str
    orphan_waits: str
    lost_messages: str
    lost_documents: str
    torn_links: str
    mentions: str
    last_seq: str
    payloads_present: str

    def runs(self, connection: Connection, after: int) -> Sequence[Row]:
        """Return (n, id) of the runs after a number."""
        return connection.rows(self.run_page, {"after": after, "limit": _RUNS_A_PAGE})

    def entries(self, connection: Connection, n: int, after: int, through: int) -> Sequence[Row]:
        """Return a run's entries after a seq, in the form of ``entry_of`` without the run."""
        page = {"n": n, "after": after, "through": through, "limit": ENTRIES_A_PAGE}
        return connection.rows(self.entry_page, page)

    def payloads(self, connection: Connection, tenant: str, digest: bytes) -> Sequence[Row]:
        """Return (tenant, digest, encoding, data) of the payloads after a key, few if large."""
        page = {"tenant": tenant, "digest": digest, "limit": _PAYLOADS_A_PAGE}
        wanted, size = 0, 0
        for (length,) in connection.rows(self.payload_sizes, page):
            size += length
            if wanted and size > _BYTES_A_PAGE:
                break
            wanted += 1
        return connection.rows(self.payload_page, {**page, "limit": wanted}) if wanted else []

    def last(self, connection: Connection, n: int) -> int:
        """Return the seq of a run's last entry, 0 if it has none."""
        return int(connection.rows(self.last_seq, {"n": n})[0][0] or 0)

    def missing(self, connection: Connection, tenant: str, contents: Iterable[bytes]) -> set[bytes]:
        """Return the digests whose payload isn't there."""
        wanted = set(contents)
        return wanted - _present(connection, self.payloads_present, tenant, wanted)

    def strays(self, connection: Connection) -> list[tuple[str, str]]:
        """Return what belongs to no run, as (run, what is wrong)."""
        found = [
            (f"number {n}", f"{count} entries of a run that doesn't exist")
            for n, count in connection.rows(self.orphan_entries, {})
        ]
        found += [
            (run, f"an open wait at {lane or 'root'}[{ordinal}] of a run that has ended or is gone")
            for run, lane, ordinal in connection.rows(self.orphan_waits, {})
        ]
        found += [
            (run, f"the payload of inbox message {n} is missing")
            for run, n in connection.rows(self.lost_messages, {})
        ]
        found += [
            (run, f"it handed over to {successor}, which doesn't come after it")
            for run, successor in connection.rows(self.torn_links, {})
        ]
        found += [
            ("", f"the payload of the document {key!r} in {scope!r} is missing")
            for scope, key in connection.rows(self.lost_documents, {})
        ]
        return found

    def mentioned(self, connection: Connection, tenant: str, digest: bytes) -> tuple[str, int]:
        """Return the first run and seq that refer to a digest, or an empty run."""
        wanted = {"tenant": tenant, "digest": digest, "hex": f"%{digest.hex()}%"}
        rows = connection.rows(self.mentions, wanted)
        return (str(rows[0][0]), int(rows[0][1])) if rows else ("", 0)


def _present(connection: Connection, sql: str, tenant: str, wanted: Iterable[bytes]) -> set[bytes]:
    rest, found = list(wanted), set[bytes]()
    while rest:
        batch, rest = rest[:_ASKED_AT_ONCE], rest[_ASKED_AT_ONCE:]
        batch += batch[-1:] * (_ASKED_AT_ONCE - len(batch))
        asked = {f"d{i}": digest for i, digest in enumerate(batch)}
        found.update(row[0] for row in connection.rows(sql, {"tenant": tenant, **asked}))
    return found


@cache
def scan_for(name: DialectName) -> Scan:
    """Return the queries of a dialect, compiled at the first call."""
    dialect = dialect_of(name)
    limit, first = bindparam("limit", type_=BigInteger), literal_column("0", BigInteger)
    after_payload = tuple_(payloads.c.tenant, payloads.c.digest) > tuple_(
        bindparam("tenant", type_=Text), bindparam("digest", type_=LargeBinary)
    )
    payload_order = (payloads.c.tenant, payloads.c.digest)
    columns = [c for c in entries.c if c.name != "run"]
    successor = runs.alias("successor")
    built: dict[str, Any] = {
        "run_page": select(runs.c.n, runs.c.id).where(runs.c.n > bindparam("after")),
        "entry_page": select(*columns)
        .where(
            entries.c.run == bindparam("n"),
            entries.c.seq > bindparam("after"),
            entries.c.seq <= bindparam("through"),
        )
        .order_by(entries.c.seq),
        "last_seq": select(func.max(entries.c.seq)).where(entries.c.run == bindparam("n")),
        "payload_sizes": select(func.length(payloads.c.data))
        .where(after_payload)
        .order_by(*payload_order),
        "payload_page": select(*payloads.c).where(after_payload).order_by(*payload_order),
        "orphan_entries": select(entries.c.run, func.count())
        .outerjoin(runs, runs.c.n == entries.c.run)
        .where(runs.c.n.is_(None))
        .group_by(entries.c.run),
        "orphan_waits": select(waits.c.run, waits.c.lane, waits.c.ordinal)
        .outerjoin(runs, runs.c.id == waits.c.run)
        .where(
            or_(
                runs.c.id.is_(None),
                runs.c.state.not_in(
                    [literal_column("'running'", Text), literal_column("'waiting'", Text)]
                ),
            )
        ),
        "lost_messages": select(inbox.c.run, inbox.c.n)
        .outerjoin(runs, runs.c.id == inbox.c.run)
        .outerjoin(
            payloads,
            and_(payloads.c.tenant == runs.c.tenant, payloads.c.digest == inbox.c.payload),
        )
        .where(payloads.c.digest.is_(None)),
        "lost_documents": select(documents.c.scope, documents.c.key)
        .outerjoin(
            payloads,
            and_(payloads.c.tenant == documents.c.tenant, payloads.c.digest == documents.c.body),
        )
        .where(payloads.c.digest.is_(None)),
        "torn_links": select(runs.c.id, runs.c.successor)
        .outerjoin(
            successor,
            and_(successor.c.id == runs.c.successor, successor.c.predecessor == runs.c.id),
        )
        .where(runs.c.successor != literal_column("''", Text), successor.c.id.is_(None)),
        "mentions": select(runs.c.id, entries.c.seq)
        .join(runs, runs.c.n == entries.c.run)
        .where(
            runs.c.tenant == bindparam("tenant", type_=Text),
            or_(
                entries.c.request == bindparam("digest", type_=LargeBinary),
                entries.c.result == bindparam("digest", type_=LargeBinary),
                entries.c.facts.like(bindparam("hex", type_=Text)),
            ),
        )
        .order_by(entries.c.position),
    }
    asked = [bindparam(f"d{i}", type_=LargeBinary) for i in range(_ASKED_AT_ONCE)]
    built["payloads_present"] = select(payloads.c.digest).where(
        payloads.c.tenant == bindparam("tenant"), payloads.c.digest.in_(asked)
    )
    built["run_page"] = built["run_page"].order_by(runs.c.n)
    for paged in ("run_page", "entry_page", "payload_sizes", "payload_page"):
        built[paged] = built[paged].limit(limit).offset(first)
    built["mentions"] = built["mentions"].limit(literal_column("1")).offset(first)
    return Scan(**{key: str(query.compile(dialect=dialect)) for key, query in built.items()})
