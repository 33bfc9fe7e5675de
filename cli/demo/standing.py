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
    """How things stand. Amounts are in minor units of KRW. Payments are ``order-n``, the order's n-th."""

    taken: Mapping[str, int]
    """By payment that a gateway took: its amount in the gateway's own ledger."""
    refunds: Mapping[str, tuple[int, ...]]
    """By payment that a gateway took: every refund in the gateway's own ledger."""
    stock: Mapping[str, int]
    """By ``goods/variant``."""
    used_coupons: Mapping[str, bool]
    mileage: Mapping[str, int]
    """By member."""
    differences: Mapping[str, int]
    """By order: what its books are out by."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What a story must move, and nothing else: keys as in Standing; `mileage` and `stock` are changes.

    `taken` are payments that were not there before.
    """

    taken: Mapping[str, int] = field(default_factory=dict)
    refunds: Mapping[str, int] = field(default_factory=dict)
    stock: Mapping[str, int] = field(default_factory=dict)
    coupons_back: frozenset[str] = frozenset()
    mileage: Mapping[str, int] = field(default_factory=dict)


async def look(
    orders: Sequence[Mapping[str, Any]], staff: Service, gateway: httpx.AsyncClient, variants: Sequence[str] = ()
) -> Standing:
    """How things stand around `orders`, as they were fed, and around further `variants`."""
    ledgers = await _ledgers(orders, staff, gateway)
    items = {f"{line['goodsNo']}/{line['itmNo']}" for order in orders for line in order["ordDtlList"]} | set(variants)
    coupons = [one["cpnNo"] for order in orders for one in order["benefitList"]]
    members = [order["mbrNo"] for order in orders if any(one["payWayCd"] == MILEAGE for one in order["payList"])]
    return Standing(
        taken={payment: ledger["amount"] for payment, ledger in ledgers.items()},
        refunds={
            payment: tuple(refund["amount"] for refund in ledger["refunds"] if refund["status"] != "failed")
            for payment, ledger in ledgers.items()
        },
        stock={item: (await staff.get(f"/v1/items/{item}"))["stockQty"] for item in sorted(items)},
        used_coupons={one: (await staff.get(f"/v1/coupons/{one}"))["usedOrdNo"] is not None for one in coupons},
        mileage={member: (await staff.get(f"/v1/members/{member}"))["mileage"] for member in members},
        differences={order["ordNo"]: (await staff.get(f"/v1/audit/{order['ordNo']}"))["diffAmt"] for order in orders},
    )


async def _ledgers(
    orders: Sequence[Mapping[str, Any]], staff: Service, gateway: httpx.AsyncClient
) -> dict[str, Mapping[str, Any]]:
    """What the gateway itself says of every payment of the orders, those that claims took included."""
    found: dict[str, Mapping[str, Any]] = {}
    for number in (order["ordNo"] for order in orders):
        payments = (await staff.get(f"/v1/orders/{number}"))["payList"]
        for position, payment in enumerate(payments, 1):
            if payment["gateway"] is not None:
                answer = await gateway.get(f"/payments/{payment['pgTid']}")
                found[f"{number}-{position}"] = answer.raise_for_status().json()
    return found


def moved(before: Standing, moves: Moves) -> Standing:
    """What must stand after `moves`."""
    taken = {**before.taken, **moves.taken}
    return Standing(
        taken=taken,
        refunds={
            payment: before.refunds.get(payment, ()) + ((moves.refunds[payment],) if payment in moves.refunds else ())
            for payment in taken
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
        for key in sorted(wanted.keys() | found.keys()):
            if wanted.get(key) != found.get(key):
                yield f"{name.replace('_', ' ')} {key}: {wanted.get(key)} expected, {found.get(key)} found"


def rows(before: Standing, after: Standing, names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Before and after, for people; `names` tells what items and coupons are called."""

    def pairs(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        return ((key, one[key], other[key]) for key in one)

    new = after.taken.keys() - before.taken.keys()
    return [
        *((f"Gateway: taken as payment {key}", "", _won(after.taken[key])) for key in sorted(new)),
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
