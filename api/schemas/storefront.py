"""What the storefront sends and gets in the six calls. Amounts are integer minor units of the order's currency."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from api.codes import (
    BOOKING,
    LINE_CLASS,
    LINE_STATUS,
    MANUAL_REFUND_RESULT,
    MEANS,
    MEDIUM,
    PROMOTION,
    RETURNING,
    SALE_METHOD,
    SALE_STATUS,
)
from api.codes import Booking as Booking
from api.codes import LineClass as LineClass
from api.codes import Medium as Medium
from api.schemas.feed_fields import Moment
from api.schemas.fields import AccountNo, BankCode, FreeText, LineNo, Name, Number, Password, Quantity, Wire, YesNo
from domain.claims import Actor, PayoutState
from domain.orders import LineStatus, Means, Promotion, SaleMethod, SaleStatus
from domain.policy import Returning
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, TOKEN_PART

MOST_LINES = 2000

ReasonCode = Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[0-9A-Za-z]+$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=100_000, pattern=r"^[A-Za-z0-9_.=-]+$")]

# --- asked ------------------------------------------------------------------------------------------------------------


class Asked(Wire):
    """What comes in: only the wire's own spelling of a field counts."""

    model_config = ConfigDict(validate_by_name=False)


class StrictlyAsked(Asked):
    """As `Asked`, where a misspelt field would do harm: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class OrderNamed(Asked):
    """An order, and its password when a guest calls."""

    order_no: Number = Field(alias="ordNo", examples=["20230808O007404"])
    password: Password | None = Field(None, alias="umemPwd", description="Guests only: the order's password.")


class PopupAsked(OrderNamed):
    pass


class SelectedGoods(Asked):
    line_no: LineNo = Field(alias="ordSeq", examples=[1])
    quantity: Quantity = Field(alias="claimQty", examples=[1])


class QuoteAsked(OrderNamed):
    reason_code: ReasonCode = Field(alias="claimCausCd", examples=["10"], description="One of `claimCausList`.")
    goods: list[SelectedGoods] = Field(
        alias="claimGoodsList", min_length=1, max_length=MOST_LINES, description="Units to cancel per line."
    )


class WhatIf(StrictlyAsked):
    """As who and when a cancel is reckoned. Nothing can be cancelled by it."""

    actor: Actor | None = Field(None, alias="actorCd", description="By whose rules; null: the back office's.")
    at: Moment | None = Field(None, alias="asOfDtm", description="When; decides which coupons had expired. null: now.")


class QuoteOrWhatIf(QuoteAsked):
    what_if: WhatIf | None = Field(
        None,
        alias="whatIf",
        description="Staff only: reckons with any reason, as another, at another time. Answers no `quoteToken`.",
    )


class ExtraPayment(StrictlyAsked):
    """How the customer pays what the cancel costs beyond the refund: one of `addPayWayList`.

    Through a gateway with its `token`, or with what the member has stored there as `stPayNo`: one of the two.
    """

    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    amount: int = Field(alias="payAmt", strict=True, ge=1, le=10**15, description="Equal to `addPayAmt`.")
    gateway: Number | None = Field(
        None, alias="gateway", description="Which gateway is charged; needed with `token` when the shop has several."
    )
    token: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, alias="token", description="What the gateway charges by; kept encrypted and never told.", repr=False
    )
    stored_no: Number | None = Field(None, alias="stPayNo", description="A stored means of the member.")


class CancelAsked(QuoteAsked, StrictlyAsked):
    """Unknown fields are refused: a misspelt `quoteToken` must not be taken for none."""

    quote_token: Token | None = Field(None, alias="quoteToken", description="Binds the cancel to the quoted amounts.")
    free_text: FreeText | None = Field(None, alias="claimCausEtcCont", description="The reason in the caller's words.")
    bank_code: BankCode | None = Field(
        None, alias="rfdBankCd", description="The refund account has a bank, a number and a holder: all three or none."
    )
    account_no: AccountNo | None = Field(None, alias="rfdActnNo", repr=False)
    account_holder: Name | None = Field(None, alias="rfdActnDepositorNm", repr=False)
    extra_payment: ExtraPayment | None = Field(None, alias="addPayInfo")

    @property
    def account_fields(self) -> dict[str, str | None]:
        """The refund account by the wire's names of its fields."""
        return {
            "rfdBankCd": self.bank_code,
            "rfdActnNo": self.account_no,
            "rfdActnDepositorNm": self.account_holder,
        }

    def private_parts(self) -> dict[str, str]:
        """What is encrypted before it is kept, by its plain name."""
        parts = {
            "free_text": self.free_text,
            BANK_PART: self.bank_code,
            NUMBER_PART: self.account_no,
            HOLDER_PART: self.account_holder,
            TOKEN_PART: self.extra_payment.token if self.extra_payment else None,
        }
        return {name: value for name, value in parts.items() if value}

    def canonical(self) -> dict[str, Any]:
        """The body without the password, the same however its lines are ordered: equal ones are the same request."""
        body = self.model_dump(mode="json", exclude={"password"}, exclude_none=True)
        body["claimGoodsList"] = sorted(body["claimGoodsList"], key=lambda goods: (goods["ordSeq"], goods["claimQty"]))
        return body


class DetailsAsked(OrderNamed):
    claim_no: Number = Field(alias="claimNo", examples=["20230808C010663"])


class ChangeAsked(OrderNamed):
    line_no: LineNo = Field(alias="ordSeq", examples=[1])
    goods_no: Number = Field(alias="goodsNo", examples=["G1001"])
    variant_no: Number = Field(alias="itmNo", examples=["002"], description="The new one.")

    def canonical(self) -> dict[str, Any]:
        """The body without the password: equal ones are the same request."""
        return self.model_dump(mode="json", exclude={"password"})


class VariantNamed(Asked):
    goods_no: Number = Field(alias="goodsNo", examples=["G1001"])
    variant_no: Number = Field(alias="itmNo", examples=["001"], description="The present one.")


# --- answered: what can be cancelled ----------------------------------------------------------------------------------


class CancellableLine(Wire):
    line_no: int = Field(alias="ordSeq")
    goods_no: str = Field(alias="goodsNo")
    goods_name: str = Field(alias="goodsNm")
    variant_no: str = Field(alias="itmNo")
    variant_name: str = Field(alias="itmNm")
    quantity: int = Field(alias="ordQty", description="As ordered.")
    units_gone: int = Field(alias="cnclQty", description="Units held or cancelled.")
    units_possible: int = Field(alias="claimPsbQty", description="Units that can be cancelled now.")
    price: int = Field(alias="salePrc")
    line_class: Annotated[LineClass, LINE_CLASS] = Field(alias="ordDtlGbCd")
    status: Annotated[LineStatus, LINE_STATUS] = Field(alias="ordDtlStatCd")
    policy_no: str = Field(alias="deliPolcNo")
    gift: YesNo = Field(alias="giftYn", description="Y: it is never chosen; it leaves with what it came for.")
    can_cancel: YesNo = Field(alias="cnclPsbYn")
    cancel_reason: str | None = Field(alias="cnclReason", description="Why it can't be cancelled.")
    can_change: YesNo = Field(alias="optChgPsbYn")
    change_reason: str | None = Field(alias="optChgReason", description="Why its option can't be changed.")


class ReasonOffered(Wire):
    code: str = Field(alias="cd")
    name: str = Field(alias="cdNm")
    fault: str = Field(alias="fault", description="CUSTOMER or SELLER: who bears the costs.")


class PaymentView(Wire):
    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    status: str = Field(alias="payStatCd")
    amount: int = Field(alias="payAmt")
    left: int = Field(alias="rfdPsbAmt", description="What can still go back to it; 0 while it is awaited.")
    partial_cancel: YesNo = Field(alias="partCnclPsbYn")
    closed: YesNo = Field(alias="clsYn", description="Y: it was awaited, and a cancel closed it; nobody has to pay it.")
    extra: YesNo = Field(alias="addPayYn", description="Y: a claim took it as its extra payment.")


class Popup(Wire):
    order_no: str = Field(alias="ordNo")
    member_no: str | None = Field(alias="mbrNo")
    buyer_name: str = Field(alias="ordManNm")
    medium: Annotated[Medium, MEDIUM] = Field(alias="ordMediaCd")
    currency: str = Field(alias="currency")
    partial_possible: YesNo = Field(alias="sctnCnclPsbYn", description="N: the order can only be cancelled whole.")
    lines: list[CancellableLine] = Field(alias="claimTgtList")
    reasons: list[ReasonOffered] = Field(alias="claimCausList")
    payments: list[PaymentView] = Field(alias="payList")
    account_needed: YesNo = Field(alias="rfdActnNeedYn", description="Whether a refund may need a refund account.")


# --- answered: a quote ------------------------------------------------------------------------------------------------


class SideCost(Wire):
    """A shipping fee that the cancel charges (positive) or gives back (negative)."""

    kind: str = Field("DELIVERY", alias="ordCostGbCd")
    cause: str = Field(alias="adtnOcurGbCd", description="CHARGED or RETURNED.")
    policy_no: str = Field(alias="deliPolcNo")
    group_no: str = Field(alias="deliGrpNo")
    amount: int = Field(alias="aplyAdtnAmt")
    reason: str = Field(alias="reason")


class BenefitCost(Wire):
    """What a coupon does to the refund: one row per coupon and cause."""

    promotion: Annotated[Promotion, PROMOTION] = Field(alias="promoTypCd")
    coupon_no: str = Field(alias="cpnNo")
    amount: int = Field(alias="dcAmt", description="The share of its discount that the refund lacks.")
    restored: YesNo = Field(alias="restoreYn", description="Whether the coupon, or a new one for it, comes back.")
    returning: Annotated[Returning, RETURNING] | None = Field(
        alias="rtnCd",
        description="RESTORE unused as it was, EXTEND unused with a new expiry, REISSUE a new one, FORFEIT not at"
        " all; null: it stays in use.",
    )
    valid_days: int | None = Field(alias="validDays", description="Of one that is extended or reissued.")
    reason: str = Field(alias="reason")


class PlannedRefund(Wire):
    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    amount: int = Field(alias="rfdAmt")
    tax_free: int | None = Field(alias="taxFreeAmt", description="Tax-free part; null: its gateway was told none.")
    vat: int | None = Field(alias="vatAmt", description="VAT in the taxable part; null: its gateway was told none.")
    valid_days: int | None = Field(alias="validDays", description="Of mileage that had expired; null: as it was.")


class PayWay(Wire):
    """A way to pay the extra payment; send it back in `addPayInfo`."""

    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    gateway: str | None = Field(alias="gateway", description="null: a balance of the member's own.")
    stored_no: str | None = Field(alias="stPayNo", description="null with a gateway: by a token of that gateway.")
    name: str | None = Field(alias="nm", description="What the customer knows the stored means by.")
    usable: int = Field(alias="usableAmt", description="The balance; through a gateway the whole extra payment.")


class PointsTaken(Wire):
    """Points that the units had earned and that go with them; no part of the refund."""

    line_no: int = Field(alias="ordSeq")
    amount: int = Field(alias="pntAmt")


class GiftTaken(Wire):
    """A gift that leaves with the goods."""

    line_no: int = Field(alias="ordSeq")
    quantity: int = Field(alias="claimQty")


class Explained(Wire):
    """Why one cost row is what it is. The amounts sum to `totRfdAmt` − `addPayAmt`."""

    rule: str = Field(alias="ruleCd")
    amount: int = Field(alias="amount", description="Its effect on the refund, as `costAmt` of the row.")
    line_no: int | None = Field(alias="ordSeq")
    group_no: str | None = Field(alias="deliGrpNo")
    coupon_no: str | None = Field(alias="cpnNo")
    inputs: dict[str, int] = Field(alias="inputs", description="The numbers that the rule went by.")
    policy_version: str | None = Field(alias="policyVer", description="null: from before policies had versions.")
    text: str = Field(alias="text", description="In words, in the language of Accept-Language.")


class ExplainedRefund(Wire):
    """Why so much of the refund goes to this payment. The amounts sum to `totRfdAmt`."""

    rule: str = Field(alias="ruleCd", examples=["ALLOCATION_EXTERNAL_FIRST"])
    amount: int = Field(alias="amount")
    payment_no: str = Field(alias="payNo")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    inputs: dict[str, int] = Field(alias="inputs")
    policy_version: str | None = Field(alias="policyVer")
    text: str = Field(alias="text")


INPUTS: dict[str, str] = {
    "price": "salePrc",
    "quantity": "claimQty",
    "share": "dcAmt",
    "ordered": "ordQty",
    "first": "fstUnitNo",
    "minimum": "minAmt",
    "bought": "boughtAmt",
    "left": "leftQty",
    "free_from": "stdAmt",
    "missing": "lackAmt",
    "fee": "dlexAmt",
    "fee_paid": "paidDlexAmt",
    "surcharge": "rmtDlexAmt",
    "charged": "aplyAdtnAmt",
    "waiting": "payAmt",
    "net": "netAmt",
    "refundable": "rfdPsbAmt",
    "returned": "extRfdAmt",
    "gift_of": "giftOfOrdSeq",
    "tax_free": "taxFreeAmt",
    "vat": "vatAmt",
    "days": "validDays",
    "cap": "capAmt",
}
"""What `inputs` calls the numbers of the rules."""


class WhyNot(Wire):
    """Why `cancelFO` would refuse this now: as the envelope would tell it."""

    code: str = Field(alias="code", examples=["2001"])
    error: str = Field(alias="error", examples=["line.status"])
    message: str = Field(alias="message")


class CostRowView(Wire):
    """A cost row as it will be written; `amount` is its effect on the refund."""

    kind: str = Field(alias="costGbCd")
    rule: str = Field(alias="costRuleCd")
    amount: int = Field(alias="costAmt")
    line_no: int | None = Field(alias="ordSeq")
    group_no: str | None = Field(alias="deliGrpNo")
    coupon_no: str | None = Field(alias="cpnNo")
    quantity: int | None = Field(alias="claimQty")


class QuoteView(Wire):
    order_no: str = Field(alias="ordNo")
    currency: str = Field(alias="currency")
    side_costs: list[SideCost] = Field(alias="costList")
    benefits: list[BenefitCost] = Field(alias="benefitList")
    refunds: list[PlannedRefund] = Field(alias="payList")
    refund: int = Field(alias="totRfdAmt")
    extra: int = Field(alias="addPayAmt")
    account_needed: YesNo = Field(alias="rfdActnNeedYn")
    rows: list[CostRowView] = Field(alias="costRowList")
    points: list[PointsTaken] = Field(alias="pointList")
    gifts: list[GiftTaken] = Field(alias="giftList")
    closed: list[str] = Field(
        alias="clsPayNoList", description="Payments still awaited, which nobody has to make then."
    )
    ways: list[PayWay] = Field(alias="addPayWayList", description="How `addPayAmt` can be paid; empty when it is 0.")
    policy_version: str = Field(alias="policyVer", description="The policy that it was reckoned by.")
    explanation: list[Explained] = Field(alias="explainList", description="One per cost row.")
    refund_explanation: list[ExplainedRefund] = Field(alias="payExplainList", description="One per entry of `payList`.")
    token: str | None = Field(alias="quoteToken", description="null for a what-if.")
    expires_at: datetime | None = Field(alias="quoteExpDtm", description="null for a what-if.")
    why_not: WhyNot | None = Field(alias="whyNot", description="What-if only: why it would be refused.")


# --- answered: claims -------------------------------------------------------------------------------------------------


class CancelAccepted(Wire):
    order_no: str = Field(alias="ordNo")
    claim_no: str = Field(alias="claimNo")
    status: str = Field("ACCEPTED", alias="claimStatCd")
    refund: int = Field(alias="totRfdAmt")
    extra: int = Field(alias="addPayAmt")


class ChangeDone(Wire):
    order_no: str = Field(alias="ordNo")
    line_no: int = Field(alias="ordSeq")
    goods_no: str = Field(alias="goodsNo")
    variant_no: str = Field(alias="itmNo")
    claim_no: str = Field(alias="claimNo")
    status: str = Field("ACCEPTED", alias="claimStatCd")


class ClaimedGoods(Wire):
    line_no: int = Field(alias="ordSeq")
    goods_no: str = Field(alias="goodsNo")
    goods_name: str = Field(alias="goodsNm")
    variant_no: str = Field(alias="itmNo")
    variant_name: str = Field(alias="itmNm")
    new_variant_no: str | None = Field(alias="chgItmNo", description="Option changes only.")
    new_variant_name: str | None = Field(alias="chgItmNm")
    quantity: int = Field(alias="claimQty")
    price: int = Field(alias="salePrc")
    gift: YesNo = Field(alias="giftYn", description="Y: it left with the goods that it came for.")


class MoneyRow(Wire):
    """A payment of the order (`payGbCd` 10), or a refund of this claim (20) with its payment in `uprPayNo`."""

    payment_no: str = Field(alias="payNo")
    upper_payment_no: str | None = Field(alias="uprPayNo")
    booking: Annotated[Booking, BOOKING] = Field(alias="payGbCd")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    status: str = Field(alias="payStatCd")
    amount: int = Field(alias="payAmt", description="Of a payment; 0 for a refund.")
    refund: int = Field(alias="rfdAmt", description="Of a refund; 0 for a payment.")
    tax_free: int | None = Field(alias="taxFreeAmt", description="Tax-free part; null: the gateway was told none.")
    vat: int | None = Field(alias="vatAmt", description="VAT in the taxable part; null: the gateway was told none.")
    closed: YesNo = Field(alias="clsYn", description="Y: a payment that was awaited, and that a cancel closed.")
    extra: YesNo = Field(alias="addPayYn", description="Y: a payment that a claim took as its extra payment.")
    late: YesNo = Field(
        "N", alias="lateYn", description="Y: a refund of money that came in after the cancel; not in `totRfdAmt`."
    )
    account: str | None = Field(
        None, alias="rfdActnMask", description="Of a refund that goes to an account: its bank and last digits."
    )
    payout: Annotated[PayoutState, MANUAL_REFUND_RESULT] | None = Field(
        None,
        alias="manlRfdRsltCd",
        description="Of a refund paid by hand: 10 untreated, 20 success, 30 failure.",
    )


class ExtraCharge(Wire):
    """How the claim's extra payment is made, and how far it is."""

    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    gateway: str | None = Field(alias="gateway", description="null: a balance of the member's own.")
    stored_no: str | None = Field(alias="stPayNo")
    amount: int = Field(alias="payAmt")
    state: str = Field(alias="addPayStat", description="PLANNED, SENT, TAKEN, REFUSED or VOID.")
    payment_no: str | None = Field(alias="payNo", description="The payment of the order that it became.")


class ReturningCoupon(Wire):
    coupon_no: str = Field(alias="cpnNo")
    name: str | None = Field(alias="cpnNm")
    promotion: Annotated[Promotion, PROMOTION] = Field(alias="promoTypCd")
    expires_at: datetime | None = Field(alias="expDtm")
    returning: Annotated[Returning, RETURNING] = Field(alias="rtnCd", description="RESTORE, EXTEND or REISSUE.")
    valid_days: int | None = Field(alias="validDays", description="Of one that is extended or reissued.")
    new_coupon_no: str | None = Field(alias="newCpnNo", description="Of one that is reissued: what came for it.")
    new_expires_at: datetime | None = Field(alias="newExpDtm")
    returned: YesNo = Field(alias="restoreCmplYn", description="Whether it is back already.")


class DeliveryView(Wire):
    """A delivery group of the claim's lines, and what the claim did to its fee."""

    group_no: str = Field(alias="deliGrpNo")
    policy_no: str = Field(alias="deliPolcNo")
    paid: int = Field(alias="paidDlexAmt")
    surcharge: int = Field(alias="rmtDlexAmt")
    charged: int = Field(alias="aplyAdtnAmt", description="Charged positive, given back negative.")


class ProgressStep(Wire):
    step: str = Field(alias="step")
    status: str = Field(alias="status")
    at: datetime = Field(alias="at")
    note: str | None = Field(alias="note")


class ClaimView(Wire):
    order_no: str = Field(alias="ordNo")
    claim_no: str = Field(alias="claimNo")
    business: str = Field(alias="claimBusinessType", description="10 cancel, 40 option change.")
    reason_code: str = Field(alias="claimCausCd")
    fault: str = Field(alias="fault")
    status: str = Field(alias="claimStatCd")
    opened_at: datetime = Field(alias="claimDtm")
    closed_at: datetime | None = Field(alias="claimCmplDtm")
    currency: str = Field(alias="currency")
    refund: int = Field(alias="totRfdAmt")
    extra: int = Field(alias="addPayAmt")
    refusal_code: str | None = Field(alias="rjctCd", description="Why a rejected claim was undone.")
    refusal_reason: str | None = Field(alias="rjctReason")
    lines: list[ClaimedGoods] = Field(alias="claimGoodsList")
    money: list[MoneyRow] = Field(alias="payRfdList")
    extra_charge: ExtraCharge | None = Field(
        alias="addPayInfo", description="null: it costs nothing beyond its refund."
    )
    closed: list[str] = Field(alias="clsPayNoList", description="Payments that nobody has to make any more.")
    points: list[PointsTaken] = Field(alias="pointList")
    points_taken: int | None = Field(alias="pntTakenAmt", description="What went off the mileage; null: not yet.")
    points_owed: int | None = Field(alias="pntOwedAmt", description="What the mileage lacked for them; null: not yet.")
    coupons: list[ReturningCoupon] = Field(alias="rfdFcstCpnList")
    delivery: list[DeliveryView] = Field(alias="deliInfo")
    rows: list[CostRowView] = Field(alias="costRowList")
    policy_version: str | None = Field(
        alias="policyVer", description="The policy that it was opened under; null: from before policies had versions."
    )
    explanation: list[Explained] = Field(alias="explainList", description="One per cost row, as in the quote.")
    refund_explanation: list[ExplainedRefund] = Field(alias="payExplainList", description="One per planned refund.")
    progress: list[ProgressStep] = Field(alias="progressList")


# --- answered: options ------------------------------------------------------------------------------------------------


class OptionView(Wire):
    name: str = Field(alias="optNm")
    value: str = Field(alias="optVal")


class VariantView(Wire):
    variant_no: str = Field(alias="itmNo")
    variant_name: str = Field(alias="itmNm")
    options: list[OptionView] = Field(alias="optList")
    price: int = Field(alias="salePrc")
    sale_status: Annotated[SaleStatus, SALE_STATUS] = Field(alias="saleStatCd")
    sale_method: Annotated[SaleMethod, SALE_METHOD] = Field(alias="saleMethCd")
    stock: int = Field(alias="stockQty")
    can_change: YesNo = Field(alias="chgPsbYn", description="Whether one unit can be changed to it.")
    reason: str | None = Field(alias="reason", description="Why not.")


class GoodsVariants(Wire):
    goods_no: str = Field(alias="goodsNo")
    variant_no: str = Field(alias="itmNo", description="The present one.")
    variants: list[VariantView] = Field(alias="itmList")
