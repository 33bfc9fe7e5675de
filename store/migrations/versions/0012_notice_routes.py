"""The ways that notices took, and what stands in the places of approved templates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "notices",
        sa.Column(
            "parameters",
            postgresql.JSONB(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="the places of the approved template",
        ),
    )
    op.create_table(
        "notice_routes",
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column(
            "no",
            sa.Integer(),
            nullable=False,
            comment="counts a notice's ways from 1; it goes by the last",
        ),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), comment="the provider's own name of the message"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), comment="what was last learned, as a slug"),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), comment="when a request may last have left"),
        sa.Column("looked_at", sa.DateTime(timezone=True), comment="when the provider was last asked about it"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", "no", name=op.f("pk_notice_routes")),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.notice_id"], name=op.f("fk_notice_routes_notice_id")),
        sa.CheckConstraint("\"route\" IN ('inbox', 'email', 'alimtalk', 'sms')", name=op.f("ck_notice_routes_route")),
        sa.CheckConstraint("\"sent_by\" IN ('ours', 'provider')", name=op.f("ck_notice_routes_sent_by")),
        sa.CheckConstraint(
            "\"state\" IN ('WAITING', 'SENDING', 'UNKNOWN', 'ACCEPTED', 'DELIVERED', 'FAILED')",
            name=op.f("ck_notice_routes_state"),
        ),
    )
    op.create_index(
        "ix_notice_routes_open",
        "notice_routes",
        ["at"],
        postgresql_where=sa.text("route IN ('alimtalk', 'sms') AND state NOT IN ('DELIVERED', 'FAILED')"),
    )
