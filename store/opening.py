"""Writing a claim whole, in the transaction that opens it: its lines, cost rows, coupons, refund legs and steps.

Every function runs under the order's lock (`store.fence`). Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import (
    CANCEL_STEPS,
    OPTION_STEPS,
    Actor,
    ChargeState,
    ClaimKind,
    ClaimStatus,
    LegState,
    Step,
    StepStatus,
)
from domain.costs import Costs, PointsBack
from domain.extra_offers import ExtraOffer
from domain.orders import Fault, Held, OrderState
from store.claims import add_event
from store.rows import dump_rows, insert_rows
from store.tables import (
    claim_costs,
    claim_coupons,
    claim_steps,
    claims,
    extra_payments,
    order_payments,
    refund_legs,
)


@dataclass(frozen=True, slots=True)
class NewClaim:
    """What the claim row is written from. `request_key` and `digest` name the request that it answers.

    `policy_version` is of the policy that it is opened under.
    """

    claim_no: str
    order_no: str
    kind: ClaimKind
    workflow_id: str
    request_key: str
    digest: str
    quote_nonce: str | None
    private_id: int | None
    actor: Actor
    language: str
    reason_code: str
    fault: Fault
    policy_version: str


async def open_cancel(
    conn: AsyncConnection,
    new: NewClaim,
    state: OrderState,
    held: Sequence[Held],
    costs: Costs,
    offer: ExtraOffer | None = None,
) -> None:
    """Write a cancel claim whole: lines that hold their units, cost rows, coupons to free, one leg per payment, steps.

    Waiting payments are closed; what it costs beyond its refund is planned as `offer` says, whose gateway is the one to
    be charged. Nothing is given back or charged yet. Raises IntegrityError when a constraint says that it must not be
    (a unit held twice, a second undecided claim, more than was paid), and ValueError when there is no offer for what
    it costs.
    """
    await _insert_claim(conn, new, currency=costs.currency, refund=costs.refund, extra=costs.extra)
    await hold_lines(conn, new, held, new_variant_no=None, points=costs.points)
    await insert_rows(
        conn,
        claim_costs,
        [
            {
                "claim_no": new.claim_no,
                "position": position,
                "kind": row.kind,
                "rule": row.rule,
                "amount": row.amount,
                "line_no": row.line_no,
                "group_no": row.group_no,
                "coupon_no": row.coupon_no,
                "quantity": row.quantity,
                "inputs": dict(row.inputs),
            }
            for position, row in enumerate(costs.rows, start=1)
        ],
    )
    await insert_rows(
        conn,
        claim_coupons,
        [
            {
                "claim_no": new.claim_no,
                "coupon_no": coupon.coupon_no,
                "promotion": coupon.promotion,
                "cause": coupon.cause,
                "returning": coupon.returning,
                "restored": coupon.restored,
                "valid_days": coupon.valid_days,
            }
            for coupon in costs.coupons
        ],
    )
    payments = {payment.payment_no: payment for payment in state.order.payments}
    await insert_rows(
        conn,
        refund_legs,
        [
            {
                "leg_id": f"{new.claim_no}-{position}",
                "claim_no": new.claim_no,
                "order_no": new.order_no,
                "position": position,
                "payment_no": leg.payment_no,
                "means": leg.means,
                "external": leg.means.external,
                "gateway": payments[leg.payment_no].gateway if leg.means.external else None,
                "gateway_ref": payments[leg.payment_no].gateway_ref,
                "amount": leg.amount,
                "tax_free": leg.tax_free,
                "vat": leg.vat,
                "valid_days": leg.valid_days,
                "state": LegState.PLANNED,
            }
            for position, leg in enumerate(costs.legs, start=1)
        ],
    )
    await reserve_payments(conn, new.claim_no, sign=1)
    await _close_waiting(conn, new, costs.closed)
    await _plan_charge(conn, new, costs.extra, offer)
    skipped = set()
    if not costs.extra:
        skipped.add(Step.CHARGE)
    if not costs.legs:
        skipped.add(Step.REFUND)
    if not any(coupon.restored for coupon in costs.coupons):
        skipped.add(Step.COUPONS)
    await _insert_steps(conn, new.claim_no, CANCEL_STEPS, skipped)
    await add_event(
        conn,
        new.claim_no,
        new.order_no,
        "claim.opened",
        actor="customer" if new.actor is not Actor.BACK_OFFICE else "back office",
        step=Step.OPEN,
        refund=costs.refund,
        extra=costs.extra,
        currency=costs.currency,
        reason_code=new.reason_code,
    )


async def open_change(conn: AsyncConnection, new: NewClaim, currency: str, held: Held, new_variant_no: str) -> None:
    """Write an option change: it holds the line's units left until it is over, and moves no money."""
    await _insert_claim(conn, new, currency=currency, refund=0, extra=0)
    await hold_lines(conn, new, [held], new_variant_no=new_variant_no)
    await _insert_steps(conn, new.claim_no, OPTION_STEPS, set())
    await add_event(
        conn,
        new.claim_no,
        new.order_no,
        "change.opened",
        actor="customer" if new.actor is not Actor.BACK_OFFICE else "back office",
        step=Step.OPEN,
        line_no=held.line_no,
        variant_no=new_variant_no,
    )


async def _insert_claim(conn: AsyncConnection, new: NewClaim, *, currency: str, refund: int, extra: int) -> None:
    await conn.execute(
        insert(claims).values(
            claim_no=new.claim_no,
            order_no=new.order_no,
            kind=new.kind,
            workflow_id=new.workflow_id,
            request_key=new.request_key,
            digest=new.digest,
            quote_nonce=new.quote_nonce,
            private_id=new.private_id,
            actor=new.actor,
            language=new.language,
            reason_code=new.reason_code,
            fault=new.fault,
            policy_version=new.policy_version,
            currency=currency,
            refund=refund,
            extra=extra,
            status=ClaimStatus.ACCEPTED,
        )
    )


async def hold_lines(
    conn: AsyncConnection,
    new: NewClaim,
    held: Sequence[Held],
    *,
    new_variant_no: str | None,
    points: Iterable[PointsBack] = (),
) -> None:
    """Have the claim hold units of lines, with the earned `points` that go with them."""
    earned = {of_line.line_no: of_line.amount for of_line in points}
    rows = [
        {
            "line_no": one.line_no,
            "first": one.first,
            "quantity": one.quantity,
            "points": earned.get(one.line_no, 0),
        }
        for one in held
    ]
    await conn.execute(
        text(
            """
            INSERT INTO claim_lines
                (claim_no, line_no, order_no, first, quantity,
                 goods_no, variant_no, variant_name, new_variant_no, points, units)
            SELECT :claim_no, line.line_no, line.order_no, given.first, given.quantity,
                   line.goods_no, line.variant_no, line.variant_name, CAST(:new_variant_no AS text),
                   given.points,
                   int8range(line.line_id * 4294967296 + given.first,
                             line.line_id * 4294967296 + given.first + given.quantity)
            FROM jsonb_to_recordset(CAST(:rows AS jsonb))
                AS given(line_no integer, first bigint, quantity bigint, points bigint)
            JOIN order_lines AS line ON line.order_no = :order_no AND line.line_no = given.line_no
            ORDER BY line.line_no
            """
        ),
        {
            "claim_no": new.claim_no,
            "order_no": new.order_no,
            "new_variant_no": new_variant_no,
            "rows": dump_rows(rows),
        },
    )


async def reserve_payments(conn: AsyncConnection, claim_no: str, *, sign: int) -> None:
    """Count what the claim's legs return of each payment (`sign` 1), or no longer (−1): what is left is less by it."""
    await conn.execute(
        text(
            """
            UPDATE order_payments AS payment
            SET refunding = payment.refunding + :sign * leg.amount,
                refunding_tax_free = payment.refunding_tax_free + :sign * coalesce(leg.tax_free, 0)
            FROM refund_legs AS leg
            WHERE leg.claim_no = :claim_no
              AND payment.order_no = leg.order_no AND payment.payment_no = leg.payment_no
            """
        ),
        {"claim_no": claim_no, "sign": sign},
    )


async def _close_waiting(conn: AsyncConnection, new: NewClaim, payment_nos: Sequence[str]) -> None:
    """Nobody has to make these payments any more."""
    if not payment_nos:
        return
    await conn.execute(
        update(order_payments)
        .where(order_payments.c.order_no == new.order_no, order_payments.c.payment_no.in_(payment_nos))
        .values(closed_by=new.claim_no)
    )


async def reopen_waiting(conn: AsyncConnection, claim_no: str, order_no: str) -> None:
    """The payments that the claim closed are awaited again."""
    await conn.execute(
        update(order_payments)
        .where(order_payments.c.order_no == order_no, order_payments.c.closed_by == claim_no)
        .values(closed_by=None, closed_at_gateway=None)
    )


async def _plan_charge(conn: AsyncConnection, new: NewClaim, extra: int, offer: ExtraOffer | None) -> None:
    if not extra:
        return
    if offer is None or offer.amount != extra:
        raise ValueError(f"claim {new.claim_no} costs {extra} that nobody offers to pay")
    await conn.execute(
        insert(extra_payments).values(
            claim_no=new.claim_no,
            order_no=new.order_no,
            means=offer.means,
            gateway=offer.gateway,
            stored_no=offer.stored_no,
            amount=extra,
            state=ChargeState.PLANNED,
        )
    )


async def _insert_steps(conn: AsyncConnection, claim_no: str, steps: Sequence[Step], skipped: set[Step]) -> None:
    def status(step: Step) -> StepStatus:
        if step is Step.OPEN:
            return StepStatus.DONE
        return StepStatus.SKIPPED if step in skipped else StepStatus.WAITING

    await insert_rows(
        conn,
        claim_steps,
        [
            {"claim_no": claim_no, "step": step, "position": position, "status": status(step)}
            for position, step in enumerate(steps, start=1)
        ],
    )
