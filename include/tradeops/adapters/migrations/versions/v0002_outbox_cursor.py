"""How far the outbox is told: a cursor a stream, and the index that finds what is behind it."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from tradeops.adapters.ledger_sqlalchemy.column_types import ByteText
from tradeops.domain.errors import ConfigurationError

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the cursor, which may change, and an index on what only grows."""
    op.create_table(
        "outbox_cursor",
        sa.Column("stream", ByteText(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_index(op.f("ix_outbox_entry_id"), "outbox", ["entry_id"])


def downgrade() -> None:
    """Refuse: the ledger only grows."""
    raise ConfigurationError("the ledger only grows; restore a backup instead")
