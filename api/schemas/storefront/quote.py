"""A quote: what a cancel would cost and return."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.codes import MEANS, PROMOTION, RETURNING
from api.schemas.fields import Wire, YesNo
from api.schemas.storefront.costs import CostRowView, Explained, ExplainedRefund, PointsTaken
from domain.orders import Means, Promotion
from domain.policy import Returning


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


class GiftTaken(Wire):
    """A gift that leaves with the goods."""

    line_no: int = Field(alias="ordSeq")
    quantity: int = Field(alias="claimQty")


class WhyNot(Wire):
    """Why `cancelFO` would refuse this now: as the envelope would tell it."""

    code: str = Field(alias="code", examples=["2001"])
    error: str = Field(alias="error", examples=["line.status"])
    message: str = Field(alias="message")


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
