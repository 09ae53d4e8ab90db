"""Documents: the words that payloads are found by, and an index over them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_WORD_INDEX = {
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


def upgrade() -> None:
    """Create the table and its indexes."""
    op.create_table(
        "documents",
        sa.Column("n", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("words", sa.Text, nullable=False),
    )
    op.create_index("documents_key", "documents", ["tenant", "scope", "key"], unique=True)
    op.create_index("documents_topic", "documents", ["tenant", "scope", "topic"])
    op.create_index("documents_expires", "documents", ["expires_at"])
    for statement in _WORD_INDEX[op.get_bind().dialect.name]:
        op.execute(statement)
