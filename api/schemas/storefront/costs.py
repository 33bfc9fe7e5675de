"""What a cancel's costs are and why: the same in a quote and in its claim."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.codes import MEANS
from api.schemas.fields import Wire
from domain.orders import Means


class CostRowView(Wire):
    """A cost row as it will be written; `amount` is its effect on the refund."""

    kind: str = Field(alias="costGbCd")
    rule: str = Field(alias="costRuleCd")
    amount: int = Field(alias="costAmt")
    line_no: int | None = Field(alias="ordSeq")
    group_no: str | None = Field(alias="deliGrpNo")
    coupon_no: str | None = Field(alias="cpnNo")
    quantity: int | None = Field(alias="claimQty")


class PointsTaken(Wire):
    """Points that the units had earned and that go with them; no part of the refund."""

    line_no: int = Field(alias="ordSeq")
    amount: int = Field(alias="pntAmt")


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
