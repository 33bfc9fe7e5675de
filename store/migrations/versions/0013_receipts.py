"""Cash receipts that were issued by themselves: which payment has one, and what was cancelled of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "order_payments",
        sa.Column("receipt_ref", sa.Text, comment="the gateway's own name of a cash receipt issued by itself"),
    )
    op.create_table(
        "receipt_cancels",
        sa.Column("leg_id", sa.Text, sa.ForeignKey("refund_legs.leg_id", name="fk_receipt_cancels_leg_id")),
        sa.Column("claim_no", sa.Text, nullable=False),
        sa.Column("order_no", sa.Text, nullable=False),
        sa.Column("payment_no", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("key_no", sa.Integer, nullable=False, server_default="1", comment="n of receipt-{leg}-{n}"),
        sa.Column("code", sa.Text, comment="how the last try ended"),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("leg_id", name="pk_receipt_cancels"),
        sa.CheckConstraint("\"state\" IN ('SENT', 'DONE', 'FAILED')", name="state"),
    )
    op.create_index(
        "uq_receipt_cancels_one_sent_per_payment",
        "receipt_cancels",
        ["order_no", "payment_no"],
        unique=True,
        postgresql_where=sa.text("state = 'SENT'"),
    )
