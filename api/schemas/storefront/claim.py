"""A claim: its acceptance, and its details at any time after."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.codes import BOOKING, MANUAL_REFUND_RESULT, MEANS, PROMOTION, RETURNING, Booking
from api.schemas.fields import Wire, YesNo
from api.schemas.storefront.costs import CostRowView, Explained, ExplainedRefund, PointsTaken
from domain.claims import PayoutState
from domain.orders import Means, Promotion
from domain.policy import Returning


class CancelAccepted(Wire):
    order_no: str = Field(alias="ordNo")
    claim_no: str = Field(alias="claimNo")
    status: str = Field("ACCEPTED", alias="claimStatCd")
    refund: int = Field(alias="totRfdAmt")
    extra: int = Field(alias="addPayAmt")


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
