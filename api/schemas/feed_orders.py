"""Orders and the status of their lines, as the shop's systems send and read them back.

Amounts are integer minor units of the order's currency.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from api.codes import (
    BELOW_MINIMUM,
    DELIVERY_PAY,
    LINE_STATUS,
    MEANS,
    MEDIUM,
    PAYMENT_STATUS,
    PROMOTION,
    DeliveryPay,
    Medium,
)
from api.schemas.feed_fields import Email, Fed, Moment, Phone
from api.schemas.fields import Amount, LineNo, Name, Number, Password, Quantity, Wire, YesNo, yes_no
from domain.orders import (
    BelowMinimum,
    Benefit,
    DeliveryGroup,
    Line,
    LineStatus,
    Means,
    Order,
    Payment,
    PaymentStatus,
    Promotion,
)
from domain.refusals import Code, Refusal
from store.feed_orders import FedOrder

MOST_ROWS = 2000
"""Of one list of an order."""


class GroupWire(Fed):
    """Lines shipped together.

    `paidDlexAmt` is what the order paid for it after the shipping coupon's `dlexDcAmt`, `rmtDlexAmt` on top of that.
    """

    group_no: Number = Field(alias="deliGrpNo")
    policy_no: Number = Field(alias="deliPolcNo")
    free_from: Amount = Field(alias="stdAmt", description="Free at or above; 0: no threshold.")
    fee: Amount = Field(alias="dlexAmt", description="The policy's fee.")
    fee_discount: Amount = Field(alias="dlexDcAmt")
    fee_paid: Amount = Field(alias="paidDlexAmt")
    surcharge: Amount = Field(
        0, alias="rmtDlexAmt", description="Surcharge paid for a remote area, on top of `paidDlexAmt`."
    )
    pay: Annotated[DeliveryPay, DELIVERY_PAY] = Field(
        DeliveryPay.PREPAID,
        alias="deliPayCd",
        description="10 paid with the order, 20 collected by the carrier: then the order paid and owes none.",
    )
    coupon_no: Number | None = Field(None, alias="cpnNo")

    def to_group(self) -> DeliveryGroup:
        return DeliveryGroup(
            group_no=self.group_no,
            policy_no=self.policy_no,
            free_from=self.free_from,
            fee=self.fee,
            fee_discount=self.fee_discount,
            fee_paid=self.fee_paid,
            coupon_no=self.coupon_no,
            surcharge=self.surcharge,
            collect=self.pay is DeliveryPay.COLLECT,
        )

    @classmethod
    def of(cls, group: DeliveryGroup) -> Self:
        return cls(
            deliGrpNo=group.group_no,
            deliPolcNo=group.policy_no,
            stdAmt=group.free_from,
            dlexAmt=group.fee,
            dlexDcAmt=group.fee_discount,
            paidDlexAmt=group.fee_paid,
            rmtDlexAmt=group.surcharge,
            deliPayCd=DeliveryPay.COLLECT if group.collect else DeliveryPay.PREPAID,
            cpnNo=group.coupon_no,
        )


class LineShape(Wire):
    """`ordQty` units of one variant at `salePrc` each.

    A gift costs 0 and says what it comes with: a line (`giftOfOrdSeq`) or an amount (`giftMinAmt`), not both.
    """

    line_no: LineNo = Field(alias="ordSeq")
    goods_no: Number = Field(alias="goodsNo")
    goods_name: Name = Field(alias="goodsNm")
    variant_no: Number = Field(alias="itmNo")
    variant_name: Name = Field(alias="itmNm")
    quantity: Quantity = Field(alias="ordQty")
    price: Amount = Field(alias="salePrc")
    group_no: Number = Field(alias="deliGrpNo")
    status: Annotated[LineStatus, LINE_STATUS] = Field(alias="ordDtlStatCd")
    tax_free: YesNo = Field("N", alias="taxFreeYn")
    gift_of: LineNo | None = Field(
        None, alias="giftOfOrdSeq", description="The line that this gift comes with, and leaves with."
    )
    gift_minimum: Amount | None = Field(
        None, alias="giftMinAmt", description="What the order must be worth to get this gift, and to keep it."
    )
    earned_points: Amount = Field(
        0, alias="earnPntAmt", description="Points that the line brought its buyer, all units together."
    )


class FedLineWire(LineShape, Fed):
    gift: YesNo | None = Field(
        None,
        alias="giftYn",
        description="Y exactly when one of `giftOfOrdSeq`, `giftMinAmt` is given; null: as they say.",
    )

    def to_line(self) -> Line:
        """Raises BAD_VALUE when `giftYn` contradicts the conditions."""
        conditional = self.gift_of is not None or self.gift_minimum is not None
        if self.gift is not None and (self.gift == "Y") != conditional:
            raise Refusal(Code.BAD_VALUE, "gift.flag", line_no=self.line_no)
        return Line(
            line_no=self.line_no,
            goods_no=self.goods_no,
            goods_name=self.goods_name,
            variant_no=self.variant_no,
            variant_name=self.variant_name,
            quantity=self.quantity,
            price=self.price,
            group_no=self.group_no,
            status=self.status,
            tax_free=self.tax_free == "Y",
            gift_of=self.gift_of,
            gift_minimum=self.gift_minimum,
            earned_points=self.earned_points,
        )


class LineView(LineShape):
    """The line as it stands, and what the caller may do to it now."""

    gift: YesNo = Field(alias="giftYn")
    units_gone: int = Field(alias="cnclQty", description="Units held or cancelled.")
    can_cancel: YesNo = Field(alias="cnclPsbYn")
    cancel_reason: str | None = Field(alias="cnclReason", description="Why it can't be cancelled.")
    can_change: YesNo = Field(alias="optChgPsbYn")
    change_reason: str | None = Field(alias="optChgReason", description="Why its option can't be changed.")


class ShareWire(Fed):
    line_no: LineNo = Field(alias="ordSeq")
    amount: Amount = Field(alias="dcAmt")


class BenefitWire(Fed):
    """A goods, double or basket coupon used on the order; `dcAmt` is the sum of its shares."""

    coupon_no: Number = Field(alias="cpnNo")
    promotion: Annotated[Promotion, PROMOTION] = Field(alias="promoTypCd")
    amount: Amount = Field(alias="dcAmt")
    minimum: Amount = Field(0, alias="minAmt")
    below_minimum: Annotated[BelowMinimum, BELOW_MINIMUM] | None = Field(
        None,
        alias="blwMinCd",
        description="Basket coupons: what a partial cancel that falls below `minAmt` does. TAKE_BACK takes the discount"
        " of the rest back, KEEP leaves it, FORBID allows no such cancel; null: the shop's policy.",
    )
    shares: list[ShareWire] = Field(alias="shareList", min_length=1, max_length=MOST_ROWS)

    def to_benefit(self) -> Benefit:
        """Raises BAD_VALUE when it names a line twice."""
        shares: dict[int, int] = {}
        for share in self.shares:
            if share.line_no in shares:
                raise Refusal(Code.BAD_VALUE, "line.repeated", line_no=share.line_no, coupon_no=self.coupon_no)
            shares[share.line_no] = share.amount
        return Benefit(
            coupon_no=self.coupon_no,
            promotion=self.promotion,
            amount=self.amount,
            minimum=self.minimum,
            shares=shares,
            below_minimum=self.below_minimum,
        )

    @classmethod
    def of(cls, benefit: Benefit) -> Self:
        return cls(
            cpnNo=benefit.coupon_no,
            promoTypCd=benefit.promotion,
            dcAmt=benefit.amount,
            minAmt=benefit.minimum,
            blwMinCd=benefit.below_minimum,
            shareList=[ShareWire(ordSeq=line_no, dcAmt=amount) for line_no, amount in benefit.shares.items()],
        )


class PaymentShape(Wire):
    payment_no: Number = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    amount: Amount = Field(alias="payAmt")
    status: Annotated[PaymentStatus, PAYMENT_STATUS] = Field(alias="payStatCd")
    gateway: Number | None = Field(None, alias="gateway", description="Which gateway took it.")
    gateway_ref: Number | None = Field(None, alias="pgTid", description="The gateway's own number of it.")
    partial_cancel: YesNo = Field(alias="partCnclPsbYn", description="Whether it can be refunded in part.")
    tax_free: Amount | None = Field(
        None,
        alias="taxFreeAmt",
        description="Tax-free part of `payAmt`, as the gateway was told; null: it was told none.",
    )
    vat: Amount | None = Field(
        None, alias="vatAmt", description="VAT in the taxable part, as the gateway was told; null: it was told none."
    )
    receipt_ref: Number | None = Field(
        None,
        alias="cashRcptKey",
        description="The gateway's key of a cash receipt issued for it by itself, which refunds cancel too.",
    )
    expires_at: Moment | None = Field(
        None, alias="expDtm", description="Mileage: when it would have expired had it not been spent."
    )


class PaymentWire(PaymentShape, Fed):
    def to_payment(self) -> Payment:
        return Payment(
            payment_no=self.payment_no,
            means=self.means,
            amount=self.amount,
            status=self.status,
            gateway=self.gateway,
            gateway_ref=self.gateway_ref,
            partial_cancel=self.partial_cancel == "Y",
            tax_free=self.tax_free,
            vat=self.vat,
            expires_at=self.expires_at,
            receipt_ref=self.receipt_ref,
        )


class StandingPayment(PaymentShape):
    """The payment as it stands. One that a claim took was never fed, and a feed leaves it out."""

    closed: YesNo = Field(alias="clsYn", description="Y: it was awaited, and a cancel closed it; nobody has to pay it.")
    extra: YesNo = Field(alias="addPayYn", description="Y: a claim took it as its extra payment.")

    @classmethod
    def of(cls, payment: Payment) -> Self:
        return cls(
            payment_no=payment.payment_no,
            means=payment.means,
            amount=payment.amount,
            status=payment.status,
            gateway=payment.gateway,
            gateway_ref=payment.gateway_ref,
            partial_cancel=yes_no(payment.partial_cancel),
            tax_free=payment.tax_free,
            vat=payment.vat,
            expires_at=payment.expires_at,
            receipt_ref=payment.receipt_ref,
            closed=yes_no(payment.closed),
            extra=yes_no(payment.extra),
        )


class OrderShape(Wire):
    member_no: Number | None = Field(alias="mbrNo", description="null: a guest's order.")
    buyer_name: Name = Field(alias="ordManNm")
    email: Email | None = Field(None, alias="email")
    phone: Phone | None = Field(None, alias="phone")
    medium: Annotated[Medium, MEDIUM] = Field(alias="ordMediaCd")
    currency: str = Field(alias="currency", pattern=r"^[A-Z]{3}$", description="ISO 4217.")
    ordered_at: Moment = Field(alias="ordDtm")
    groups: list[GroupWire] = Field(alias="deliGrpList", min_length=1, max_length=MOST_ROWS)
    benefits: list[BenefitWire] = Field(default_factory=list, alias="benefitList", max_length=MOST_ROWS)


class FedOrderWire(OrderShape, Fed):
    """An order as a checkout left it: lines − shares + paid shipping = payments."""

    payments: list[PaymentWire] = Field(alias="payList", max_length=50)
    password: Password | None = Field(None, alias="umemPwd", description="Guests only.")
    lines: list[FedLineWire] = Field(alias="ordDtlList", min_length=1, max_length=MOST_ROWS)

    def to_order(self, order_no: str, password_hash: str | None) -> FedOrder:
        """Raises BAD_VALUE for what a schema can't see: a gift that is none, a coupon that names a line twice."""
        return FedOrder(
            order=Order(
                order_no=order_no,
                member_no=self.member_no,
                currency=self.currency,
                ordered_at=self.ordered_at,
                groups=tuple(group.to_group() for group in self.groups),
                lines=tuple(line.to_line() for line in self.lines),
                benefits=tuple(benefit.to_benefit() for benefit in self.benefits),
                payments=tuple(payment.to_payment() for payment in self.payments),
            ),
            buyer_name=self.buyer_name,
            email=self.email,
            phone=self.phone,
            medium=self.medium.value,
            password_hash=password_hash,
        )


class WrittenOrder(Wire):
    order_no: str = Field(alias="ordNo")


class MoveWire(Fed):
    """Moves the units left of a line; `qty` is how many the sender believes are left."""

    status: Annotated[LineStatus, LINE_STATUS] = Field(alias="ordDtlStatCd")
    quantity: Quantity | None = Field(None, alias="qty", description="Needed once a unit is held or cancelled.")


class MovedLine(Wire):
    order_no: str = Field(alias="ordNo")
    line_no: int = Field(alias="ordSeq")
    status: Annotated[LineStatus, LINE_STATUS] = Field(alias="ordDtlStatCd")
    quantity: int = Field(alias="qty", description="Units left, all of which moved.")


class ClaimEntry(Wire):
    claim_no: str = Field(alias="claimNo")
    business: str = Field(alias="claimBusinessType", description="10 cancel, 40 option change.")
    status: str = Field(alias="claimStatCd")
    line_nos: list[int] = Field(alias="ordSeqList")
    refund: int = Field(alias="totRfdAmt")
    extra: int = Field(alias="addPayAmt")
    opened_at: datetime = Field(alias="claimDtm")


class OrderView(OrderShape):
    """The order as it stands. Fed amounts and `ordQty` never change; passwords are never told."""

    order_no: str = Field(alias="ordNo")
    lines: list[LineView] = Field(alias="ordDtlList")
    payments: list[StandingPayment] = Field(alias="payList")
    claims: list[ClaimEntry] = Field(alias="claimList")
