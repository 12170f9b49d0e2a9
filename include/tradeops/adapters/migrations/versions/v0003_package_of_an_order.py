"""Which package an order is a leg of; orders on record are legs of none."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from tradeops.adapters.ledger_sqlalchemy.column_types import ByteText
from tradeops.domain.errors import ConfigurationError

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None


def upgrade() -> None:
    """Add the column; no row is touched."""
    op.add_column("orders", sa.Column("package", ByteText(), nullable=True))


def downgrade() -> None:
    """Refuse: the ledger only grows."""
    raise ConfigurationError("the ledger only grows; restore a backup instead")
