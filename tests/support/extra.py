"""Cancels that cost more than they return: the order, the quote with its offer, and what was charged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from activities.claims import OpenCancel, Terms
from domain.extra_offers import ExtraOffer
from domain.orders import Means, Order
from domain.quotes import fingerprint
from store import private
from store.orders import load_state
from store.private import TOKEN_PART, Vault
from tests.support.house import House
from tests.support.orders import Story, group, line, order

EXTRA = 2_000
"""What cancelling line 1 of `cheap_piece` costs beyond its refund: it returns 1,000, and shipping becomes 3,000."""

TOKEN = "tok-4111-do-not-tell"


def cheap_piece(name: str) -> Order:
    """Shipping was free because of both lines. It shares no goods and no member with an order of another name."""
    return order(
        replace(line(1, 1_000), goods_no=f"{name}-1"),
        replace(line(2, 29_000), goods_no=f"{name}-2"),
        groups=[group(fee=3_000, free_from=30_000)],
        member_no=f"{name}-member",
    )


async def asked_with_quote(
    house: House,
    order_no: str,
    selection: Mapping[int, int],
    means: Means = Means.CARD,
    *,
    key: str | None = None,
) -> OpenCancel:
    """A request with a quote of what it comes to now, and an offer to pay what it costs; a card by TOKEN.

    Raises what pricing raises for a selection that can't be cancelled.
    """
    at = datetime.now(UTC)
    async with house.engine.begin() as conn:
        state = await load_state(conn, order_no)
        assert state is not None
        costs = Story(state).quote(selection, at=at)
        private_id = None
        if costs.extra and means.external:
            vault = Vault(house.settings.service_secret.get_secret_value())
            private_id = await private.keep(conn, vault.seal({TOKEN_PART: TOKEN}))
    asked = house.asked(order_no, selection, key=key)
    terms = Terms(
        nonce=asked.request_key,
        quoted_at=at,
        expires_at=at + timedelta(minutes=30),
        fingerprint=fingerprint(costs),
        refund=costs.refund,
        extra=costs.extra,
    )
    offer = ExtraOffer(means, costs.extra, "sandbox" if means.external else None) if costs.extra else None
    return asked.model_copy(update={"terms": terms, "extra": offer, "private_id": private_id})


async def asked_with_extra(
    house: House,
    order_no: str,
    means: Means = Means.CARD,
    *,
    selection: Mapping[int, int] | None = None,
    key: str | None = None,
) -> OpenCancel:
    """As `asked_with_quote`, of line 1, for a cancel that costs more than it returns."""
    asked = await asked_with_quote(house, order_no, selection or {1: 1}, means, key=key)
    assert asked.extra
    return asked


async def give(house: House, order_no: str, amount: int) -> None:
    """Make the mileage and the deposit of the order's member this much each."""
    async with house.engine.begin() as conn:
        await conn.execute(
            text(
                "UPDATE members SET mileage = :amount, deposit = :amount FROM orders"
                " WHERE orders.member_no = members.member_no AND order_no = :no"
            ),
            {"amount": amount, "no": order_no},
        )


async def charged(house: House, claim_no: str) -> list[Mapping[str, Any]]:
    """What the gateway's own ledger has charged for the claim."""
    listed = await house.gateway.get("/charges", params={"reference": f"X-{claim_no}"})
    found: list[Mapping[str, Any]] = listed.raise_for_status().json()["charges"]
    return found


async def taken(house: House, claim_no: str) -> list[Mapping[str, Any]]:
    """The payments of the order that the claim took."""
    return await house.rows("SELECT * FROM order_payments WHERE taken_by = :no", no=claim_no)


async def refunds_of(house: House, payment_ref: str) -> list[Mapping[str, Any]]:
    """What the gateway's own ledger has given back of a payment."""
    told = (await house.gateway.get(f"/payments/{payment_ref}")).raise_for_status().json()
    return [one for one in told["refunds"] if one["status"] != "failed"]
