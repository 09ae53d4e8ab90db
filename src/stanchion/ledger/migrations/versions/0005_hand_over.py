"""Runs that hand over: who came before, who goes on, and what it starts from."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns."""
    for name in ("predecessor", "successor"):
        op.add_column(
            "runs", sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))
        )
    op.add_column("runs", sa.Column("checkpoint", sa.LargeBinary))
