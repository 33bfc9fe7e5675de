"""Hints that are old, and receipts that are due: what finds them, among all those that are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_webhook_deliveries_followed",
        "webhook_deliveries",
        ["followed_at"],
        postgresql_where=sa.text("followed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_order_payments_with_receipt",
        "order_payments",
        ["order_no", "payment_no"],
        postgresql_where=sa.text("receipt_ref IS NOT NULL"),
    )
