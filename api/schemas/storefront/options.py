"""Option changes: what a line can be changed to, and the acceptance of a change."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.codes import SALE_METHOD, SALE_STATUS
from api.schemas.fields import Wire, YesNo
from domain.orders import SaleMethod, SaleStatus


class ChangeDone(Wire):
    order_no: str = Field(alias="ordNo")
    line_no: int = Field(alias="ordSeq")
    goods_no: str = Field(alias="goodsNo")
    variant_no: str = Field(alias="itmNo")
    claim_no: str = Field(alias="claimNo")
    status: str = Field("ACCEPTED", alias="claimStatCd")


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
