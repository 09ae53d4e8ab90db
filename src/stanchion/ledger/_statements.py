"""Every statement of the store, built with SQLAlchemy and compiled once per dialect.

What runs is the compiled text with the driver's own parameters: building and compiling a statement
costs more than executing it. Nothing here is executed. Where the dialects differ, it is the source
of the time (``now``) and of a transaction's number (``xid``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.elements import CompilerElement
from sqlalchemy.types import TypeEngine

from stanchion.ledger._tables import (
    entries,
    inbox,
    late_outcomes,
    metadata,
    payloads,
    runs,
    shared,
    waits,
    workers,
)

__all__ = [
    "ACCOUNT",
    "FETCH_SIZES",
    "DialectName",
    "Statements",
    "advance_by",
    "dialect_of",
    "inserted",
    "members",
    "payloads_in",
    "runs_where",
    "server_now",
    "shared_of",
    "statements_for",
    "waits_where",
]

DialectName: TypeAlias = Literal["sqlite", "postgresql"]

ACCOUNT = (
    "steps",
    "model_calls",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cost_nanos",
    "unpriced_calls",
)
"""The columns of a run's account, in the order of a settlement's fields."""

FETCH_SIZES: dict[DialectName, tuple[int, ...]] = {
    "sqlite": (1, 8, 64),  # more take longer each: SQLite sorts them first
    "postgresql": (1, 8, 64, 512),
}
"""How many digests one statement asks for; the rest of the last batch repeats its last digest."""

_STORE_BYTES: dict[DialectName, str] = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
}

_LIMIT = bindparam("limit", type_=BigInteger)
_FIRST: ColumnElement[int] = literal_column("0", Integer)
_ENTRY_COLUMNS = [c for c in entries.c if c.name != "run"]
_RUN_COLUMNS = [c for c in runs.c if c.name != "n"]


@dataclass(frozen=True, slots=True)
class Statements:
    """The compiled texts for one dialect."""

    dialect: DialectName
    run_insert: str
    run_by_id: str
    run_by_key: str
    head: str
    addressee: str
    handed_over: str
    change: str
    claim: str
    runnable: str
    next_wake: str
    heartbeat: str
    states: str
    entry_insert: str
    entry_copy: str
    entries_of: str
    follow: str
    payload_insert: str
    wait_open: str
    wait_close: str
    waits_clear: str
    inbox_insert: str
    inbox_take: str
    inbox_move: str
    inbox_known: str
    inbox_unread: str
    late_insert: str
    late_of: str
    shared_insert: str
    shared_put: str
    shared_purge: str
    run_states: str
    payload_bytes: str
    store_bytes: str
    counts: tuple[tuple[str, str], ...]


@cache
def statements_for(name: DialectName) -> Statements:
    """Return the statements of a dialect, compiled at the first call."""
    dialect = dialect_of(name)
    built = {**_runs(name), **_entries(name), **_contents(name), **_messages(name)}
    counts = tuple(
        (table.name, _compile(select(func.count()).select_from(table), dialect))
        for table in metadata.sorted_tables
    )
    compiled = {key: _compile(statement, dialect) for key, statement in built.items()}
    return Statements(dialect=name, **compiled, counts=counts)


@lru_cache(maxsize=16)
def payloads_in(name: DialectName, count: int) -> str:
    """Return the statement that fetches ``count`` payloads, as ``d0`` to ``d<count-1>``."""
    wanted = [bindparam(f"d{i}", type_=LargeBinary) for i in range(count)]
    return _compile(
        select(payloads.c.digest, payloads.c.encoding, payloads.c.data).where(
            payloads.c.tenant == bindparam("tenant"), payloads.c.digest.in_(wanted)
        ),
        dialect_of(name),
    )


@lru_cache(maxsize=128)
def advance_by(name: DialectName, spent: tuple[str, ...]) -> str:
    """Return the statement that moves a run's head and adds to these columns of its account."""
    added = {column: runs.c[column] + bindparam(column) for column in spent}
    moved = update(runs).values(
        seq=bindparam("new_seq"), chain=bindparam("new_chain"), updated_at=bindparam("at"), **added
    )
    owned = moved.where(
        runs.c.n == bindparam("of_run"),
        runs.c.epoch == bindparam("at_epoch"),
        runs.c.seq == bindparam("at_seq"),
    )
    return _compile(owned, dialect_of(name))


@lru_cache(maxsize=16)
def waits_where(name: DialectName, fields: tuple[str, ...]) -> str:
    """Return the statement that reads waits restricted by these columns."""
    statement = select(
        waits.c.run,
        waits.c.lane,
        waits.c.ordinal,
        waits.c.kind,
        waits.c.topic,
        waits.c.wake_at,
        waits.c.body,
    ).order_by(waits.c.n)
    for field in fields:
        statement = statement.where(waits.c[field] == bindparam(field))
    return _compile(statement, dialect_of(name))


@lru_cache(maxsize=16)
def shared_of(name: DialectName, count: int) -> str:
    """Return the statement that locks ``count`` shared states, as ``k0`` to ``k<count-1>``."""
    wanted = [bindparam(f"k{i}", type_=Text) for i in range(count)]
    statement = select(shared.c.key, shared.c.state, shared.c.expires_at, _now(name))
    locked = statement.where(shared.c.key.in_(wanted)).order_by(shared.c.key).with_for_update()
    return _compile(locked, dialect_of(name))


@lru_cache(maxsize=64)
def runs_where(name: DialectName, fields: tuple[str, ...], states: int, tags: int) -> str:
    """Return the statement that lists runs restricted by columns, states and tags."""
    statement = select(*_RUN_COLUMNS).order_by(runs.c.created_at.desc(), runs.c.n.desc())
    for field in fields:
        statement = statement.where(runs.c[field] == bindparam(field))
    if states:
        wanted = [bindparam(f"state{i}", type_=Text) for i in range(states)]
        statement = statement.where(runs.c.state.in_(wanted))
    for i in range(tags):
        statement = statement.where(_tag(name, i))
    before = bindparam("before", type_=BigInteger)
    statement = statement.where(runs.c.created_at < before).limit(_LIMIT).offset(_FIRST)
    return _compile(statement, dialect_of(name))


def dialect_of(name: DialectName) -> Dialect:
    """Return SQLAlchemy's dialect with the parameter style of our driver."""
    if name == "sqlite":
        return _dialects(name).dialect(paramstyle="named")
    return _dialects(name).psycopg.dialect()


def _dialects(name: DialectName) -> Any:
    # Importing PostgreSQL's dialects takes longer than opening a file.
    if name == "sqlite":
        from sqlalchemy.dialects import sqlite  # see above

        return sqlite
    from sqlalchemy.dialects import postgresql  # see above

    return postgresql


def members(name: DialectName, array: str, type_: TypeEngine[Any]) -> Select[tuple[Any]]:
    """Return the query for the members of the JSON array that a parameter holds."""
    given = bindparam(array, type_=Text)
    if name == "sqlite":
        return select(cast(func.json_each(given).table_valued("value").c.value, type_))
    texts = func.jsonb_array_elements_text(cast(given, _dialects(name).JSONB))
    return select(cast(texts.column_valued(f"{array}_given"), type_))


def _runs(name: DialectName) -> dict[str, CompilerElement]:
    now = _now(name)
    of_run = runs.c.id == bindparam("run")
    by_key = select(*_RUN_COLUMNS).where(
        runs.c.tenant == bindparam("tenant"),
        runs.c.workflow == bindparam("workflow"),
        runs.c.key == bindparam("key"),
        runs.c.key != _quoted(""),
    )
    head = select(runs.c.n, runs.c.tenant, runs.c.seq, runs.c.chain, runs.c.epoch).where(of_run)
    waiting = exists().where(runs.c.id == waits.c.run, runs.c.state == _quoted("waiting"))
    return {
        "run_insert": _insert(name, runs, "n").on_conflict_do_nothing(),
        "run_by_id": select(*_RUN_COLUMNS).where(of_run),
        "run_by_key": by_key,
        "head": head,
        "addressee": _addressee(),
        "handed_over": select(runs.c.n).where(runs.c.id == bindparam("of_run")).with_for_update(),
        "change": _change(),
        "claim": _claim(name, now),
        "runnable": _runnable(name, now),
        "next_wake": select(func.min(waits.c.wake_at)).where(waiting),
        "heartbeat": _heartbeat(name, now),
        "states": select(runs.c.state).where(of_run),
        "run_states": select(runs.c.state, func.count()).group_by(runs.c.state),
    }


def _entries(name: DialectName) -> dict[str, CompilerElement]:
    to_copy = select(*_ENTRY_COLUMNS).where(
        entries.c.run == bindparam("n"), entries.c.seq <= bindparam("through")
    )
    of_run = (
        select(runs.c.id, *_ENTRY_COLUMNS)
        .join(runs, runs.c.n == entries.c.run)
        .where(runs.c.id == bindparam("run"), entries.c.seq > bindparam("after"))
        .order_by(entries.c.seq)
    )
    return {
        "entry_insert": _entry_insert(name),
        "entry_copy": to_copy.order_by(entries.c.seq),
        "entries_of": of_run.limit(_LIMIT).offset(_FIRST),
        "follow": _follow(name),
    }


def _contents(name: DialectName) -> dict[str, CompilerElement]:
    return {
        "payload_insert": _insert(name, payloads).on_conflict_do_nothing(),
        "payload_bytes": select(func.sum(func.length(payloads.c.data))),
        "store_bytes": text(_STORE_BYTES[name]),
    }


def _messages(name: DialectName) -> dict[str, CompilerElement]:
    close = delete(waits).where(
        waits.c.run == bindparam("run"),
        waits.c.lane == bindparam("lane"),
        waits.c.ordinal == bindparam("ordinal"),
    )
    take = (
        update(inbox)
        .values(taken=bindparam("at_seq", type_=BigInteger))
        .where(
            inbox.c.n == bindparam("message"),
            inbox.c.run == bindparam("of_run"),
            inbox.c.taken.is_(None),
        )
    )
    return {
        "wait_open": _wait_open(name),
        "wait_close": close,
        "waits_clear": delete(waits).where(waits.c.run == bindparam("run")),
        "inbox_insert": _insert(name, inbox, "n", "taken").on_conflict_do_nothing(),
        "inbox_take": take,
        "inbox_known": select(inbox.c.n).where(
            inbox.c.run == bindparam("run"), inbox.c.key == bindparam("key")
        ),
        "inbox_move": update(inbox)
        .values(run=bindparam("to_run"))
        .where(inbox.c.run == bindparam("of_run"), inbox.c.taken.is_(None)),
        "inbox_unread": _inbox_unread(),
        "late_insert": _insert(name, late_outcomes, "n"),
        "late_of": _late_of(),
        "shared_insert": _insert(name, shared).on_conflict_do_nothing(),
        "shared_put": _shared_put(),
        "shared_purge": delete(shared).where(
            shared.c.expires_at < bindparam("now", type_=BigInteger)
        ),
    }


def inserted(name: DialectName, table: Table, *omitted: str) -> Any:
    """Return a dialect's insertion of a row of parameters, some columns left out."""
    return _insert(name, table, *omitted)


def server_now(name: DialectName) -> ColumnElement[int]:
    """Return the time by which leases are judged."""
    return _now(name)


def _compile(statement: CompilerElement, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _quoted(word: str) -> ColumnElement[str]:
    """Return one of our own words as part of the statement's text."""
    return literal_column(f"'{word}'", Text)


def _insert(name: DialectName, table: Table, *omitted: str) -> Any:
    values = {c.name: bindparam(c.name, type_=c.type) for c in table.c if c.name not in omitted}
    return _dialects(name).insert(table).values(values)


def _now(name: DialectName) -> ColumnElement[int]:
    """Return the time in microseconds: the server's unless the caller gives one."""
    given = bindparam("now", type_=BigInteger)
    if name == "sqlite":
        return given
    clock = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    return func.coalesce(given, literal_column(clock, BigInteger))


def _change() -> CompilerElement:
    released = bindparam("released", type_=Integer) == literal_column("1")
    given = {
        column: func.coalesce(bindparam(f"new_{column}", type_=runs.c[column].type), runs.c[column])
        for column in ("state", "reason", "result", "error", "successor")
    }
    return (
        update(runs)
        .values(worker=case((released, _quoted("")), else_=runs.c.worker), **given)
        .where(runs.c.n == bindparam("of_run"))
    )


def _addressee() -> CompilerElement:
    """Select where a message goes, locked against a hand-over and against nothing else.

    The one that hands over takes the stronger lock before it moves its messages, so none is put
    behind its back.
    """
    whole = select(runs.c.tenant, runs.c.successor).where(runs.c.id == bindparam("run"))
    return whole.with_for_update(read=True, key_share=True)


def _unfinished() -> ColumnElement[bool]:
    """Match runs that can go on: one that failed only when somebody asked for it."""
    unread = and_(inbox.c.run == runs.c.id, inbox.c.taken.is_(None))
    resumed = exists().where(unread, inbox.c.kind == _quoted("resume"))
    going = runs.c.state.in_([_quoted("running"), _quoted("waiting")])
    return or_(going, and_(runs.c.state == _quoted("failed"), resumed))


def _unowned(now: ColumnElement[int]) -> ColumnElement[bool]:
    alive = exists().where(workers.c.id == runs.c.worker, workers.c.expires_at > now)
    return or_(runs.c.worker == _quoted(""), ~alive)


def _claim(name: DialectName, now: ColumnElement[int]) -> CompilerElement:
    """Claim a run; one that another session is writing to isn't waited for and isn't claimed."""
    claimer = bindparam("claimer", type_=Text)
    owned = update(runs).values(
        epoch=runs.c.epoch + literal_column("1"),
        worker=claimer,
        state=_quoted("running"),
        error=null(),  # of a failed run that was resumed
        updated_at=bindparam("at"),
    )
    wanted = runs.c.id == bindparam("run")
    if name == "postgresql":
        free = select(runs.c.n).where(wanted).with_for_update(key_share=True, skip_locked=True)
        wanted = runs.c.n.in_(free)
    return owned.where(
        wanted,
        _unfinished(),
        or_(runs.c.worker == claimer, _unowned(now)),
    )


def _runnable(name: DialectName, now: ColumnElement[int]) -> CompilerElement:
    """Select what a worker could move: a message that nothing waits for moves nothing."""
    awaited = exists().where(waits.c.run == inbox.c.run, waits.c.topic == inbox.c.topic)
    orders = inbox.c.kind.in_([_quoted("cancel"), _quoted("resume")])
    message = exists().where(
        inbox.c.run == runs.c.id, inbox.c.taken.is_(None), or_(orders, awaited)
    )
    due = exists().where(waits.c.run == runs.c.id, waits.c.wake_at <= now)
    ready = or_(runs.c.state == _quoted("running"), message, due)
    served = runs.c.workflow.in_(members(name, "workflows", Text()))
    statement = select(runs.c.id).where(served, _unfinished(), _unowned(now), ready)
    return statement.order_by(runs.c.n).limit(_LIMIT).offset(_FIRST)


def _heartbeat(name: DialectName, now: ColumnElement[int]) -> CompilerElement:
    expires = now + bindparam("lease", type_=BigInteger)
    statement = _dialects(name).insert(workers).values(id=bindparam("worker"), expires_at=expires)
    return statement.on_conflict_do_update(
        index_elements=[workers.c.id], set_={"expires_at": statement.excluded.expires_at}
    )


def _entry_insert(name: DialectName) -> CompilerElement:
    if name == "sqlite":
        return _insert(name, entries, "position", "xid").values(xid=literal_column("0"))
    xid = literal_column("pg_current_xact_id()::text::bigint", BigInteger)
    return _insert(name, entries, "position", "xid").values(xid=xid)


def _follow(name: DialectName) -> CompilerElement:
    statement = select(runs.c.id, *_ENTRY_COLUMNS).join(runs, runs.c.n == entries.c.run)
    position = bindparam("position", type_=BigInteger)
    if name == "sqlite":
        after = statement.where(entries.c.position > position)
        return after.order_by(entries.c.position).limit(_LIMIT).offset(_FIRST)
    horizon = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger)
    here = tuple_(bindparam("xid", type_=BigInteger), position)
    after = statement.where(
        tuple_(entries.c.xid, entries.c.position) > here, entries.c.xid < horizon
    )
    return after.order_by(entries.c.xid, entries.c.position).limit(_LIMIT).offset(_FIRST)


def _wait_open(name: DialectName) -> CompilerElement:
    statement = _insert(name, waits, "n")
    new = {column: statement.excluded[column] for column in ("kind", "topic", "wake_at", "body")}
    return statement.on_conflict_do_update(
        index_elements=[waits.c.run, waits.c.lane, waits.c.ordinal], set_=new
    )


def _inbox_unread() -> CompilerElement:
    columns = (inbox.c.n, inbox.c.topic, inbox.c.kind)
    content = (payloads.c.encoding, payloads.c.data)
    same = and_(payloads.c.tenant == runs.c.tenant, payloads.c.digest == inbox.c.payload)
    return (
        select(*columns, *content, inbox.c.sent_at)
        .join(runs, runs.c.id == inbox.c.run)
        .join(payloads, same)
        .where(inbox.c.run == bindparam("run"), inbox.c.taken.is_(None))
        .order_by(inbox.c.n)
    )


def _late_of() -> CompilerElement:
    late = late_outcomes.c
    same = and_(payloads.c.tenant == runs.c.tenant, payloads.c.digest == late.payload)
    columns = (late.run, late.key, late.epoch, late.status, late.payload)
    return (
        select(*columns, payloads.c.encoding, payloads.c.data)
        .join(runs, runs.c.id == late.run)
        .join(payloads, same)
        .where(late.run == bindparam("run"), late.key == bindparam("key"))
        .order_by(late.n)
    )


def _shared_put() -> CompilerElement:
    changed = update(shared).values(
        state=bindparam("state", type_=Text), expires_at=bindparam("until", type_=BigInteger)
    )
    return changed.where(shared.c.key == bindparam("of_key", type_=Text))


def _tag(name: DialectName, i: int) -> ColumnElement[bool]:
    key, value = bindparam(f"tag{i}", type_=Text), bindparam(f"value{i}", type_=Text)
    if name == "postgresql":
        return runs.c.tags.cast(_dialects(name).JSONB).op("->>")(key) == value
    pair = func.json_each(runs.c.tags).table_valued("key", "value", name=f"pair{i}")
    return exists().select_from(pair).where(pair.c.key == key, pair.c.value == value)
