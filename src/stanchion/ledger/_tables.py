"""The ledger's tables, the same on SQLite and on PostgreSQL.

``runs`` is the projection that every commit updates, ``entries`` the record itself, ``payloads``
what came from outside, once per tenant; ``documents`` are the words that some of it is found by.
Times are whole microseconds since 1970 in UTC, digests 32 bytes, facts canonical JSON text. An
entry names its run by the run's number, which keeps its row and its index small. ``shared`` is no
record: small states that all runs change, such as limits. ``accounts`` are projections: what the
commits of all runs spent and hold of what they share.
A change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

__all__ = [
    "REVISION",
    "SCHEMA_LOCK",
    "WORD_INDEX",
    "accounts",
    "documents",
    "entries",
    "inbox",
    "late_outcomes",
    "metadata",
    "payloads",
    "runs",
    "shared",
    "waits",
    "workers",
]

REVISION = "0005"
"""The migration that a fresh schema equals."""

SCHEMA_LOCK = 0x5354414E4348494F
"""PostgreSQL's advisory lock under which a schema is created or changed ("STANCHIO")."""

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("n", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("initiator", LargeBinary),
    Column("result", LargeBinary),
    Column("error", LargeBinary),
    Column("root", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("parent_lane", Text),
    Column("parent_ordinal", Integer),
    Column("forked_from", Text, nullable=False),
    Column("forked_at", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("model_calls", BigInteger, nullable=False),
    Column("tool_calls", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_nanos", BigInteger, nullable=False),
    Column("unpriced_calls", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("predecessor", Text, nullable=False, server_default=text("''")),
    Column("successor", Text, nullable=False, server_default=text("''")),
    Column("checkpoint", LargeBinary),
    Index("runs_id", "id", unique=True),
    Index(
        "runs_key",
        "tenant",
        "workflow",
        "key",
        unique=True,
        sqlite_where=text("key <> ''"),
        postgresql_where=text("key <> ''"),
    ),
    Index("runs_state", "state"),
    Index("runs_created", "created_at"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("position", _NUMBER, primary_key=True, autoincrement=True),
    Column("xid", BigInteger, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("lane", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("request", LargeBinary),
    Column("result", LargeBinary),
    Column("facts", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("request_data", LargeBinary),
    Index("entries_run", "run", "seq", unique=True),
    Index("entries_horizon", "xid", "position").ddl_if(dialect="postgresql"),
)

payloads = Table(
    "payloads",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("encoding", SmallInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tenant", "digest", name="payloads_pkey"),
)

waits = Table(
    "waits",
    metadata,
    Column("n", _NUMBER, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("wake_at", BigInteger),
    Column("body", Text, nullable=False),
    Index("waits_place", "run", "lane", "ordinal", unique=True),
    Index("waits_topic", "topic"),
    Index("waits_wake", "wake_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("n", _NUMBER, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("taken", BigInteger),
    Index("inbox_key", "run", "key", unique=True),
    Index(
        "inbox_unread",
        "run",
        sqlite_where=text("taken IS NULL"),
        postgresql_where=text("taken IS NULL"),
    ),
)

late_outcomes = Table(
    "late_outcomes",
    metadata,
    Column("n", _NUMBER, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("late_outcomes_key", "run", "key"),
)

shared = Table(
    "shared",
    metadata,
    Column("key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("shared_expires", "expires_at"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("ceiling", BigInteger),
    Column("raised", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("part_of", Text, nullable=False),
    Column("worker", Text, nullable=False),
    PrimaryKeyConstraint("name", "quantity"),
    Index("accounts_shares", "part_of", "worker"),
)

documents = Table(
    "documents",
    metadata,
    Column("n", _NUMBER, primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("words", Text, nullable=False),
    Index("documents_key", "tenant", "scope", "key", unique=True),
    Index("documents_topic", "tenant", "scope", "topic"),
    Index("documents_expires", "expires_at"),
)

WORD_INDEX: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "CREATE VIRTUAL TABLE documents_words USING fts5("
        "words, content='documents', content_rowid='n', detail='none', tokenize='ascii')",
        "CREATE TRIGGER documents_kept AFTER INSERT ON documents BEGIN "
        "INSERT INTO documents_words(rowid, words) VALUES (new.n, new.words); END",
        "CREATE TRIGGER documents_withdrawn AFTER DELETE ON documents BEGIN "
        "INSERT INTO documents_words(documents_words, rowid, words) "
        "VALUES ('delete', old.n, old.words); END",
    ),
    "postgresql": (
        "CREATE INDEX documents_words ON documents "
        "USING gin (array_to_tsvector(string_to_array(words, ' ')))",
    ),
}
"""What each database has as an index over ``documents.words``. They are folded and separated by
single spaces already; a row is inserted and deleted, never updated."""
