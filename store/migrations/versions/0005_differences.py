"""What doesn't add up, row by row: a view that is empty as long as all is well."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# One row per sum of an order that is not what it should be: `expected` follows from what was planned and decided,
# `found` from what was done. `rule` is a word of domain.differences.Sum, which tells each; `subject` is the number of
# what the sum is of: the order, a claim, a payment, a refund leg, a line or a coupon. Everything is reckoned order by
# order (LATERAL), as in order_conservation, so that asking for one order never reads the others.
#
# Both sides of a sum are rows here, and rows of the same sum are added up: so what is there and should not be is found
# as well as what should be there and is not. A sum that must not exceed a limit expects itself, up to the limit.
ORDER_DIFFERENCES = """
CREATE VIEW order_differences AS
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
        SELECT leg_id, claim_no, payment_no, external, amount, tax_free, vat, state
        FROM refund_legs WHERE order_no = orders.order_no
    ),
    payment AS (
        SELECT payment_no, amount, status, vat, refunding, refunding_tax_free, taken_by, closed_by
        FROM order_payments WHERE order_no = orders.order_no
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
    SELECT claim_no, claim_no, 'refund_legs', 0, amount FROM leg WHERE state <> 'VOID'
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
           least(CASE WHEN payment.status = 'paid' THEN payment.amount ELSE 0 END, settled.amount), settled.amount
    FROM payment
    CROSS JOIN LATERAL (
        SELECT sum(amount) AS amount FROM leg WHERE payment_no = payment.payment_no AND state = 'SETTLED'
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
    op.execute(ORDER_DIFFERENCES)
