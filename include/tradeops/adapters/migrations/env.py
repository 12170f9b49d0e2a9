"""Runs the ledger's migrations on the connection that the opener holds."""

from alembic import context

from tradeops.adapters.ledger_sqlalchemy import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
