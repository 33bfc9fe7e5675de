"""Events for the shop's systems: an outbox that the ledger fills by itself, in the transaction that makes each true.

Three triggers write it: on a refund leg that moves, on a claim that parks, and on the timeline's other turning points.
They are deferred, so an event carries the claim as its transaction leaves it; and since everybody who moves a leg goes
through them, a refund is told of alike whatever has caused it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SNAPSHOT = """
CREATE FUNCTION claim_snapshot(of_claim text) RETURNS jsonb LANGUAGE sql STABLE AS $$
SELECT jsonb_build_object(
    'kind', claim.kind,
    'status', claim.status,
    'reason_code', claim.reason_code,
    'fault', claim.fault,
    'currency', claim.currency,
    'refund', claim.refund,
    'extra', claim.extra,
    'refusal', claim.refusal_reason,
    'lines', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'line_no', held.line_no, 'goods_no', held.goods_no, 'variant_no', held.variant_no,
            'new_variant_no', held.new_variant_no, 'quantity', held.quantity,
            'restocked', coalesce(back.quantity, 0)
        ) ORDER BY held.line_no)
        FROM claim_lines AS held
        LEFT JOIN stock_movements AS back
            ON back.order_no = held.order_no AND back.claim_no = held.claim_no AND back.line_no = held.line_no
            AND back.kind IN ('restock', 'release')
        WHERE held.claim_no = claim.claim_no), '[]'),
    'refunds', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'refund_no', leg.leg_id, 'payment_no', leg.payment_no, 'means', leg.means, 'gateway', leg.gateway,
            'amount', leg.amount, 'state', leg.state, 'settled_by', leg.settled_by, 'reference', leg.refund_ref
        ) ORDER BY leg.position)
        FROM refund_legs AS leg WHERE leg.claim_no = claim.claim_no), '[]'),
    'charge', (
        SELECT jsonb_build_object(
            'payment_no', extra.payment_no, 'means', extra.means, 'gateway', extra.gateway, 'amount', extra.amount,
            'state', extra.state, 'reference', extra.gateway_ref)
        FROM extra_payments AS extra WHERE extra.claim_no = claim.claim_no),
    'coupons', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'coupon_no', freed.coupon_no,
            'result', CASE
                WHEN moved.kind = 'restore' THEN 'restored'
                WHEN moved.facts ->> 'new_coupon_no' IS NOT NULL THEN 'reissued'
                WHEN moved.kind IS NOT NULL THEN 'used_elsewhere'
                WHEN NOT freed.restored THEN 'not_returned'
                ELSE 'due' END,
            'new_coupon_no', moved.facts ->> 'new_coupon_no'
        ) ORDER BY freed.coupon_no)
        FROM claim_coupons AS freed
        LEFT JOIN coupon_movements AS moved
            ON moved.order_no = claim.order_no AND moved.claim_no = freed.claim_no
            AND moved.coupon_no = freed.coupon_no
        WHERE freed.claim_no = claim.claim_no), '[]')
)
FROM claims AS claim WHERE claim.claim_no = of_claim
$$
"""

# The claim's own numbers need no lock: every transaction of a claim holds its order's row until it ends.
TELL = """
CREATE FUNCTION tell_shop(of_claim text, of_order text, what text, about jsonb) RETURNS void LANGUAGE sql AS $$
INSERT INTO claim_outbox (claim_no, order_no, sequence, type, at, payload)
SELECT of_claim, of_order,
       (SELECT coalesce(max(sequence), 0) + 1 FROM claim_outbox WHERE claim_no = of_claim),
       what, clock_timestamp(), claim_snapshot(of_claim) || about
$$
"""

TELL_OF_LEG = """
CREATE FUNCTION tell_shop_of_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what text := CASE
        WHEN NEW.state = 'SETTLED' THEN 'refund.settled'
        WHEN NEW.state = 'PENDING' THEN 'refund.pending'
        WHEN NEW.state = 'REFUSED' OR (OLD.state IN ('PENDING', 'SETTLED') AND NEW.state = 'PLANNED')
            THEN 'refund.failed' END;
BEGIN
    IF what IS NOT NULL THEN
        PERFORM tell_shop(NEW.claim_no, NEW.order_no, what, jsonb_build_object('about', jsonb_build_object(
            'refund_no', NEW.leg_id, 'payment_no', NEW.payment_no, 'means', NEW.means, 'gateway', NEW.gateway,
            'amount', NEW.amount, 'state', NEW.state, 'was', OLD.state, 'settled_by', NEW.settled_by,
            'reference', coalesce(NEW.refund_ref, OLD.refund_ref), 'code', NEW.code)));
    END IF;
    RETURN NULL;
END $$
"""

TELL_OF_EVENT = """
CREATE FUNCTION tell_shop_of_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what text := CASE NEW.event
        WHEN 'change.opened' THEN 'claim.opened'
        WHEN 'line.changed' THEN 'option.changed'
        ELSE NEW.event END;
BEGIN
    PERFORM tell_shop(NEW.claim_no, NEW.order_no, what, '{}');
    RETURN NULL;
END $$
"""

TELL_OF_PARKING = """
CREATE FUNCTION tell_shop_of_parking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_shop(NEW.claim_no, NEW.order_no, 'claim.needs_operator', jsonb_build_object(
        'about', jsonb_build_object('parking_no', NEW.parking_no, 'step', NEW.step, 'cause', NEW.cause)));
    RETURN NULL;
END $$
"""

TRIGGERS = (
    """
    CREATE CONSTRAINT TRIGGER tell_shop AFTER UPDATE OF state ON refund_legs DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION tell_shop_of_refund()
    """,
    """
    CREATE CONSTRAINT TRIGGER tell_shop AFTER INSERT ON claim_events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.event IN ('claim.opened', 'change.opened', 'charge.taken', 'coupons.returned',
                                     'stock.returned', 'line.changed', 'claim.completed', 'claim.reopened',
                                     'claim.rejected'))
    EXECUTE FUNCTION tell_shop_of_event()
    """,
    """
    CREATE CONSTRAINT TRIGGER tell_shop AFTER INSERT ON parkings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tell_shop_of_parking()
    """,
)

TYPES = (
    "'claim.opened', 'charge.taken', 'refund.pending', 'refund.settled', 'refund.failed', 'coupons.returned', "
    "'stock.returned', 'option.changed', 'claim.needs_operator', 'claim.completed', 'claim.reopened', "
    "'claim.rejected'"
)


def upgrade() -> None:
    op.create_table(
        "claim_outbox",
        sa.Column("outbox_id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("event_no", sa.BigInteger, comment="given to committed events only, by whoever reads them first"),
        sa.Column("claim_no", sa.Text, nullable=False),
        sa.Column("order_no", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False, comment="1, 2, 3 … within the claim"),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", postgresql.JSONB, nullable=False, comment="the claim as it stood, without personal data"),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("outbox_id", name="pk_claim_outbox"),
        sa.UniqueConstraint("event_no", name="uq_claim_outbox_event_no"),
        sa.UniqueConstraint("claim_no", "sequence", name="uq_claim_outbox_claim_no_sequence"),
        sa.CheckConstraint(f'"type" IN ({TYPES})', name="type"),
    )
    op.create_index(
        "ix_claim_outbox_unnumbered", "claim_outbox", ["outbox_id"], postgresql_where=sa.text("event_no IS NULL")
    )
    op.create_index(
        "ix_claim_outbox_undelivered",
        "claim_outbox",
        ["claim_no", "sequence"],
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.create_table(
        "outbox_numbers",
        sa.Column("one_row", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("last", sa.BigInteger, nullable=False, comment="the highest event number given"),
        sa.PrimaryKeyConstraint("one_row", name="pk_outbox_numbers"),
        sa.CheckConstraint("one_row", name="one_row"),
    )
    op.execute("INSERT INTO outbox_numbers (last) VALUES (0)")
    op.create_table(
        "outbox_delays",
        sa.Column("claim_no", sa.Text, nullable=False, comment="a claim whose next event could not be delivered"),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("code", sa.Text, nullable=False, comment="how the last try ended"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("claim_no", name="pk_outbox_delays"),
    )
    for statement in (SNAPSHOT, TELL, TELL_OF_LEG, TELL_OF_EVENT, TELL_OF_PARKING, *TRIGGERS):
        op.execute(statement)
