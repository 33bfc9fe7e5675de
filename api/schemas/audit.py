"""What auditors read: every movement of an order with its claim, its books, and what does not add up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from api.codes import MEANS, PAYMENT_STATUS
from api.schemas.fields import Wire, YesNo, yes_no
from domain.conservation import Books
from domain.orders import Means, Payment, PaymentStatus
from store.conservation import OrderBooks
from store.findings import OpenFinding
from store.inbox import InboxNotice
from store.order_audit import CouponMovement, CreditMovement, OrderAudit, StockMovement
from store.refund_legs import RefundLeg


class Conservation(Wire):
    """paidAmt + addPayAmt = rfdAmt + dueAmt + boughtAmt + feeAmt, always, while claims run too."""

    paid: int = Field(alias="paidAmt")
    extra_paid: int = Field(alias="addPayAmt")
    refunded: int = Field(alias="rfdAmt")
    due: int = Field(alias="dueAmt", description="Still to be returned, less what is still owed; can be negative.")
    bought: int = Field(alias="boughtAmt", description="Goods still bought, at what they cost now.")
    fees: int = Field(alias="feeAmt", description="All shipping of groups with goods left.")

    @classmethod
    def of(cls, books: Books) -> Self:
        return cls(
            paid=books.paid,
            extra_paid=books.extra_paid,
            refunded=books.refunded,
            due=books.due,
            bought=books.bought,
            fees=books.fees,
        )


class PaymentEntry(Wire):
    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    status: Annotated[PaymentStatus, PAYMENT_STATUS] = Field(alias="payStatCd")
    amount: int = Field(alias="payAmt")
    refunding: int = Field(alias="rfdAmt", description="Returned of it, or planned to be.")

    @classmethod
    def of(cls, payment: Payment) -> Self:
        return cls(
            payment_no=payment.payment_no,
            means=payment.means,
            status=payment.status,
            amount=payment.amount,
            refunding=payment.refunding,
        )


class RefundEntry(Wire):
    claim_no: str = Field(alias="claimNo")
    leg_id: str = Field(alias="rfdLegNo")
    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    amount: int = Field(alias="rfdAmt")
    state: str = Field(alias="rfdStat", description="PLANNED, PENDING, SETTLED, REFUSED or VOID.")
    settled_by: str | None = Field(alias="settledBy", description="GATEWAY, HAND or OURS.")
    reference: str | None = Field(alias="pgRfdNo", description="The gateway's own number of the refund.")
    evidence: str | None = Field(alias="evidence")
    settled_at: datetime | None = Field(alias="rfdDtm")

    @classmethod
    def of(cls, leg: RefundLeg) -> Self:
        return cls(
            claim_no=leg.claim_no,
            leg_id=leg.leg_id,
            payment_no=leg.payment_no,
            means=leg.means,
            amount=leg.amount,
            state=leg.state.value,
            settled_by=leg.settled_by.value if leg.settled_by else None,
            reference=leg.refund_ref,
            evidence=leg.evidence,
            settled_at=leg.settled_at,
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
        return cls(
            claim_no=movement.claim_no,
            kind=movement.kind,
            line_no=movement.line_no,
            goods_no=movement.goods_no,
            variant_no=movement.variant_no,
            quantity=movement.quantity,
            at=movement.at,
        )


class CouponEntry(Wire):
    claim_no: str | None = Field(alias="claimNo")
    kind: str = Field(alias="kind", description="feed or restore.")
    coupon_no: str = Field(alias="cpnNo")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, movement: CouponMovement) -> Self:
        return cls(claim_no=movement.claim_no, kind=movement.kind, coupon_no=movement.coupon_no, at=movement.at)


class CreditEntry(Wire):
    claim_no: str | None = Field(alias="claimNo")
    kind: str = Field(alias="kind")
    leg_id: str | None = Field(alias="rfdLegNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    member_no: str | None = Field(alias="mbrNo")
    amount: int = Field(alias="amt", description="Signed: added to the balance.")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, movement: CreditMovement) -> Self:
        return cls(
            claim_no=movement.claim_no,
            kind=movement.kind,
            leg_id=movement.leg_id,
            means=movement.means,
            member_no=movement.member_no,
            amount=movement.amount,
            at=movement.at,
        )


class BooksView(Wire):
    """The books of one order, as the database reckons them from what claims left."""

    order_no: str = Field(alias="ordNo")
    currency: str = Field(alias="currency")
    conservation: Conservation = Field(alias="conservation")
    balanced: YesNo = Field(alias="balancedYn")
    difference: int = Field(alias="diffAmt", description="0, or something is wrong.")


class AuditView(BooksView):
    """Every movement of money, stock, coupons and credits of an order, oldest first."""

    payments: list[PaymentEntry] = Field(alias="payList")
    refunds: list[RefundEntry] = Field(alias="rfdList")
    stock: list[StockEntry] = Field(alias="stockList")
    coupons: list[CouponEntry] = Field(alias="cpnList")
    credits: list[CreditEntry] = Field(alias="creditList")


class FindingEntry(Wire):
    kind: str = Field(alias="kind")
    order_no: str | None = Field(alias="ordNo")
    claim_no: str | None = Field(alias="claimNo")
    detail: dict[str, Any] = Field(alias="detail")
    found_at: datetime = Field(alias="foundDtm")
    seen_at: datetime = Field(alias="seenDtm")

    @classmethod
    def of(cls, finding: OpenFinding) -> Self:
        return cls(
            kind=finding.kind,
            order_no=finding.order_no,
            claim_no=finding.claim_no,
            detail=dict(finding.detail),
            found_at=finding.found_at,
            seen_at=finding.seen_at,
        )


class FindingsView(Wire):
    """What does not add up: nothing, one hopes."""

    unbalanced: list[BooksView] = Field(alias="unbalancedList")
    findings: list[FindingEntry] = Field(alias="findingList")


class NoticeEntry(Wire):
    notice_no: str = Field(alias="noticeNo")
    order_no: str = Field(alias="ordNo")
    claim_no: str = Field(alias="claimNo")
    event: str = Field(alias="event")
    subject: str = Field(alias="title")
    body: str = Field(alias="content")
    at: datetime = Field(alias="dtm")

    @classmethod
    def of(cls, notice: InboxNotice) -> Self:
        return cls(
            notice_no=notice.notice_id,
            order_no=notice.order_no,
            claim_no=notice.claim_no,
            event=notice.event.value,
            subject=notice.subject,
            body=notice.body,
            at=notice.created_at,
        )


class InboxView(Wire):
    notices: list[NoticeEntry] = Field(alias="noticeList")
    next: str | None = Field(alias="nextAfter", description="Send it as `after` for older ones; null: there are none.")


def books_view(books: OrderBooks) -> BooksView:
    return BooksView(
        order_no=books.order_no,
        currency=books.currency,
        conservation=Conservation.of(books.books),
        balanced=yes_no(books.books.difference == 0),
        difference=books.books.difference,
    )


def audit_view(audit: OrderAudit) -> AuditView:
    head = books_view(audit.books)
    return AuditView(
        order_no=head.order_no,
        currency=head.currency,
        conservation=head.conservation,
        balanced=head.balanced,
        difference=head.difference,
        payments=[PaymentEntry.of(payment) for payment in audit.payments],
        refunds=[RefundEntry.of(leg) for leg in audit.legs],
        stock=[StockEntry.of(movement) for movement in audit.stock],
        coupons=[CouponEntry.of(movement) for movement in audit.coupons],
        credits=[CreditEntry.of(movement) for movement in audit.credits],
    )
