"""Finding the claims that are not over: telling the customer is every claim's last step."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_claim_steps_last_open",
        "claim_steps",
        ["claim_no"],
        postgresql_where=sa.text("step = 'notify' AND status NOT IN ('DONE', 'FAILED', 'SKIPPED')"),
    )
