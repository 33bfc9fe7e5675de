"""What the database itself checks: append-only logs, and that the money of an order adds up."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("claim_events", "operator_commands")

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$
"""

# paid + extra_paid = refunded + due + bought + fees, per order; docs/money.md tells each term. It is reckoned from the
# rows that claims leave, by other means than the code that priced them, so that a mistake there shows here. Products go
# through numeric: an amount times a quantity can exceed a bigint. `x div y` of numerics truncates, which for what is
# never negative is the floor; a share of the first n units is therefore (2·share·n + quantity) div (2·quantity), which
# rounds half up.
ORDER_CONSERVATION = """
CREATE VIEW order_conservation AS
WITH gone AS (
    SELECT held.order_no, held.line_no, held.first, held.quantity
    FROM claim_lines AS held
    JOIN claims ON claims.claim_no = held.claim_no AND claims.kind = 'CANCEL'
    WHERE held.live
),
left_over AS (
    SELECT line.order_no, line.line_no, line.group_no, line.price,
           line.quantity - coalesce(gone.quantity, 0) AS quantity
    FROM order_lines AS line
    LEFT JOIN (SELECT order_no, line_no, sum(quantity) AS quantity FROM gone GROUP BY order_no, line_no) AS gone
           ON gone.order_no = line.order_no AND gone.line_no = line.line_no
),
taken_back AS (
    SELECT DISTINCT claims.order_no, freed.coupon_no
    FROM claim_coupons AS freed
    JOIN claims ON claims.claim_no = freed.claim_no
    WHERE freed.cause = 'below_minimum' AND claims.status <> 'REJECTED'
),
share_gone AS (
    SELECT share.order_no, share.coupon_no, share.line_no,
           sum(div(2 * share.amount::numeric * (gone.first + gone.quantity - 1) + line.quantity, 2 * line.quantity)
             - div(2 * share.amount::numeric * (gone.first - 1) + line.quantity, 2 * line.quantity)) AS amount
    FROM order_benefit_shares AS share
    JOIN order_lines AS line ON line.order_no = share.order_no AND line.line_no = share.line_no
    JOIN gone ON gone.order_no = share.order_no AND gone.line_no = share.line_no
    GROUP BY share.order_no, share.coupon_no, share.line_no
),
discount AS (
    SELECT share.order_no, sum(share.amount - coalesce(share_gone.amount, 0)) AS amount
    FROM order_benefit_shares AS share
    LEFT JOIN share_gone ON share_gone.order_no = share.order_no AND share_gone.coupon_no = share.coupon_no
                        AND share_gone.line_no = share.line_no
    WHERE NOT EXISTS (SELECT FROM taken_back
                      WHERE taken_back.order_no = share.order_no AND taken_back.coupon_no = share.coupon_no)
    GROUP BY share.order_no
),
goods AS (
    SELECT order_no, sum(quantity * price) AS amount FROM left_over GROUP BY order_no
),
fee AS (
    SELECT shipped.order_no, shipped.group_no, shipped.fee_paid AS amount FROM order_groups AS shipped
    UNION ALL
    SELECT claims.order_no, cost.group_no, -cost.amount
    FROM claim_costs AS cost
    JOIN claims ON claims.claim_no = cost.claim_no
    WHERE cost.kind IN ('fee_charged', 'fee_returned') AND claims.status <> 'REJECTED'
),
fees AS (
    SELECT fee.order_no, sum(fee.amount) AS amount
    FROM fee
    WHERE EXISTS (SELECT FROM left_over
                  WHERE left_over.order_no = fee.order_no AND left_over.group_no = fee.group_no
                    AND left_over.quantity > 0)
    GROUP BY fee.order_no
),
payment AS (
    SELECT order_no,
           coalesce(sum(amount) FILTER (WHERE status = 'paid'), 0) AS paid,
           coalesce(sum(amount) FILTER (WHERE status = 'waiting'), 0) AS waiting
    FROM order_payments GROUP BY order_no
),
leg AS (
    SELECT order_no,
           coalesce(sum(amount) FILTER (WHERE state = 'SETTLED'), 0) AS settled,
           coalesce(sum(amount) FILTER (WHERE state NOT IN ('SETTLED', 'VOID')), 0) AS open
    FROM refund_legs GROUP BY order_no
),
owed AS (
    SELECT order_no, sum(extra) AS extra FROM claims WHERE status <> 'REJECTED' GROUP BY order_no
),
term AS (
    SELECT orders.order_no, orders.currency,
           coalesce(payment.paid, 0)::bigint AS paid,
           0::bigint AS extra_paid,
           coalesce(leg.settled, 0)::bigint AS refunded,
           (coalesce(leg.open, 0) - coalesce(payment.waiting, 0) - coalesce(owed.extra, 0))::bigint AS due,
           (coalesce(goods.amount, 0) - coalesce(discount.amount, 0))::bigint AS bought,
           coalesce(fees.amount, 0)::bigint AS fees
    FROM orders
    LEFT JOIN payment ON payment.order_no = orders.order_no
    LEFT JOIN leg ON leg.order_no = orders.order_no
    LEFT JOIN owed ON owed.order_no = orders.order_no
    LEFT JOIN goods ON goods.order_no = orders.order_no
    LEFT JOIN discount ON discount.order_no = orders.order_no
    LEFT JOIN fees ON fees.order_no = orders.order_no
)
SELECT order_no, currency, paid, extra_paid, refunded, due, bought, fees,
       paid + extra_paid - refunded - due - bought - fees AS difference
FROM term
"""


def upgrade() -> None:
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(ORDER_CONSERVATION)
