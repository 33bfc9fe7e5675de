"""Money that moves past any claim: refunds made in a gateway's console, deposits that come in after the cancel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# As 0004 has it, with refunds that no claim asked for, and with payments that came in after a claim had closed them.
ORDER_CONSERVATION = """
CREATE OR REPLACE VIEW order_conservation AS
SELECT order_no, currency, paid, extra_paid, refunded, due, bought, fees,
       paid + extra_paid - refunded - due - bought - fees AS difference
FROM (
    SELECT orders.order_no, orders.currency,
           payment.paid::bigint AS paid,
           payment.extra::bigint AS extra_paid,
           (leg.settled + outside.amount)::bigint AS refunded,
           (leg.open - payment.waiting - owed.extra - (outside.amount - reckoned.amount))::bigint AS due,
           (goods.amount - goods.discount)::bigint AS bought,
           (fee_paid.amount + fee_later.amount)::bigint AS fees
    FROM orders
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(coalesce(captured_late, amount)) FILTER (WHERE status = 'paid' AND taken_by IS NULL), 0)
                   AS paid,
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
        SELECT coalesce(sum(amount), 0) AS amount
        FROM external_refunds WHERE order_no = orders.order_no AND state = 'COUNTED'
    ) AS outside
    CROSS JOIN LATERAL (
        -- What claims returned less because of it.
        SELECT coalesce(-sum(cost.amount), 0) AS amount
        FROM claims
        JOIN claim_costs AS cost ON cost.claim_no = claims.claim_no
        WHERE claims.order_no = orders.order_no AND claims.status <> 'REJECTED' AND cost.kind = 'returned_outside'
    ) AS reckoned
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

# As 0005 has it, with the same.
ORDER_DIFFERENCES = """
CREATE OR REPLACE VIEW order_differences AS
SELECT orders.order_no, side.claim_no, side.subject, side.rule,
       sum(side.expected)::bigint AS expected,
       sum(side.found)::bigint AS found,
       (sum(side.found) - sum(side.expected))::bigint AS difference
FROM orders
CROSS JOIN LATERAL (
    WITH cancel AS (
        SELECT claim.claim_no, claim.refund, claim.extra, claim.decided,
               claim.status = 'REJECTED' AS rejected,
               claim.status <> 'REJECTED' AND claim.closed_at IS NOT NULL AS completed,
               (SELECT status FROM claim_steps WHERE claim_no = claim.claim_no AND step = 'restock') AS restock,
               (SELECT status FROM claim_steps WHERE claim_no = claim.claim_no AND step = 'coupons') AS coupons
        FROM claims AS claim
        WHERE claim.order_no = orders.order_no AND claim.kind = 'CANCEL'
    ),
    held AS (
        SELECT cancel.claim_no, cancel.rejected, cancel.completed, cancel.restock,
               line.line_no, line.quantity, line.points, line.live
        FROM cancel JOIN claim_lines AS line ON line.claim_no = cancel.claim_no
    ),
    cost AS (
        SELECT cancel.claim_no, cancel.rejected, cost.kind, cost.amount, cost.line_no, cost.quantity
        FROM cancel JOIN claim_costs AS cost ON cost.claim_no = cancel.claim_no
    ),
    leg AS (
        SELECT leg_id, claim_no, payment_no, external, amount, tax_free, vat, late, state
        FROM refund_legs WHERE order_no = orders.order_no
    ),
    payment AS (
        SELECT payment_no, amount, status, vat, refunding, refunding_tax_free, taken_by, closed_by, captured_late
        FROM order_payments WHERE order_no = orders.order_no
    ),
    outside AS (
        SELECT payment_no, amount FROM external_refunds WHERE order_no = orders.order_no AND state = 'COUNTED'
    ),
    charge AS (
        SELECT claim_no, gateway, amount, state, payment_no
        FROM extra_payments WHERE order_no = orders.order_no
    ),
    credit AS (
        SELECT claim_no, kind, leg_id, amount, owed
        FROM credit_movements WHERE order_no = orders.order_no AND claim_no IS NOT NULL
    ),
    freed AS (
        SELECT cancel.claim_no, freed.coupon_no, freed."returning",
               freed.restored AND cancel.coupons IS NOT DISTINCT FROM 'DONE' AS given
        FROM cancel
        JOIN claim_coupons AS freed ON freed.claim_no = cancel.claim_no
    ),
    moved AS (
        SELECT claim_no, kind, coupon_no, facts ->> 'new_coupon_no' AS new_coupon_no
        FROM coupon_movements WHERE order_no = orders.order_no AND claim_no IS NOT NULL
    )
    -- The books.
    SELECT NULL AS claim_no, books.order_no AS subject, 'books' AS rule,
           books.paid + books.extra_paid AS expected,
           books.refunded + books.due + books.bought + books.fees AS found
    FROM order_conservation AS books WHERE books.order_no = orders.order_no
    -- What a claim was reckoned at.
    UNION ALL
    SELECT claim_no, claim_no, 'cost_rows', refund - extra, 0 FROM cancel
    UNION ALL
    SELECT claim_no, claim_no, 'cost_rows', 0, amount FROM cost
    UNION ALL
    SELECT claim_no, line_no::text, 'cost_units', quantity, 0 FROM held
    UNION ALL
    SELECT claim_no, line_no::text, 'cost_units', 0, quantity FROM cost WHERE kind = 'goods'
    UNION ALL
    SELECT claim_no, line_no::text, 'held_units',
           CASE WHEN rejected THEN 0 ELSE quantity END, CASE WHEN live THEN quantity ELSE 0 END
    FROM held
    -- Its refund.
    UNION ALL
    SELECT claim_no, claim_no, 'refund_legs', CASE WHEN rejected THEN 0 ELSE refund END, 0 FROM cancel
    UNION ALL
    SELECT claim_no, claim_no, 'refund_legs', 0, amount FROM leg WHERE state <> 'VOID' AND NOT late
    UNION ALL
    SELECT closed_by, closed_by, 'late_refund', captured_late, 0
    FROM payment WHERE closed_by IS NOT NULL AND captured_late IS NOT NULL
    UNION ALL
    SELECT claim_no, claim_no, 'late_refund', 0, amount FROM leg WHERE state <> 'VOID' AND late
    UNION ALL
    -- No more is missing from refunds than went back outside of them.
    SELECT NULL, orders.order_no, 'returned_outside', least(returned.amount, reckoned.amount), reckoned.amount
    FROM (SELECT coalesce(sum(amount), 0) AS amount FROM outside) AS returned
    CROSS JOIN (
        SELECT coalesce(-sum(amount), 0) AS amount FROM cost WHERE kind = 'returned_outside' AND NOT rejected
    ) AS reckoned
    UNION ALL
    SELECT claim_no, leg_id, 'credit_returned', CASE WHEN state = 'SETTLED' AND NOT external THEN amount ELSE 0 END, 0
    FROM leg
    UNION ALL
    SELECT claim_no, leg_id, 'credit_returned', 0, amount FROM credit WHERE kind = 'refund'
    -- The payments that it goes back to.
    UNION ALL
    SELECT NULL, payment_no, 'payment_refunding', amount, 0 FROM leg WHERE state <> 'VOID'
    UNION ALL
    SELECT NULL, payment_no, 'payment_refunding', 0, refunding FROM payment
    UNION ALL
    SELECT NULL, payment_no, 'payment_tax_free', coalesce(tax_free, 0), 0 FROM leg WHERE state <> 'VOID'
    UNION ALL
    SELECT NULL, payment_no, 'payment_tax_free', 0, refunding_tax_free FROM payment
    UNION ALL
    SELECT NULL, payment.payment_no, 'payment_vat', least(coalesce(payment.vat, 0), told.vat), told.vat
    FROM payment
    CROSS JOIN LATERAL (
        SELECT sum(vat) AS vat FROM leg WHERE payment_no = payment.payment_no AND state <> 'VOID'
    ) AS told
    WHERE told.vat IS NOT NULL
    UNION ALL
    SELECT NULL, payment.payment_no, 'payment_refunded',
           least(CASE WHEN payment.status = 'paid' THEN coalesce(payment.captured_late, payment.amount) ELSE 0 END,
                 settled.amount), settled.amount
    FROM payment
    CROSS JOIN LATERAL (
        SELECT sum(amount) AS amount
        FROM (SELECT amount FROM leg WHERE payment_no = payment.payment_no AND state = 'SETTLED'
              UNION ALL
              SELECT amount FROM outside WHERE payment_no = payment.payment_no) AS returned
    ) AS settled
    WHERE settled.amount IS NOT NULL
    -- Payments that were still awaited.
    UNION ALL
    SELECT claim_no, claim_no, 'payment_closed', -amount, 0 FROM cost WHERE kind = 'unpaid' AND NOT rejected
    UNION ALL
    SELECT closed_by, closed_by, 'payment_closed', 0, amount FROM payment WHERE closed_by IS NOT NULL
    -- What it charged.
    UNION ALL
    SELECT claim_no, claim_no, 'extra_planned', extra, 0 FROM cancel
    UNION ALL
    SELECT claim_no, claim_no, 'extra_planned', 0, amount FROM charge
    UNION ALL
    SELECT cancel.claim_no, cancel.claim_no, 'extra_taken',
           CASE WHEN charge.state = 'TAKEN' OR (cancel.decided AND NOT cancel.rejected) THEN cancel.extra ELSE 0 END, 0
    FROM cancel LEFT JOIN charge ON charge.claim_no = cancel.claim_no
    UNION ALL
    SELECT payment.taken_by, payment.taken_by, 'extra_taken', 0, payment.amount
    FROM payment
    JOIN charge ON charge.claim_no = payment.taken_by AND charge.payment_no = payment.payment_no
    WHERE payment.status = 'paid'
    UNION ALL
    SELECT taken_by, payment_no, 'extra_unknown', 0, amount
    FROM payment
    WHERE taken_by IS NOT NULL AND NOT EXISTS (
        SELECT FROM charge WHERE charge.claim_no = payment.taken_by AND charge.payment_no = payment.payment_no)
    UNION ALL
    SELECT claim_no, claim_no, 'extra_debited', CASE WHEN state = 'TAKEN' AND gateway IS NULL THEN -amount ELSE 0 END, 0
    FROM charge
    UNION ALL
    SELECT claim_no, claim_no, 'extra_debited', 0, amount FROM credit WHERE kind = 'extra'
    -- What went back beside the money.
    UNION ALL
    SELECT claim_no, line_no::text, 'restocked', CASE WHEN restock = 'DONE' THEN quantity ELSE 0 END, 0 FROM held
    UNION ALL
    SELECT claim_no, line_no::text, 'restocked', 0, quantity
    FROM stock_movements WHERE order_no = orders.order_no AND kind = 'restock'
    UNION ALL
    SELECT claim_no, coupon_no, 'coupon_restored', 1, 0
    FROM freed WHERE given AND "returning" IN ('restore', 'extend')
    UNION ALL
    SELECT claim_no, coupon_no, 'coupon_restored', 0, 1 FROM moved WHERE kind = 'restore'
    UNION ALL
    SELECT moved.claim_no, moved.coupon_no, 'coupon_used', 0, 1
    FROM moved JOIN coupons ON coupons.coupon_no = moved.coupon_no
    WHERE moved.kind = 'restore' AND coupons.used_order_no = orders.order_no
    UNION ALL
    -- For one that another order had used meanwhile nothing was given, and the movement says so.
    SELECT freed.claim_no, freed.coupon_no, 'coupon_reissued', 1, 0
    FROM freed
    LEFT JOIN moved ON moved.claim_no = freed.claim_no AND moved.coupon_no = freed.coupon_no
    WHERE freed.given AND freed."returning" = 'reissue'
      AND (moved.coupon_no IS NULL OR moved.new_coupon_no IS NOT NULL)
    UNION ALL
    SELECT moved.claim_no, moved.coupon_no, 'coupon_reissued', 0, 1
    FROM moved
    JOIN coupons AS issued ON issued.coupon_no = moved.new_coupon_no AND issued.reissue_of = moved.coupon_no
    WHERE moved.kind = 'reissue'
    UNION ALL
    SELECT earned.claim_no, earned.claim_no, 'points_taken_back',
           CASE WHEN earned.completed THEN earned.points
                WHEN earned.rejected OR taken.points IS NULL THEN 0
                ELSE earned.points END,
           coalesce(taken.points, 0)
    FROM (SELECT claim_no, bool_or(completed) AS completed, bool_or(rejected) AS rejected, sum(points) AS points
          FROM held GROUP BY claim_no) AS earned
    CROSS JOIN LATERAL (
        SELECT sum(owed - amount) AS points FROM credit WHERE claim_no = earned.claim_no AND kind = 'points'
    ) AS taken
    UNION ALL
    SELECT NULL, bought.line_no::text, 'points_earned', least(bought.earned_points, gone.points), gone.points
    FROM (SELECT line_no, sum(points) AS points FROM held WHERE NOT rejected GROUP BY line_no) AS gone
    JOIN order_lines AS bought ON bought.order_no = orders.order_no AND bought.line_no = gone.line_no
    -- An option change takes as much of one variant as it gives back of another.
    UNION ALL
    SELECT change.claim_no, change.claim_no, 'change_stock', 0, movement.quantity
    FROM claims AS change
    JOIN stock_movements AS movement ON movement.order_no = orders.order_no AND movement.claim_no = change.claim_no
    WHERE change.order_no = orders.order_no AND change.kind = 'OPTION_CHANGE' AND change.closed_at IS NOT NULL
) AS side
GROUP BY orders.order_no, side.claim_no, side.subject, side.rule
HAVING sum(side.expected) <> sum(side.found)
"""


def upgrade() -> None:
    _external_refunds()
    _late_captures()
    _replace_check(
        "claim_costs",
        "kind",
        "kind IN ('goods', 'discount_forfeited', 'discount_taken_back', 'fee_charged', 'fee_returned', 'unpaid', "
        "'returned_outside')",
    )
    _replace_check(
        "claim_costs",
        "rule",
        "rule IN ('units', 'coupon_share', 'coupon_minimum', 'shipping_threshold', 'group_cancelled', "
        "'remote_surcharge', 'gift', 'waiting_payment', 'returned_outside')",
    )
    op.execute(ORDER_CONSERVATION)
    op.execute(ORDER_DIFFERENCES)


def _external_refunds() -> None:
    op.create_table(
        "external_refunds",
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("payment_ref", sa.Text(), nullable=False),
        sa.Column("refund_ref", sa.Text(), nullable=False, comment="the gateway's own reference of the refund"),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("payment_no", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="COUNTED", nullable=False),
        sa.Column("leg_id", sa.Text(), nullable=True, comment="the leg that it turned out to be of"),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_external_refunds_amount")),
        sa.CheckConstraint(
            "(state IN ('OURS', 'SETTLES_LEG')) = (leg_id IS NOT NULL)", name=op.f("ck_external_refunds_of_a_leg")
        ),
        sa.CheckConstraint(
            "state IN ('COUNTED', 'FAILED', 'OURS', 'SETTLES_LEG')", name=op.f("ck_external_refunds_state")
        ),
        sa.ForeignKeyConstraint(["leg_id"], ["refund_legs.leg_id"], name=op.f("fk_external_refunds_leg_id")),
        sa.ForeignKeyConstraint(
            ["order_no", "payment_no"],
            ["order_payments.order_no", "order_payments.payment_no"],
            name=op.f("fk_external_refunds_order_no_payment_no"),
        ),
        sa.PrimaryKeyConstraint("gateway", "payment_ref", "refund_ref", name=op.f("pk_external_refunds")),
        comment="refunds that no claim asked for: somebody made them in the gateway's own console",
    )
    op.create_index("ix_external_refunds_order_no", "external_refunds", ["order_no"])


def _late_captures() -> None:
    op.add_column(
        "order_payments",
        sa.Column(
            "captured_late",
            sa.BigInteger(),
            nullable=True,
            comment="what came in all the same after a claim had closed it",
        ),
    )
    op.add_column("order_payments", sa.Column("closed_at_gateway", sa.DateTime(timezone=True), nullable=True))
    _replace_check(
        "order_payments", "never_above_paid", "refunding >= 0 AND refunding <= coalesce(captured_late, amount)"
    )
    _replace_check(
        "order_payments",
        "closed_while_waiting",
        "closed_by IS NULL OR (status = 'waiting') = (captured_late IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_order_payments_captured_late"),
        "order_payments",
        "captured_late > 0 AND status = 'paid' OR captured_late IS NULL",
    )
    op.add_column(
        "refund_legs",
        sa.Column(
            "late",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="of money that came in after the claim: no part of what it was quoted",
        ),
    )


def _replace_check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
