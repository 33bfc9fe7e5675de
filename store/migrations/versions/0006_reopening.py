"""A claim that is reopened: its customer is told anew, so notices have rounds, and one says that a refund failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

EVENTS = "event IN ('refund_accepted', 'completed', 'refund_failed', 'rejected', 'option_changed')"


def upgrade() -> None:
    op.add_column("claims", _round("rises when its customer must be told anew"))
    op.add_column("notices", _round("the claim's, when it was planned"))
    op.drop_constraint(op.f("uq_notices_claim_no_event_channel"), "notices")
    op.create_unique_constraint(
        op.f("uq_notices_claim_no_event_channel_round"), "notices", ["claim_no", "event", "channel", "round"]
    )
    op.drop_constraint(op.f("ck_notices_event"), "notices")
    op.create_check_constraint(op.f("ck_notices_event"), "notices", EVENTS)
    op.alter_column("notices", "notice_id", comment="<claim number>-<event>[-<round>]-<channel>")


def _round(comment: str) -> sa.Column[int]:
    return sa.Column("round", sa.Integer(), nullable=False, server_default="1", comment=comment)
