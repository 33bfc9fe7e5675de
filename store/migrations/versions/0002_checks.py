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
# rows that claims leave, by other means than the code that priced them, so that a mistake there shows here. Everything
# is reckoned order by order (LATERAL), so that asking for one order, or for a range of them, never reads the others.
# Products go through numeric: an amount times a quantity can exceed a bigint. `div` truncates, which for what is never
# negative is the floor; a share of the first n units is therefore div(2·share·n + quantity, 2·quantity), which rounds
# half up.
ORDER_CONSERVATION = """
CREATE VIEW order_conservation AS
SELECT order_no, currency, paid, extra_paid, refunded, due, bought, fees,
       paid + extra_paid - refunded - due - bought - fees AS difference
FROM (
    SELECT orders.order_no, orders.currency,
           payment.paid::bigint AS paid,
           0::bigint AS extra_paid,
           leg.settled::bigint AS refunded,
           (leg.open - payment.waiting - owed.extra)::bigint AS due,
           (goods.amount - goods.discount)::bigint AS bought,
           (fee_paid.amount + fee_later.amount)::bigint AS fees
    FROM orders
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE status = 'paid'), 0) AS paid,
               coalesce(sum(amount) FILTER (WHERE status = 'waiting'), 0) AS waiting
        FROM order_payments WHERE order_no = orders.order_no
    ) AS payment
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE state = 'SETTLED'), 0) AS settled,
               coalesce(sum(amount) FILTER (WHERE state NOT IN ('SETTLED', 'VOID')), 0) AS open
        FROM refund_legs WHERE order_no = orders.order_no
    ) AS leg
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(extra), 0) AS extra
        FROM claims WHERE order_no = orders.order_no AND status <> 'REJECTED'
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
               ARRAY(SELECT group_no FROM line WHERE remaining > 0) AS group_nos
    ) AS goods
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(shipped.fee_paid), 0) AS amount
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
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(ORDER_CONSERVATION)
