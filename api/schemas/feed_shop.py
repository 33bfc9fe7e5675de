"""Items, members and coupons, as the shop's systems send and read them back. Amounts are integer minor units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from api.codes import MEANS, PROMOTION, SALE_METHOD, SALE_STATUS
from api.schemas.feed_fields import Email, Fed, Moment, Phone
from api.schemas.fields import Amount, Name, Number, Wire
from domain.orders import Item, Means, Promotion, SaleMethod, SaleStatus
from store.feed_shop import FedCoupon, FedMember
from store.stored_means import FedMeans, ShownMeans


class OptionWire(Fed):
    name: Name = Field(alias="optNm", examples=["Colour"])
    value: Name = Field(alias="optVal", examples=["Red"])


class ItemWire(Fed):
    """One variant of some goods; its numbers are in the path."""

    goods_name: Name = Field(alias="goodsNm")
    variant_name: Name = Field(alias="itmNm")
    options: list[OptionWire] = Field(alias="optList", max_length=20)
    price: Amount = Field(alias="salePrc")
    sale_status: Annotated[SaleStatus, SALE_STATUS] = Field(alias="saleStatCd")
    sale_method: Annotated[SaleMethod, SALE_METHOD] = Field(alias="saleMethCd")
    stock: Amount = Field(alias="stockQty")

    def to_item(self, goods_no: str, variant_no: str) -> Item:
        return Item(
            goods_no=goods_no,
            variant_no=variant_no,
            goods_name=self.goods_name,
            variant_name=self.variant_name,
            options=tuple((option.name, option.value) for option in self.options),
            price=self.price,
            sale_status=self.sale_status,
            sale_method=self.sale_method,
            stock=self.stock,
        )

    @classmethod
    def of(cls, item: Item) -> Self:
        return cls(
            goodsNm=item.goods_name,
            itmNm=item.variant_name,
            optList=[OptionWire(optNm=name, optVal=value) for name, value in item.options],
            salePrc=item.price,
            saleStatCd=item.sale_status,
            saleMethCd=item.sale_method,
            stockQty=item.stock,
        )


class StoredMeansShape(Wire):
    """A means of payment that the member has stored at a gateway."""

    stored_no: Number = Field(alias="stPayNo", description="The shop's number of it.")
    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    gateway: Number = Field(alias="gateway")
    name: Name = Field(alias="nm", description="What the customer knows it by.", examples=["Visa ··1234"])


class StoredMeansWire(StoredMeansShape, Fed):
    token: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None,
        alias="token",
        description="What the gateway charges by: kept encrypted, and never told. null: the one that is kept already.",
        repr=False,
    )

    def to_means(self) -> FedMeans:
        return FedMeans(ShownMeans(self.stored_no, self.means, self.gateway, self.name), self.token)


class MemberShape(Wire):
    """A member and the balances of own credits. One that only an order has named so far has no name."""

    name: Name | None = Field(alias="mbrNm")
    email: Email | None = Field(None, alias="email")
    phone: Phone | None = Field(None, alias="phone")
    mileage: Amount = Field(alias="mileage")
    deposit: Amount = Field(alias="deposit")


class MemberWire(MemberShape, Fed):
    stored: list[StoredMeansWire] | None = Field(
        None,
        alias="storedPayList",
        max_length=100,
        description="All that the member has stored, in the order to show it; null: as it is.",
    )

    def to_member(self, member_no: str) -> FedMember:
        return FedMember(
            member_no=member_no,
            name=self.name,
            email=self.email,
            phone=self.phone,
            mileage=self.mileage,
            deposit=self.deposit,
        )


class MemberView(MemberShape):
    """The member as it stands; what is stored is told without its tokens."""

    stored: list[StoredMeansShape] = Field(alias="storedPayList")
    points_owed: int = Field(
        alias="pntOwedAmt", description="Earned points that claims were to take back and the mileage lacked."
    )

    @classmethod
    def of(cls, member: FedMember, stored: Iterable[ShownMeans]) -> Self:
        return cls(
            name=member.name,
            email=member.email,
            phone=member.phone,
            mileage=member.mileage,
            deposit=member.deposit,
            stored=[
                StoredMeansShape(stored_no=one.stored_no, means=one.means, gateway=one.gateway, name=one.name)
                for one in stored
            ],
            points_owed=member.points_owed,
        )


class CouponWire(Fed):
    """A coupon; `usedOrdNo` null: unused, `expDtm` null: it never expires."""

    member_no: Number | None = Field(alias="mbrNo")
    promotion: Annotated[Promotion, PROMOTION] = Field(alias="promoTypCd")
    name: Name | None = Field(alias="cpnNm")
    expires_at: Moment | None = Field(alias="expDtm")
    used_order_no: Number | None = Field(alias="usedOrdNo")

    def to_coupon(self, coupon_no: str) -> FedCoupon:
        return FedCoupon(
            coupon_no=coupon_no,
            member_no=self.member_no,
            promotion=self.promotion,
            name=self.name,
            expires_at=self.expires_at,
            used_order_no=self.used_order_no,
        )

    @classmethod
    def of(cls, coupon: FedCoupon) -> Self:
        return cls(
            mbrNo=coupon.member_no,
            promoTypCd=coupon.promotion,
            cpnNm=coupon.name,
            expDtm=coupon.expires_at,
            usedOrdNo=coupon.used_order_no,
        )
