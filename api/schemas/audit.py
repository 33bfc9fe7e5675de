"""What auditors read: every movement of an order with its claim, its books, and what does not add up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from api import texts
from api.audit_wording import SUMS
from api.codes import MEANS, PAYMENT_STATUS
from api.schemas.fields import Wire, YesNo, yes_no
from domain.conservation import Books
from domain.differences import Measure, Sum
from domain.orders import Means, Payment, PaymentStatus
from store.conservation import Difference
from store.extra_payments import ExtraPayment
from store.late_money import ExternalRefund
from store.order_audit import CouponMovement, CreditMovement, NoticeWay, OrderAudit, StockMovement, ToldNotice
from store.refund_legs import RefundLeg


class Conservation(Wire):
    """Both sides of the books: paidAmt + addPayAmt = rfdAmt + dueAmt + boughtAmt + feeAmt, while claims run too."""

    paid: int = Field(alias="paidAmt", description="Paid at purchase.")
    extra_paid: int = Field(alias="addPayAmt", description="Taken by claims that cost more than they returned.")
    refunded: int = Field(alias="rfdAmt", description="By claims, and past any claim.")
    due: int = Field(alias="dueAmt", description="Still to be returned, less what is still owed; can be negative.")
    bought: int = Field(alias="boughtAmt", description="Goods still bought, at what they cost now.")
    fees: int = Field(alias="feeAmt", description="All shipping of groups with goods left.")

    @classmethod
    def of(cls, books: Books) -> Self:
        return cls.model_validate(books, from_attributes=True)


class PaymentEntry(Wire):
    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    status: Annotated[PaymentStatus, PAYMENT_STATUS] = Field(alias="payStatCd")
    amount: int = Field(alias="payAmt")
    refunding: int = Field(alias="rfdAmt", description="Returned of it by claims, or planned to be.")
    returned_outside: int = Field(
        alias="extRfdAmt", description="Returned of it past any claim, in the gateway's own console."
    )
    captured_late: int | None = Field(
        alias="lateAmt", description="What came in of it after a cancel had closed it; null: nothing."
    )
    closed: YesNo = Field(alias="clsYn", description="Y: it was awaited, and a cancel closed it.")
    extra: YesNo = Field(alias="addPayYn", description="Y: a claim took it as its extra payment.")

    @classmethod
    def of(cls, payment: Payment) -> Self:
        return cls(
            payment_no=payment.payment_no,
            means=payment.means,
            status=payment.status,
            amount=payment.amount,
            refunding=payment.refunding,
            returned_outside=payment.returned_outside,
            captured_late=payment.captured_late,
            closed=yes_no(payment.closed),
            extra=yes_no(payment.extra),
        )


class RefundEntry(Wire):
    claim_no: str = Field(alias="claimNo")
    leg_id: str = Field(alias="rfdLegNo")
    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    amount: int = Field(alias="rfdAmt")
    tax_free: int | None = Field(alias="taxFreeAmt")
    vat: int | None = Field(alias="vatAmt")
    state: str = Field(alias="rfdStat", description="PLANNED, PENDING, SETTLED, REFUSED or VOID.")
    settled_by: str | None = Field(alias="settledBy", description="GATEWAY, HAND or OURS.")
    reference: str | None = Field(alias="pgRfdNo", description="The gateway's own number of the refund.")
    evidence: str | None = Field(alias="evidence")
    late: YesNo = Field(alias="lateYn", description="Y: of money that came in after the cancel.")
    settled_at: datetime | None = Field(alias="rfdDtm")
    account: str | None = Field(alias="rfdActnMask", description="Bank and last digits of the account it goes to.")

    @classmethod
    def of(cls, leg: RefundLeg) -> Self:
        return cls(
            claim_no=leg.claim_no,
            leg_id=leg.leg_id,
            payment_no=leg.payment_no,
            means=leg.means,
            amount=leg.amount,
            tax_free=leg.tax_free,
            vat=leg.vat,
            state=leg.state.value,
            settled_by=leg.settled_by.value if leg.settled_by else None,
            reference=leg.refund_ref,
            evidence=leg.evidence,
            account=leg.account_shown,
            late=yes_no(leg.late),
            settled_at=leg.settled_at,
        )


class ExternalRefundEntry(Wire):
    """A refund that no claim asked for: somebody made it in the gateway's own console."""

    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    gateway: str = Field(alias="gateway")
    reference: str = Field(alias="pgRfdNo", description="The gateway's own number of the refund.")
    amount: int = Field(alias="rfdAmt")
    state: str = Field(
        alias="extRfdStat",
        description="COUNTED; FAILED: it came to nothing; OURS, SETTLES_LEG: it turned out to be of a claim's refund.",
    )
    leg_id: str | None = Field(alias="rfdLegNo", description="The claim's refund that it turned out to be of.")
    found_at: datetime = Field(alias="foundDtm")
    moved_at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, refund: ExternalRefund) -> Self:
        return cls(
            payment_no=refund.payment_no,
            means=refund.means,
            gateway=refund.gateway,
            reference=refund.refund_ref,
            amount=refund.amount,
            state=refund.state.value,
            leg_id=refund.leg_id,
            found_at=refund.found_at,
            moved_at=refund.moved_at,
        )


class ExtraEntry(Wire):
    """What a claim costs beyond its refund, and how far the charge is."""

    claim_no: str = Field(alias="claimNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    gateway: str | None = Field(alias="gateway", description="null: a balance of the member's own.")
    amount: int = Field(alias="payAmt")
    state: str = Field(alias="addPayStat", description="PLANNED, SENT, TAKEN, REFUSED or VOID.")
    payment_no: str | None = Field(alias="payNo", description="The payment of the order that it became.")
    reference: str | None = Field(alias="pgTid", description="The gateway's own number of it.")
    code: str | None = Field(alias="pgCd", description="The gateway's last code for it.")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, extra: ExtraPayment) -> Self:
        return cls(
            claim_no=extra.claim_no,
            means=extra.means,
            gateway=extra.gateway,
            amount=extra.amount,
            state=extra.state.value,
            payment_no=extra.payment_no,
            reference=extra.gateway_ref,
            code=extra.code,
            at=extra.moved_at,
        )


class StockEntry(Wire):
    claim_no: str | None = Field(alias="claimNo")
    kind: str = Field(alias="kind", description="restock, reserve, unreserve or release.")
    line_no: int | None = Field(alias="ordSeq")
    goods_no: str = Field(alias="goodsNo")
    variant_no: str = Field(alias="itmNo")
    quantity: int = Field(alias="qty", description="Signed: added to stock.")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, movement: StockMovement) -> Self:
        return cls.model_validate(movement, from_attributes=True)


class CouponEntry(Wire):
    claim_no: str | None = Field(alias="claimNo")
    kind: str = Field(alias="kind", description="feed, restore or reissue.")
    coupon_no: str = Field(alias="cpnNo")
    new_coupon_no: str | None = Field(alias="newCpnNo", description="What the member got for one that was reissued.")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, movement: CouponMovement) -> Self:
        return cls.model_validate(movement, from_attributes=True)


class CreditEntry(Wire):
    claim_no: str | None = Field(alias="claimNo")
    kind: str = Field(alias="kind", description="refund; extra: an extra payment; points: earned ones taken back.")
    leg_id: str | None = Field(alias="rfdLegNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    member_no: str | None = Field(alias="mbrNo")
    amount: int = Field(alias="amt", description="Signed: added to the balance.")
    expires_at: datetime | None = Field(alias="expDtm", description="Of mileage that came back.")
    owed: int = Field(alias="owedAmt", description="What the balance lacked when earned points were taken back.")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, movement: CreditMovement) -> Self:
        return cls.model_validate(movement, from_attributes=True)


class NoticeWayEntry(Wire):
    route: str = Field(alias="route", description="email, alimtalk or sms.")
    sent_by: str = Field(alias="sentBy", description="ours, or provider: its own text message took over.")
    provider: str = Field(alias="provider")
    state: str = Field(
        alias="routeStat", description="WAITING, SENDING, UNKNOWN, ACCEPTED (not yet DELIVERED), DELIVERED or FAILED."
    )
    code: str | None = Field(alias="code", description="What was last learned of it.")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, way: NoticeWay) -> Self:
        return cls(
            route=way.route.value,
            sent_by=way.sent_by.value,
            provider=way.provider,
            state=way.state.value,
            code=way.code,
            at=way.at,
        )


class ToldEntry(Wire):
    """A notice of a claim and the ways that it took, in turn. No address, no number, no text."""

    notice_no: str = Field(alias="noticeNo")
    claim_no: str = Field(alias="claimNo")
    event: str = Field(alias="event")
    channel: str = Field(alias="channel", description="inbox, email or alimtalk; shop: the merchant's own mail.")
    state: str = Field(alias="noticeStat", description="PLANNED, SENT, SKIPPED or FAILED.")
    code: str | None = Field(alias="code", description="Why it was skipped or failed, or what a try taught.")
    at: datetime = Field(alias="dtm")
    ways: list[NoticeWayEntry] = Field(alias="routeList", description="Of the inbox none.")

    @classmethod
    def of(cls, notice: ToldNotice) -> Self:
        return cls(
            notice_no=notice.notice_id,
            claim_no=notice.claim_no,
            event=notice.event.value,
            channel=notice.channel.value,
            state=notice.state.value,
            code=notice.code,
            at=notice.at,
            ways=[NoticeWayEntry.of(way) for way in notice.ways],
        )


class DifferenceEntry(Wire):
    """A sum that does not come out: what it should be, what it is, and what the difference means."""

    order_no: str = Field(alias="ordNo")
    claim_no: str | None = Field(alias="claimNo")
    rule: Sum = Field(alias="rule", description="Which sum, by a stable word.")
    subject: str = Field(
        alias="subject", description="Of what: the number of the order, claim, payment, refund leg, line or coupon."
    )
    measure: Measure = Field(alias="measure", description="What is counted; money is in minor units of `currency`.")
    currency: str = Field(alias="currency")
    expected: int = Field(alias="expected", description="By what was planned and decided; of a limit, the limit.")
    found: int = Field(alias="found", description="By what was done.")
    difference: int = Field(alias="diff", description="found - expected.")
    reason: str = Field(alias="reason", description="For people, in the language of Accept-Language.")

    @classmethod
    def of(cls, difference: Difference, language: str) -> Self:
        return cls(
            order_no=difference.order_no,
            claim_no=difference.claim_no,
            rule=difference.rule,
            subject=difference.subject,
            measure=difference.rule.measure,
            currency=difference.currency,
            expected=difference.expected,
            found=difference.found,
            difference=difference.difference,
            reason=texts.pick(SUMS[difference.rule], language),
        )


class AuditView(Wire):
    """The books of an order, both sides; all that doesn't add up; every movement and every notice, oldest first.

    Money in is `payList`, extra payments included, and `addPayList`; money out is `rfdList`, and `extRfdList` past any
    claim. Earned points that were taken back are in `creditList`; they are no part of the money.
    """

    order_no: str = Field(alias="ordNo")
    currency: str = Field(alias="currency")
    conservation: Conservation = Field(alias="conservation")
    balanced: YesNo = Field(alias="balancedYn", description="Y: diffList is empty.")
    difference: int = Field(alias="diffAmt", description="Paid and not accounted for by the books: 0.")
    differences: list[DifferenceEntry] = Field(alias="diffList")
    payments: list[PaymentEntry] = Field(alias="payList")
    extra: list[ExtraEntry] = Field(alias="addPayList")
    refunds: list[RefundEntry] = Field(alias="rfdList")
    external: list[ExternalRefundEntry] = Field(alias="extRfdList")
    stock: list[StockEntry] = Field(alias="stockList")
    coupons: list[CouponEntry] = Field(alias="cpnList")
    credits: list[CreditEntry] = Field(alias="creditList")
    notices: list[ToldEntry] = Field(alias="noticeList", description="How its claims were told, and by which ways.")


def audit_view(audit: OrderAudit, language: str) -> AuditView:
    books = audit.books.books
    return AuditView(
        order_no=audit.books.order_no,
        currency=audit.books.currency,
        conservation=Conservation.of(books),
        balanced=yes_no(not audit.differences),
        difference=books.difference,
        differences=[DifferenceEntry.of(difference, language) for difference in audit.differences],
        payments=[PaymentEntry.of(payment) for payment in audit.payments],
        extra=[ExtraEntry.of(extra) for extra in audit.extra],
        refunds=[RefundEntry.of(leg) for leg in audit.legs],
        external=[ExternalRefundEntry.of(refund) for refund in audit.external],
        stock=[StockEntry.of(movement) for movement in audit.stock],
        coupons=[CouponEntry.of(movement) for movement in audit.coupons],
        credits=[CreditEntry.of(movement) for movement in audit.credits],
        notices=[ToldEntry.of(notice) for notice in audit.notices],
    )
