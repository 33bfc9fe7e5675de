"""How what a cancel costs beyond its refund can be paid: what the shop takes, of what the member has."""

from __future__ import annotations

from api.schemas.storefront.quote import PayWay
from domain.orders import Means
from domain.policy import ExtraPaymentPolicy
from store import extra_offers, stored_means
from store.database import Connection


async def ways_to_pay(conn: Connection, policy: ExtraPaymentPolicy, member_no: str | None, extra: int) -> list[PayWay]:
    """The ways to pay `extra`, in minor units, in the shop's order of means; none when nothing is to be paid.

    A balance is offered when it is enough; what the member has stored where the shop may charge it; and each of those
    gateways by a token of its own.
    """
    if not extra:
        return []
    stored = await stored_means.list_of(conn, member_no) if member_no is not None else ()
    ways: list[PayWay] = []
    for means in policy.means:
        if means.external:
            ways += [
                _way(means, extra, gateway=one.gateway, stored_no=one.stored_no, name=one.name)
                for one in stored
                if one.means is means and one.gateway in policy.gateways
            ]
            ways += [_way(means, extra, gateway=gateway) for gateway in policy.gateways]
        elif member_no is not None:
            balance = await extra_offers.balance(conn, member_no, means)
            if balance >= extra:
                ways.append(_way(means, balance))
    return ways


def _way(
    means: Means, usable: int, *, gateway: str | None = None, stored_no: str | None = None, name: str | None = None
) -> PayWay:
    return PayWay(means=means, gateway=gateway, stored_no=stored_no, name=name, usable=usable)
