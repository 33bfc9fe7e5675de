"""One claim as the storefront reads it."""

from __future__ import annotations

from collections import defaultdict

from api import texts, wording
from api.codes import CLAIM_BUSINESS, PAYMENT_STATUS, REFUND_STATUS, Booking, ClaimBusiness, RefundStatus
from api.explaining import Explaining
from api.quoting import cost_rows
from api.schemas.fields import yes_no
from api.schemas.storefront.claim import (
    ClaimedGoods,
    ClaimView,
    DeliveryView,
    ExtraCharge,
    MoneyRow,
    ProgressStep,
    ReturningCoupon,
)
from api.schemas.storefront.costs import PointsTaken
from domain.claims import ClaimKind, ClaimStatus, LegState
from domain.costs import CostKind
from domain.policy import RefundPolicy
from domain.refusals import Code, Refusal
from store.claim_details import ClaimDetails, ClaimStep

_FEES = (CostKind.FEE_CHARGED, CostKind.FEE_RETURNED)


def claim_view(claim: ClaimDetails, refunds_by: RefundPolicy, language: str) -> ClaimView:
    """`refunds_by` divided the claim's refund over the payments."""
    cancel = claim.kind is ClaimKind.CANCEL
    explaining = Explaining(claim.currency, claim.policy_version, language)
    return ClaimView(
        order_no=claim.order_no,
        claim_no=claim.claim_no,
        business=CLAIM_BUSINESS.number(ClaimBusiness.CANCEL if cancel else ClaimBusiness.OPTION_CHANGE),
        reason_code=claim.reason_code,
        fault=claim.fault.value,
        status=claim.status.value,
        opened_at=claim.opened_at,
        closed_at=claim.closed_at,
        currency=claim.currency,
        refund=claim.refund,
        extra=claim.extra,
        refusal_code=claim.refusal_code,
        refusal_reason=_refusal_text(claim, language),
        lines=[
            ClaimedGoods(
                line_no=line.line_no,
                goods_no=line.goods_no,
                goods_name=line.goods_name,
                variant_no=line.variant_no,
                variant_name=line.variant_name,
                new_variant_no=line.new_variant_no,
                new_variant_name=line.new_variant_name,
                quantity=line.quantity,
                price=line.price,
                gift=yes_no(line.gift),
            )
            for line in claim.lines
        ],
        money=_payments(claim) + _refunds(claim),
        extra_charge=_extra_charge(claim),
        closed=list(claim.closed),
        points=[PointsTaken(line_no=line.line_no, amount=line.points) for line in claim.lines if line.points],
        points_taken=claim.points.taken if claim.points else None,
        points_owed=claim.points.owed if claim.points else None,
        coupons=_coupons(claim),
        delivery=_delivery(claim),
        rows=cost_rows(claim.costs),
        policy_version=claim.policy_version,
        explanation=explaining.rows(claim.costs),
        refund_explanation=explaining.refunds((leg for leg in claim.legs if not leg.late), refunds_by),
        progress=[
            ProgressStep(step=step.step.value, status=step.status.value, at=step.at, note=_note(step, language))
            for step in claim.steps
        ],
    )


def _payments(claim: ClaimDetails) -> list[MoneyRow]:
    return [
        MoneyRow(
            payment_no=payment.payment_no,
            upper_payment_no=None,
            booking=Booking.PAYMENT,
            means=payment.means,
            status=PAYMENT_STATUS.number(payment.status),
            amount=payment.amount,
            refund=0,
            tax_free=payment.tax_free,
            vat=payment.vat,
            closed=yes_no(payment.closed),
            extra=yes_no(payment.extra),
        )
        for payment in claim.payments
    ]


def _refunds(claim: ClaimDetails) -> list[MoneyRow]:
    """The claim's refunds that stand: an undone claim gives nothing back."""
    return [
        MoneyRow(
            payment_no=leg.leg_id,
            upper_payment_no=leg.payment_no,
            booking=Booking.REFUND,
            means=leg.means,
            status=REFUND_STATUS.number(
                RefundStatus.REFUNDED if leg.state is LegState.SETTLED else RefundStatus.RECEIVED
            ),
            amount=0,
            refund=leg.amount,
            tax_free=leg.tax_free,
            vat=leg.vat,
            closed="N",
            extra="N",
            late=yes_no(leg.late),
            account=leg.account_shown,
            payout=leg.payout,
        )
        for leg in claim.legs
        if leg.state is not LegState.VOID
    ]


def _extra_charge(claim: ClaimDetails) -> ExtraCharge | None:
    extra = claim.extra_payment
    if extra is None:
        return None
    return ExtraCharge(
        means=extra.means,
        gateway=extra.gateway,
        stored_no=extra.stored_no,
        amount=extra.amount,
        state=extra.state.value,
        payment_no=extra.payment_no,
    )


def _coupons(claim: ClaimDetails) -> list[ReturningCoupon]:
    """The coupons due back: an undone claim returns none."""
    if claim.status in (ClaimStatus.COMPENSATING, ClaimStatus.REJECTED):
        return []
    return [
        ReturningCoupon(
            coupon_no=coupon.coupon_no,
            name=coupon.name,
            promotion=coupon.promotion,
            expires_at=coupon.expires_at,
            returning=coupon.returning,
            valid_days=coupon.valid_days,
            new_coupon_no=coupon.new_coupon_no,
            new_expires_at=coupon.new_expires_at,
            returned=yes_no(coupon.restored_at is not None),
        )
        for coupon in claim.coupons
        if coupon.restored
    ]


def _delivery(claim: ClaimDetails) -> list[DeliveryView]:
    """The delivery groups that the claim touches; what it charged is positive, what it gave back negative."""
    charged: dict[str, int] = defaultdict(int)
    for row in claim.costs:
        if row.kind in _FEES and row.group_no is not None:
            charged[row.group_no] -= row.amount
    touched = {line.group_no for line in claim.lines} | set(charged)
    return [
        DeliveryView(
            group_no=group.group_no,
            policy_no=group.policy_no,
            paid=group.fee_paid,
            surcharge=group.surcharge,
            charged=charged[group.group_no],
        )
        for group in claim.groups
        if group.group_no in touched
    ]


def _refusal_text(claim: ClaimDetails, language: str) -> str | None:
    if claim.refusal_code is None or claim.refusal_reason is None:
        return None
    return texts.refusal(Refusal(Code(claim.refusal_code), claim.refusal_reason), language)


def _note(step: ClaimStep, language: str) -> str | None:
    """A step's note in words; an operator's own words as they are."""
    words = wording.NOTES.get(step.note or "")
    return texts.pick(words, language) if words else step.note
