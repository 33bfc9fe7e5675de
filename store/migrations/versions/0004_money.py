"""Money that always adds up: what its rules need of orders, what they leave on claims, and the books that follow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MEANS = "means IN ('card', 'virtual_account', 'bank_transfer', 'simple_pay', 'deposit', 'mileage', 'gift_card')"

# As 0002 has it, with extra payments, waiting payments that a claim closed, surcharges, and gifts, which keep no group.
ORDER_CONSERVATION = """
CREATE OR REPLACE VIEW order_conservation AS
SELECT order_no, currency, paid, extra_paid, refunded, due, bought, fees,
       paid + extra_paid - refunded - due - bought - fees AS difference
FROM (
    SELECT orders.order_no, orders.currency,
           payment.paid::bigint AS paid,
           payment.extra::bigint AS extra_paid,
           leg.settled::bigint AS refunded,
           (leg.open - payment.waiting - owed.extra)::bigint AS due,
           (goods.amount - goods.discount)::bigint AS bought,
           (fee_paid.amount + fee_later.amount)::bigint AS fees
    FROM orders
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE status = 'paid' AND taken_by IS NULL), 0) AS paid,
               coalesce(sum(amount) FILTER (WHERE status = 'paid' AND taken_by IS NOT NULL), 0) AS extra,
               coalesce(sum(amount) FILTER (WHERE status = 'waiting' AND closed_by IS NULL), 0) AS waiting
        FROM order_payments WHERE order_no = orders.order_no
    ) AS payment
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE state = 'SETTLED'), 0) AS settled,
               coalesce(sum(amount) FILTER (WHERE state NOT IN ('SETTLED', 'VOID')), 0) AS open
        FROM refund_legs WHERE order_no = orders.order_no
    ) AS leg
    CROSS JOIN LATERAL (
        -- What claims charge and have not taken yet.
        SELECT coalesce(sum(claims.extra - coalesce(taken.amount, 0)), 0) AS extra
        FROM claims
        CROSS JOIN LATERAL (
            SELECT sum(amount) AS amount FROM order_payments
            WHERE order_no = orders.order_no AND taken_by = claims.claim_no AND status = 'paid'
        ) AS taken
        WHERE claims.order_no = orders.order_no AND claims.status <> 'REJECTED'
    ) AS owed
    CROSS JOIN LATERAL (
        WITH gone AS (
            SELECT held.line_no, held.first, held.quantity
            FROM claim_lines AS held
            JOIN claims ON claims.claim_no = held.claim_no AND claims.kind = 'CANCEL'
            WHERE held.order_no = orders.order_no AND held.live
        ),
        line AS (
            SELECT bought.line_no, bought.group_no, bought.price, bought.quantity,
                   bought.gift_of IS NOT NULL OR bought.gift_minimum IS NOT NULL AS gift,
                   bought.quantity - coalesce(taken.quantity, 0) AS remaining
            FROM order_lines AS bought
            LEFT JOIN (SELECT line_no, sum(quantity) AS quantity FROM gone GROUP BY line_no) AS taken
                   ON taken.line_no = bought.line_no
            WHERE bought.order_no = orders.order_no
        ),
        share AS (
            SELECT granted.coupon_no, granted.line_no, granted.amount
            FROM order_benefit_shares AS granted
            WHERE granted.order_no = orders.order_no
              AND NOT EXISTS (
                  SELECT FROM claim_coupons AS freed
                  JOIN claims ON claims.claim_no = freed.claim_no
                  WHERE claims.order_no = orders.order_no AND claims.status <> 'REJECTED'
                    AND freed.coupon_no = granted.coupon_no AND freed.cause = 'below_minimum')
        ),
        forfeited AS (
            SELECT div(2 * share.amount::numeric * (gone.first + gone.quantity - 1) + line.quantity, 2 * line.quantity)
                 - div(2 * share.amount::numeric * (gone.first - 1) + line.quantity, 2 * line.quantity) AS amount
            FROM share
            JOIN line ON line.line_no = share.line_no
            JOIN gone ON gone.line_no = share.line_no
        )
        SELECT (SELECT coalesce(sum(remaining * price), 0) FROM line) AS amount,
               (SELECT coalesce(sum(amount), 0) FROM share)
             - (SELECT coalesce(sum(amount), 0) FROM forfeited) AS discount,
               ARRAY(SELECT group_no FROM line WHERE remaining > 0 AND NOT gift) AS group_nos
    ) AS goods
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(shipped.fee_paid + shipped.surcharge), 0) AS amount
        FROM order_groups AS shipped
        WHERE shipped.order_no = orders.order_no AND shipped.group_no = ANY (goods.group_nos)
    ) AS fee_paid
    CROSS JOIN LATERAL (
        -- What a cost row does to the refund is the opposite of what the shop keeps.
        SELECT coalesce(-sum(cost.amount), 0) AS amount
        FROM claims
        JOIN claim_costs AS cost ON cost.claim_no = claims.claim_no
        WHERE claims.order_no = orders.order_no AND claims.status <> 'REJECTED'
          AND cost.kind IN ('fee_charged', 'fee_returned') AND cost.group_no = ANY (goods.group_nos)
    ) AS fee_later
) AS term
"""


def upgrade() -> None:
    _orders()
    _policies()
    _claims()
    _extra_payments()
    op.execute(ORDER_CONSERVATION)


def _orders() -> None:
    op.add_column("members", _counter("points_owed", comment="earned points spent before taken back"))
    op.create_check_constraint(op.f("ck_members_points_owed"), "members", "points_owed >= 0")
    op.create_table(
        "stored_means",
        sa.Column("member_no", sa.Text(), nullable=False),
        sa.Column("stored_no", sa.Text(), nullable=False, comment="the shop's number of it"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("means", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="what the customer knows it by"),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False, comment="the gateway's token, encrypted"),
        sa.CheckConstraint(MEANS, name=op.f("ck_stored_means_means")),
        sa.ForeignKeyConstraint(["member_no"], ["members.member_no"], name=op.f("fk_stored_means_member_no")),
        sa.PrimaryKeyConstraint("member_no", "stored_no", name=op.f("pk_stored_means")),
    )
    op.add_column(
        "coupons",
        sa.Column("reissue_of", sa.Text(), nullable=True, comment="the coupon that a claim gave this one for"),
    )
    op.add_column("order_groups", _counter("surcharge", comment="paid for a remote area"))
    op.create_check_constraint(op.f("ck_order_groups_surcharge"), "order_groups", "surcharge >= 0")
    op.add_column("order_groups", _flag("collect", comment="the carrier takes its fee"))
    op.add_column(
        "order_lines", sa.Column("gift_of", sa.Integer(), nullable=True, comment="the line that this gift comes with")
    )
    op.add_column(
        "order_lines",
        sa.Column("gift_minimum", sa.BigInteger(), nullable=True, comment="the amount from which this gift is given"),
    )
    op.create_check_constraint(
        op.f("ck_order_lines_one_gift_condition"), "order_lines", "gift_of IS NULL OR gift_minimum IS NULL"
    )
    op.add_column("order_lines", _counter("earned_points"))
    op.create_check_constraint(op.f("ck_order_lines_earned_points"), "order_lines", "earned_points >= 0")
    op.add_column(
        "order_benefits",
        sa.Column("below_minimum", sa.Text(), nullable=True, comment="the coupon's own policy; null: the shop's"),
    )
    op.create_check_constraint(
        op.f("ck_order_benefits_below_minimum"), "order_benefits", "below_minimum IN ('take_back', 'keep', 'forbid')"
    )
    for column in (
        sa.Column(
            "tax_free",
            sa.BigInteger(),
            nullable=True,
            comment="tax-free part, as the gateway was told; null: it was told none",
        ),
        sa.Column("vat", sa.BigInteger(), nullable=True, comment="VAT in the rest, as the gateway was told"),
        _counter("refunding_tax_free", comment="tax-free part of refunding"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "taken_by",
            sa.Text(),
            nullable=True,
            comment="the claim that took it as its extra payment; null: made at purchase",
        ),
        sa.Column("closed_by", sa.Text(), nullable=True, comment="the claim that closed it while it was waiting"),
    ):
        op.add_column("order_payments", column)
    op.create_check_constraint(
        op.f("ck_order_payments_tax_free_never_above_paid"),
        "order_payments",
        "refunding_tax_free >= 0 AND refunding_tax_free <= coalesce(tax_free, 0)",
    )
    op.create_check_constraint(
        op.f("ck_order_payments_closed_while_waiting"), "order_payments", "closed_by IS NULL OR status = 'waiting'"
    )


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column(
            "content",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the whole policy, as it was when this version was first used",
        ),
        sa.Column("first_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policies")),
        comment="append-only: a trigger refuses update and delete",
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON policies FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def _claims() -> None:
    op.add_column(
        "claims",
        sa.Column(
            "policy_version",
            sa.Text(),
            nullable=True,
            comment="by which it was reckoned; null: opened before policies had versions",
        ),
    )
    op.add_column("claim_lines", _counter("points", comment="earned points that go with the units"))
    op.add_column(
        "claim_costs",
        sa.Column(
            "inputs",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="what the rule went by",
        ),
    )
    _replace_check(
        "claim_costs",
        "kind",
        "kind IN ('goods', 'discount_forfeited', 'discount_taken_back', 'fee_charged', 'fee_returned', 'unpaid')",
    )
    _replace_check(
        "claim_costs",
        "rule",
        "rule IN ('units', 'coupon_share', 'coupon_minimum', 'shipping_threshold', 'group_cancelled', "
        "'remote_surcharge', 'gift', 'waiting_payment')",
    )
    op.add_column(
        "claim_coupons", sa.Column("returning", sa.Text(), nullable=True, comment="what is planned to become of it")
    )
    op.execute(
        """
        UPDATE claim_coupons SET "returning" = CASE
            WHEN NOT restored THEN 'forfeit'
            WHEN valid_days IS NULL THEN 'restore'
            ELSE 'extend'
        END
        """
    )
    op.alter_column("claim_coupons", "returning", nullable=False)
    op.create_check_constraint(
        op.f("ck_claim_coupons_returning"),
        "claim_coupons",
        "\"returning\" IN ('restore', 'extend', 'reissue', 'forfeit')",
    )
    op.alter_column(
        "claim_coupons",
        "restored",
        comment="planned to come back, itself or as a new one",
        existing_comment="planned to come back",
    )
    for column in (
        sa.Column("tax_free", sa.BigInteger(), nullable=True, comment="tax-free part; null: the gateway isn't told"),
        sa.Column("vat", sa.BigInteger(), nullable=True, comment="VAT in the rest; null: the gateway isn't told"),
        sa.Column("valid_days", sa.Integer(), nullable=True, comment="of mileage that had expired"),
    ):
        op.add_column("refund_legs", column)


def _extra_payments() -> None:
    op.create_table(
        "extra_payments",
        sa.Column("claim_no", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("means", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text(), nullable=True, comment="null: a credit of our own"),
        sa.Column(
            "stored_no",
            sa.Text(),
            nullable=True,
            comment="the member's stored means; null: the token is among the claim's private parts",
        ),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="PLANNED", nullable=False),
        sa.Column("key_no", sa.Integer(), server_default="1", nullable=False, comment="n of charge-{claim}-{n}"),
        sa.Column("try_no", sa.Integer(), server_default="0", nullable=False, comment="counts each arming, of any n"),
        sa.Column("key_used_at", sa.DateTime(timezone=True), nullable=True, comment="when key n was first sent"),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_after", sa.DateTime(timezone=True), nullable=True),
        _flag("error_answered"),
        _flag("ever_unknown"),
        sa.Column("payment_no", sa.Text(), nullable=True, comment="the payment of the order that it became"),
        sa.Column("gateway_ref", sa.Text(), nullable=True, comment="the gateway's own reference of the charge"),
        sa.Column("code", sa.Text(), nullable=True, comment="the gateway's last code for it"),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_extra_payments_amount")),
        sa.CheckConstraint(
            "(state = 'TAKEN') = (payment_no IS NOT NULL)", name=op.f("ck_extra_payments_taken_is_a_payment")
        ),
        sa.CheckConstraint(MEANS, name=op.f("ck_extra_payments_means")),
        sa.CheckConstraint(
            "state IN ('PLANNED', 'SENT', 'TAKEN', 'REFUSED', 'VOID')", name=op.f("ck_extra_payments_state")
        ),
        sa.ForeignKeyConstraint(["claim_no"], ["claims.claim_no"], name=op.f("fk_extra_payments_claim_no")),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"], name=op.f("fk_extra_payments_order_no")),
        sa.PrimaryKeyConstraint("claim_no", name=op.f("pk_extra_payments")),
    )
    op.create_index("ix_extra_payments_order_no", "extra_payments", ["order_no"])
    op.add_column("credit_movements", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("credit_movements", _counter("owed", comment="of points: what the balance lacked"))
    op.alter_column("credit_movements", "kind", comment="feed, refund, extra, points", existing_comment="feed, refund")
    op.alter_column("coupon_movements", "kind", comment="feed, restore, reissue", existing_comment="feed, restore")


def _counter(name: str, comment: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False, comment=comment)


def _flag(name: str, comment: str | None = None) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False, comment=comment)


def _replace_check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
