"""Refund accounts: another one for a parked refund, erased when nobody needs it; and payouts by hand, tracked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CAUSES = (
    "cause IN ('PSP_DOWN', 'PSP_UNKNOWN', 'PSP_DECLINED', 'PSP_CONFLICT', 'PSP_MISCONFIGURED', 'PAYMENT_BUSY', "
    "'ACCOUNT_NEEDED', 'DATABASE', 'COMPENSATION_STUCK', 'BUG', 'PAYOUT_OPEN')"
)


def upgrade() -> None:
    op.alter_column("private_parts", "ciphertext", nullable=True, comment="null: erased")
    op.add_column(
        "private_parts",
        sa.Column(
            "account_shown",
            sa.Text(),
            nullable=True,
            comment="of a refund account among them: its bank and last four digits",
        ),
    )
    op.add_column("private_parts", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_private_parts_there_or_erased"), "private_parts", "(ciphertext IS NULL) = (erased_at IS NOT NULL)"
    )
    op.add_column(
        "refund_legs",
        sa.Column("account_id", sa.BigInteger(), nullable=True, comment="null: the claim's own account"),
    )
    op.create_foreign_key(
        op.f("fk_refund_legs_account_id"), "refund_legs", "private_parts", ["account_id"], ["private_id"]
    )
    op.drop_constraint(op.f("ck_parkings_cause"), "parkings", type_="check")
    op.create_check_constraint(op.f("ck_parkings_cause"), "parkings", CAUSES)
    op.create_table(
        "payouts",
        sa.Column("payout_no", sa.Text(), nullable=False, comment="<leg>-<n>"),
        sa.Column("leg_id", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False, comment="counts the leg's payouts, from 1"),
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="UNTREATED", nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False, comment="paid to"),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it is paid out by hand"),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True, comment="of a success: where it can be looked up"),
        sa.Column("failure", sa.Text(), nullable=True, comment="of a failure: why"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payouts_amount")),
        sa.CheckConstraint("(state = 'UNTREATED') = (closed_at IS NULL)", name=op.f("ck_payouts_closed_once_treated")),
        sa.CheckConstraint(
            "(state = 'SUCCESS') = (evidence IS NOT NULL)", name=op.f("ck_payouts_success_has_evidence")
        ),
        sa.CheckConstraint("(state = 'FAILURE') = (failure IS NOT NULL)", name=op.f("ck_payouts_failure_has_a_reason")),
        sa.CheckConstraint("\"state\" IN ('UNTREATED', 'SUCCESS', 'FAILURE')", name=op.f("ck_payouts_state")),
        sa.ForeignKeyConstraint(["leg_id"], ["refund_legs.leg_id"], name=op.f("fk_payouts_leg_id")),
        sa.ForeignKeyConstraint(["account_id"], ["private_parts.private_id"], name=op.f("fk_payouts_account_id")),
        sa.PrimaryKeyConstraint("payout_no", name=op.f("pk_payouts")),
        sa.UniqueConstraint("leg_id", "n", name=op.f("uq_payouts_leg_id_n")),
    )
    op.create_index("ix_payouts_claim_no", "payouts", ["claim_no"])
    op.create_index(
        "uq_payouts_one_untreated_per_leg",
        "payouts",
        ["leg_id"],
        unique=True,
        postgresql_where=sa.text("state = 'UNTREATED'"),
    )
