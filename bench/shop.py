"""A shop over HTTP: it feeds orders, asks for quotes, and cancels, as a storefront does."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
from temporalio.client import Client, WorkflowHandle

from api.digests import key_of_caller, workflow_id
from api.tokens import Role
from cli.callers import make_token
from cli.service import Service
from domain.claims import ClaimKind
from settings import Settings

QUOTE = "/v1/claim/common/claimCalculateCostFO"
CANCEL = "/v1/claim/orderCancel/cancelFO"

MEMBER = "BENCH"
GOODS = 50
"""Different goods that orders of one line are spread over."""
PRICE = 10_000
UNITS = 2
GOODS_COUPON, BASKET_SHARE, POINTS = 1_001, 503, 200
"""Of each line with goods of a rich order: what two coupons take off it, and the points that it earned."""
BALANCE = 10_000_000
"""The member's mileage: earned points can be taken from it."""
GIFT = "BENCHGIFT"
GIFT_EVERY = 5
"""Of so many lines of a rich order the last is a gift that comes with the line before it."""
AT_ONCE = 8
"""How many orders are fed at once."""
FINISHED_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Order:
    """A fed order, to be cancelled whole under `key`. `goods` are its lines but for gifts.

    `quote_token`: once it was quoted.
    """

    order_no: str
    goods: Sequence[int]
    key: str
    quote_token: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The same for the quote and for the cancel, which adds the quote's token."""
        told: dict[str, Any] = {
            "ordNo": self.order_no,
            "claimCausCd": "10",
            "claimGoodsList": [{"ordSeq": number, "claimQty": UNITS} for number in self.goods],
        }
        return told if self.quote_token is None else {**told, "quoteToken": self.quote_token}


class Shop:
    """`api` and `gateway` are clients of the service and of the sandbox gateway."""

    def __init__(
        self, settings: Settings, api: httpx.AsyncClient, gateway: httpx.AsyncClient, temporal: Client
    ) -> None:
        self._gateway = gateway
        self._temporal = temporal
        self._numbers = itertools.count(1)
        self._feeder = Service(api, {}).as_caller(make_token(settings, Role.FEED, "bench"))
        self._member = Service(api, {}).as_caller(make_token(settings, Role.MEMBER, MEMBER))

    async def open(self, most_lines: int) -> None:
        """Feed the member and the goods that orders of up to so many lines are made of."""
        member = {"mbrNm": "Kim", "email": "kim@example.test", "phone": "01012345678", "mileage": BALANCE, "deposit": 0}
        await self._feeder.put(f"/v1/members/{MEMBER}", member)
        item = {
            "goodsNm": "Goods",
            "itmNm": "Red",
            "optList": [],
            "salePrc": PRICE,
            "saleStatCd": "10",
            "saleMethCd": "10",
            "stockQty": 100,
        }
        await self._feeder.put(f"/v1/items/{GIFT}/001", {**item, "salePrc": 0})
        await _few_at_once(
            self._feeder.put(f"/v1/items/{_goods(number)}/001", item) for number in range(max(GOODS, most_lines))
        )

    async def orders(self, count: int, *, lines: int = 1) -> list[Order]:
        """Feed and quote so many new orders; each was paid by a card at the sandbox gateway."""
        return await _few_at_once(self._order(number, lines) for number in range(count))

    async def quote(self, order: Order) -> Order:
        """Ask what cancelling the whole order would cost and return."""
        quoted = await self._member.post(QUOTE, replace(order, quote_token=None).body)
        return replace(order, quote_token=quoted["quoteToken"])

    async def cancel(self, order: Order) -> None:
        """`cancelFO` with the quote's token: returns when the claim is durably open."""
        await self._member.post(CANCEL, order.body, key=order.key)

    async def completed(self, order: Order) -> None:
        """Wait for the end of the order's claim. Raises RuntimeError when it did not complete, or not in time."""
        outcome = await self.claim(order).result(rpc_timeout=FINISHED_WITHIN)
        if outcome["status"] != "COMPLETED":
            raise RuntimeError(f"the claim of {order.order_no} ended as {outcome}")

    def claim(self, order: Order) -> WorkflowHandle[Any, Any]:
        """The workflow of the order's claim."""
        key = key_of_caller(ClaimKind.CANCEL, order.key)
        return self._temporal.get_workflow_handle(workflow_id(ClaimKind.CANCEL, order.order_no, key))

    async def rich_order(self, lines: int) -> Order:
        """A new order with gifts among its lines, two coupons on each of the others, and points earned."""
        order = self._new([line_no for line_no in range(1, lines + 1) if line_no % GIFT_EVERY])
        amount = len(order.goods) * (UNITS * PRICE - GOODS_COUPON - BASKET_SHARE)
        fed = [{**_line(line_no, _goods(line_no - 1)), "earnPntAmt": POINTS} for line_no in order.goods]
        gifts = [_gift(line_no) for line_no in range(GIFT_EVERY, lines + 1, GIFT_EVERY)]
        basket = _coupon(f"{order.order_no}-B", "12", dict.fromkeys(order.goods, BASKET_SHARE))
        single = [_coupon(f"{order.order_no}-{line_no}", "11", {line_no: GOODS_COUPON}) for line_no in order.goods]
        await self._feed(order, amount, [*fed, *gifts], [basket, *single])
        return order

    async def _order(self, number: int, lines: int) -> Order:
        order = self._new(range(1, lines + 1))
        fed = [_line(line_no, _goods(number % GOODS if lines == 1 else line_no - 1)) for line_no in order.goods]
        await self._feed(order, lines * UNITS * PRICE, fed, [])
        return await self.quote(order)

    def _new(self, goods: Sequence[int]) -> Order:
        return Order(f"20230808O{next(self._numbers):06d}", goods, uuid4().hex)

    async def _feed(
        self, order: Order, amount: int, lines: list[dict[str, Any]], coupons: list[dict[str, Any]]
    ) -> None:
        """Paid by a card at the sandbox gateway, which has the payment."""
        payment = f"{order.order_no}-1"
        taken = {"amount": amount, "currency": "KRW", "payWayCd": "11"}
        (await self._gateway.put(f"/payments/{payment}", json=taken)).raise_for_status()
        told = {
            "mbrNo": MEMBER,
            "ordManNm": "Kim",
            "email": "kim@example.test",
            "phone": "01012345678",
            "ordMediaCd": "20",
            "currency": "KRW",
            "ordDtm": "2023-08-08T12:00:00+09:00",
            "deliGrpList": [
                {
                    "deliGrpNo": "D1",
                    "deliPolcNo": "P1",
                    "stdAmt": 0,
                    "dlexAmt": 0,
                    "dlexDcAmt": 0,
                    "paidDlexAmt": 0,
                }
            ],
            "ordDtlList": lines,
            "benefitList": coupons,
            "payList": [
                {
                    "payNo": "1",
                    "payWayCd": "11",
                    "payAmt": amount,
                    "payStatCd": "12",
                    "gateway": "sandbox",
                    "pgTid": payment,
                    "partCnclPsbYn": "Y",
                }
            ],
        }
        await self._feeder.put(f"/v1/orders/{order.order_no}", told)


def _line(line_no: int, goods_no: str) -> dict[str, Any]:
    return {
        "ordSeq": line_no,
        "goodsNo": goods_no,
        "goodsNm": "Goods",
        "itmNo": "001",
        "itmNm": "Red",
        "ordQty": UNITS,
        "salePrc": PRICE,
        "deliGrpNo": "D1",
        "ordDtlStatCd": "11",
    }


def _gift(line_no: int) -> dict[str, Any]:
    """A gift that comes with the line before it."""
    return {**_line(line_no, GIFT), "ordQty": 1, "salePrc": 0, "giftOfOrdSeq": line_no - 1}


def _coupon(number: str, promotion: str, shares: Mapping[int, int]) -> dict[str, Any]:
    return {
        "cpnNo": number,
        "promoTypCd": promotion,
        "dcAmt": sum(shares.values()),
        "minAmt": 0,
        "shareList": [{"ordSeq": line_no, "dcAmt": amount} for line_no, amount in shares.items()],
    }


def _goods(number: int) -> str:
    return f"BENCH{number:04d}"


async def _few_at_once(calls: Iterable[Any]) -> list[Any]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def limited(call: Any) -> Any:
        async with limit:
            return await call

    return await asyncio.gather(*(limited(call) for call in calls))
