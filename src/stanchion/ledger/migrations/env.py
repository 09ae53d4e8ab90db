"""Alembic's entry: runs the migrations on the connection that ``_migrate`` has opened."""

from alembic import context

from stanchion.ledger._tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
