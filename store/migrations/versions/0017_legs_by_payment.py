"""Refund legs by the gateway's name of their payment: every comparison, and every webhook, asks for them so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_refund_legs_gateway_ref",
        "refund_legs",
        ["gateway", "gateway_ref"],
        postgresql_where=sa.text("gateway_ref IS NOT NULL"),
    )
