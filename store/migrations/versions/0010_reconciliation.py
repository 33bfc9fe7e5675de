"""Comparing with the gateways day by day, and findings that an operator closes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "finding_closings",
        sa.Column("closing_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("finding_key", sa.Text(), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the facts that were closed: the same ones don't come back",
        ),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="api"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("closing_id", name=op.f("pk_finding_closings")),
        sa.ForeignKeyConstraint(
            ["finding_key"], ["findings.finding_key"], name=op.f("fk_finding_closings_finding_key")
        ),
        comment="append-only: a trigger refuses update and delete",
    )
    op.create_index("ix_finding_closings_finding_key", "finding_closings", ["finding_key"])
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON finding_closings"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "reconciliations",
        sa.Column("gateway", sa.Text(), nullable=False, comment="a merchant's name"),
        sa.Column("day", sa.Date(), nullable=False, comment="by the shop's time zone"),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_ref", sa.Text(), nullable=False, comment="the workflow that does it, or did it last"),
        _count("compared", "payments compared"),
        _count("unread", "payments that could not be compared"),
        _count("differing", "payments with an open case"),
        sa.Column(
            "limited",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="more payments than are looked at",
        ),
        sa.Column("code", sa.Text(), nullable=True, comment="why it did not come to its end"),
        sa.PrimaryKeyConstraint("gateway", "day", name=op.f("pk_reconciliations")),
    )


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0", comment=comment)
