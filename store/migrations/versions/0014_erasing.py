"""Private parts are erased once nobody needs them: what finds them, among all those that are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, table, column, kept in (
        ("ix_private_parts_kept", "private_parts", "created_at", "ciphertext IS NOT NULL"),
        ("ix_claims_private_id", "claims", "private_id", "private_id IS NOT NULL"),
        ("ix_refund_legs_account_id", "refund_legs", "account_id", "account_id IS NOT NULL"),
    ):
        op.create_index(name, table, [column], postgresql_where=sa.text(kept))
    op.create_index("ix_payouts_account_id", "payouts", ["account_id"])
