"""What gateways tell unasked, kept once each until it was followed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False, comment="the gateway's; the same for every repeat"),
        sa.Column("event", sa.Text(), nullable=False, comment="the gateway's own word"),
        sa.Column("payment_ref", sa.Text(), comment="what it is about, as far as it says so"),
        sa.Column("refund_ref", sa.Text()),
        sa.Column("reference", sa.Text(), comment="a refund leg, or the number of an order"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column(
            "followed_at",
            sa.DateTime(timezone=True),
            comment="when what follows was begun for good; null: not yet",
        ),
        sa.PrimaryKeyConstraint("gateway", "delivery_id", name=op.f("pk_webhook_deliveries")),
        comment="hints to read a payment, never facts; of their bodies nothing else is kept",
    )
    op.create_index(
        "ix_webhook_deliveries_not_followed",
        "webhook_deliveries",
        ["received_at"],
        postgresql_where=sa.text("followed_at IS NULL"),
    )
    # A delivery names a payment, or a refund, by the gateway's own name of it.
    op.create_index(
        "ix_order_payments_gateway_ref",
        "order_payments",
        ["gateway", "gateway_ref"],
        postgresql_where=sa.text("gateway_ref IS NOT NULL"),
    )
    op.create_index(
        "ix_refund_legs_refund_ref",
        "refund_legs",
        ["refund_ref"],
        postgresql_where=sa.text("refund_ref IS NOT NULL"),
    )
