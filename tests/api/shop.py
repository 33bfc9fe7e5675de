"""A small shop over HTTP, as its systems and its customers see the service."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from api import tokens
from api.tokens import Role
from settings import Settings

POPUP = "/v1/claim/orderCancel/cancelPopupFO"
QUOTE = "/v1/claim/common/claimCalculateCostFO"
CANCEL = "/v1/claim/orderCancel/cancelFO"
DETAILS = "/v1/claim/common/claimDetailsInfoFO"
CHANGE = "/v1/claim/orderChange/ordChangeFO"
OTHERS = "/v1/detail/otherItms"

HOUR = timedelta(hours=1)
_NUMBERS = itertools.count(1)


def line(ord_seq: int = 1, **changes: Any) -> dict[str, Any]:
    told = {
        "ordSeq": ord_seq,
        "goodsNo": f"G{ord_seq}",
        "goodsNm": f"Goods {ord_seq}",
        "itmNo": "001",
        "itmNm": "Red",
        "ordQty": 2,
        "salePrc": 10_000,
        "deliGrpNo": "D1",
        "ordDtlStatCd": "11",
    }
    return {**told, **changes}


def card(amount: int, **changes: Any) -> dict[str, Any]:
    told = {
        "payNo": "1",
        "payWayCd": "11",
        "payAmt": amount,
        "payStatCd": "12",
        "gateway": "sandbox",
        "partCnclPsbYn": "Y",
    }
    return {**told, **changes}


@dataclass
class Shop:
    """Feeds through the API; the payments exist at the sandbox gateway.

    No two orders of a run have one number, in whichever database: all are known to one Temporal.
    """

    http: httpx.AsyncClient
    gateway: httpx.AsyncClient
    settings: Settings

    def token(
        self, role: Role, subject: str = "someone", *, lifetime: timedelta = timedelta(hours=1)
    ) -> dict[str, str]:
        made = tokens.make(
            self.settings.jwt_secret.get_secret_value(), role, subject, now=datetime.now(UTC), lifetime=lifetime
        )
        return {"Authorization": f"Bearer {made}"}

    async def call(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, *, key: str | None = None
    ) -> httpx.Response:
        sent = {"Accept-Language": "en", **(headers or {})}
        if key is not None:
            sent["Idempotency-Key"] = key
        return await self.http.post(path, json=body, headers=sent)

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **params: Any) -> httpx.Response:
        return await self.http.get(path, headers={"Accept-Language": "en", **(headers or {})}, params=params)

    async def put(self, path: str, body: Any) -> None:
        answer = await self.http.put(path, json=body, headers=self.token(Role.FEED))
        assert answer.status_code == 200, answer.text

    async def item(self, goods_no: str, variant_no: str = "001", **changes: Any) -> None:
        told = {
            "goodsNm": "Goods",
            "itmNm": variant_no,
            "optList": [{"optNm": "Colour", "optVal": variant_no}],
            "salePrc": 10_000,
            "saleStatCd": "10",
            "saleMethCd": "10",
            "stockQty": 5,
        }
        await self.put(f"/v1/items/{goods_no}/{variant_no}", {**told, **changes})

    async def order(
        self,
        *lines: dict[str, Any],
        member: str | None = "M1",
        password: str | None = None,
        groups: list[dict[str, Any]] | None = None,
        payments: list[dict[str, Any]] | None = None,
        stock: int = 5,
        holder: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Feed an order, its goods and its member; by default one line of two units, free shipping, paid by card.

        `holder` is what the member has besides a name: ``mileage``, ``storedPayList``.
        """
        order_no = f"20230808O{next(_NUMBERS):06d}"
        lines = lines or (line(),)
        for one in lines:
            await self.item(one["goodsNo"], one["itmNo"], salePrc=one["salePrc"], stockQty=stock)
        if member is not None:
            await self.put(f"/v1/members/{member}", {"mbrNm": "Kim", "mileage": 0, "deposit": 0, **(holder or {})})
        shipped = groups or [group()]
        fees = sum(one["paidDlexAmt"] + one.get("rmtDlexAmt", 0) for one in shipped)
        discounts = sum(one["dcAmt"] for one in changes.get("benefitList", []))
        total = sum(one["salePrc"] * one["ordQty"] for one in lines) + fees - discounts
        paid = [
            {**one, "pgTid": f"{order_no}-{one['payNo']}"} if one.get("gateway") else one
            for one in payments or [card(total)]
        ]
        for one in paid:
            if one.get("gateway"):
                currency = changes.get("currency", "KRW")
                taken = {"amount": one["payAmt"], "currency": currency, "payWayCd": one["payWayCd"]}
                (await self.gateway.put(f"/payments/{one['pgTid']}", json=taken)).raise_for_status()
        told = {
            "mbrNo": member,
            "ordManNm": "Kim",
            "ordMediaCd": "20",
            "currency": "KRW",
            "ordDtm": "2023-08-08T12:00:00+09:00",
            "deliGrpList": shipped,
            "ordDtlList": list(lines),
            "benefitList": [],
            "payList": paid,
        }
        if password is not None:
            told["umemPwd"] = password
        await self.put(f"/v1/orders/{order_no}", {**told, **changes})
        return order_no


def group(group_no: str = "D1", *, paid: int = 0, free_from: int = 0, fee: int = 0) -> dict[str, Any]:
    """A delivery group; `paid`: what this order paid for it, `free_from`: free at or above."""
    return {
        "deliGrpNo": group_no,
        "deliPolcNo": f"P-{group_no}",
        "stdAmt": free_from,
        "dlexAmt": fee,
        "dlexDcAmt": 0,
        "paidDlexAmt": paid,
    }


def gift(ord_seq: int, **condition: Any) -> dict[str, Any]:
    """One unit of a gift, with the condition that it comes with: `giftOfOrdSeq` or `giftMinAmt`."""
    return line(ord_seq, ordQty=1, salePrc=0, giftYn="Y", **condition)


def basket(coupon_no: str, shares: Mapping[int, int], *, minimum: int = 0, **changes: Any) -> dict[str, Any]:
    """A basket coupon with its share per line."""
    told = {
        "cpnNo": coupon_no,
        "promoTypCd": "12",
        "dcAmt": sum(shares.values()),
        "minAmt": minimum,
        "shareList": [{"ordSeq": ord_seq, "dcAmt": amount} for ord_seq, amount in shares.items()],
    }
    return {**told, **changes}


def select(order_no: str, units: Mapping[int, int], *, reason: str = "10", **changes: Any) -> dict[str, Any]:
    goods = [{"ordSeq": ord_seq, "claimQty": quantity} for ord_seq, quantity in units.items()]
    return {"ordNo": order_no, "claimCausCd": reason, "claimGoodsList": goods, **changes}
