"""What of an order can be cancelled or changed, and where its money can go back to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.codes import LINE_CLASS, LINE_STATUS, MEANS, MEDIUM, LineClass, Medium
from api.schemas.fields import Wire, YesNo
from domain.orders import LineStatus, Means


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
