"""The shop's own mail of its claims: a channel, and an event that only the shop hears of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

EVENTS = "event IN ('refund_accepted', 'completed', 'refund_failed', 'rejected', 'option_changed', 'needs_operator')"
CHANNELS = "channel IN ('inbox', 'email', 'alimtalk', 'shop')"


def upgrade() -> None:
    for name, condition in (("event", EVENTS), ("channel", CHANNELS)):
        op.drop_constraint(op.f(f"ck_notices_{name}"), "notices")
        op.create_check_constraint(op.f(f"ck_notices_{name}"), "notices", condition)
    op.alter_column("notices", "round", comment="the claim's then; a parking's number")
    op.create_index(
        "ix_notices_to_shop",
        "notices",
        ["created_at"],
        postgresql_where=sa.text("channel = 'shop' AND state = 'PLANNED'"),
    )
