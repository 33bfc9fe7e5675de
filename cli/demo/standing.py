"""What claims move, looked at before and after: refunds at the gateway, stock, coupons, mileage, and the books."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from cli.output import money
from cli.service import Service

MILEAGE = "32"


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand. Amounts are in minor units of KRW."""

    refunds: Mapping[str, tuple[int, ...]]
    """By payment of the gateway: every refund in the gateway's own ledger."""
    stock: Mapping[str, int]
    """By ``goods/variant``."""
    used_coupons: Mapping[str, bool]
    mileage: Mapping[str, int]
    """By member."""
    differences: Mapping[str, int]
    """By order: what its books are out by."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What a story must move, and nothing else: keys as in Standing; `mileage` and `stock` are changes."""

    refunds: Mapping[str, int] = field(default_factory=dict)
    stock: Mapping[str, int] = field(default_factory=dict)
    coupons_back: frozenset[str] = frozenset()
    mileage: Mapping[str, int] = field(default_factory=dict)


async def look(
    orders: Sequence[Mapping[str, Any]], staff: Service, gateway: httpx.AsyncClient, variants: Sequence[str] = ()
) -> Standing:
    """How things stand around `orders`, as they were fed, and around further `variants`."""
    payments = [one["pgTid"] for order in orders for one in order["payList"] if one["gateway"] is not None]
    items = {f"{line['goodsNo']}/{line['itmNo']}" for order in orders for line in order["ordDtlList"]} | set(variants)
    coupons = [one["cpnNo"] for order in orders for one in order["benefitList"]]
    members = [order["mbrNo"] for order in orders if any(one["payWayCd"] == MILEAGE for one in order["payList"])]
    return Standing(
        refunds={payment: await _refunds(gateway, payment) for payment in payments},
        stock={item: (await staff.get(f"/v1/items/{item}"))["stockQty"] for item in sorted(items)},
        used_coupons={one: (await staff.get(f"/v1/coupons/{one}"))["usedOrdNo"] is not None for one in coupons},
        mileage={member: (await staff.get(f"/v1/members/{member}"))["mileage"] for member in members},
        differences={order["ordNo"]: (await staff.get(f"/v1/audit/{order['ordNo']}"))["diffAmt"] for order in orders},
    )


async def _refunds(gateway: httpx.AsyncClient, payment: str) -> tuple[int, ...]:
    ledger = (await gateway.get(f"/payments/{payment}")).raise_for_status().json()
    return tuple(refund["amount"] for refund in ledger["refunds"] if refund["status"] != "failed")


def moved(before: Standing, moves: Moves) -> Standing:
    """What must stand after `moves`."""
    return Standing(
        refunds={
            payment: refunds + ((moves.refunds[payment],) if payment in moves.refunds else ())
            for payment, refunds in before.refunds.items()
        },
        stock={item: stock + moves.stock.get(item, 0) for item, stock in before.stock.items()},
        used_coupons={one: used and one not in moves.coupons_back for one, used in before.used_coupons.items()},
        mileage={member: balance + moves.mileage.get(member, 0) for member, balance in before.mileage.items()},
        differences=dict.fromkeys(before.differences, 0),
    )


def differences(expected: Standing, actual: Standing) -> Iterator[str]:
    """What stands otherwise than it must, in words."""
    for name in Standing.__dataclass_fields__:
        wanted, found = getattr(expected, name), getattr(actual, name)
        for key in wanted:
            if wanted[key] != found[key]:
                yield f"{name.replace('_', ' ')} {key}: {wanted[key]} expected, {found[key]} found"


def rows(before: Standing, after: Standing, names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Before and after, for people; `names` tells what items and coupons are called."""

    def pairs(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        return ((key, one[key], other[key]) for key in one)

    return [
        *(
            (f"Gateway: refunded of payment {key}", _won(sum(was)), _won(sum(now)))
            for key, was, now in pairs(before.refunds, after.refunds)
        ),
        *((f"Mileage of member {key}", _won(was), _won(now)) for key, was, now in pairs(before.mileage, after.mileage)),
        *(
            (f"Coupon: {names.get(key, key)}", _used(was), _used(now))
            for key, was, now in pairs(before.used_coupons, after.used_coupons)
        ),
        *((f"Stock: {names.get(key, key)}", str(was), str(now)) for key, was, now in pairs(before.stock, after.stock)),
    ]


def _won(amount: int) -> str:
    return money(amount, "KRW")


def _used(used: bool) -> str:
    return "used" if used else "free to use"
