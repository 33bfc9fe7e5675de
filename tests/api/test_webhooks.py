"""What gateways tell unasked, at the door: proved authentic, kept once, answered at once, and never believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
import stripe
from pydantic import SecretStr
from structlog.testing import capture_logs
from temporalio.service import RPCError, RPCStatusCode

from api.main import create_app
from settings import PortOneMerchant, StripeMerchant, TossMerchant
from tests.api.shop import Shop
from tests.support.house import House
from tests.support.orders import line, order, payment
from tests.support.ports import free_port

TOSS = "203.0.113.7"
HTML = b"<html><body>kim@example.test 01012345678</body></html>"

NUMBERS = itertools.count(700_000)
"""Of orders that no other file's are: the workflow that follows a payment is named by it, and Temporal is the run's."""

ACCOUNTS = {
    "stripe": StripeMerchant(secret_key=SecretStr("sk_test_1"), webhook_secret=SecretStr("whsec_1")),
    "portone": PortOneMerchant(
        api_secret=SecretStr("secret"),
        store_id="store-1",
        webhook_secret=SecretStr("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="),
    ),
    "toss": TossMerchant(secret_key=SecretStr("test_sk_1"), peers=(TOSS,)),  # type: ignore[arg-type]
}


class Door:
    """The API as gateways see it: each signs, or calls from an address of its own."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def deliver(
        self, gateway: str, raw: bytes, headers: Mapping[str, str] | None = None, peer: str = TOSS
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=(peer, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test", timeout=60) as http:
            return await http.post(f"/v1/webhooks/{gateway}", content=raw, headers=headers)

    async def told(
        self, gateway: str, delivery_id: str, payment_ref: str, *, raw: bytes | None = None, good: bool = True
    ) -> httpx.Response:
        """A delivery about a payment, signed as its gateway does it; not `good`: by somebody else."""
        sent = raw or body(gateway, delivery_id, payment_ref)
        headers = signed(gateway, delivery_id, sent if good else sent + b" ")
        return await self.deliver(gateway, sent, headers, TOSS if good else "198.51.100.1")


def signed(gateway: str, delivery_id: str, raw: bytes) -> dict[str, str]:
    """The headers with which a gateway sends it."""
    at = int(time.time())
    match gateway:
        case "stripe":
            return {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(raw.decode(), "whsec_1", at)}
        case "portone":
            digest = hmac.digest(b"secret-secret-secret", f"{delivery_id}.{at}.".encode() + raw, hashlib.sha256)
            signature = f"v1,{base64.b64encode(digest).decode()}"
            return {"webhook-id": delivery_id, "webhook-timestamp": str(at), "webhook-signature": signature}
        case _:
            return {"TossPayments-Webhook-Transmission-Id": delivery_id}


def body(gateway: str, delivery_id: str, payment_ref: str) -> bytes:
    """What a gateway tells of a payment."""
    told: dict[str, Any]
    match gateway:
        case "stripe":
            charge = {"object": "charge", "id": "ch_1", "payment_intent": payment_ref}
            told = {"id": delivery_id, "object": "event", "type": "charge.refunded", "data": {"object": charge}}
        case "portone":
            data = {"storeId": "store-1", "paymentId": payment_ref, "transactionId": "t-1", "cancellationId": "c-1"}
            told = {"type": "Transaction.Cancelled", "timestamp": "2026-11-24T12:00:00Z", "data": data}
        case _:
            data = {"paymentKey": payment_ref, "status": "CANCELED"}
            told = {"eventType": "PAYMENT_STATUS_CHANGED", "createdAt": "2026-11-24T12:00:00.000000", "data": data}
    return json.dumps(told).encode()


@pytest.fixture(scope="module")
async def door(idle_house: House) -> AsyncIterator[Door]:
    app = create_app(idle_house.settings.model_copy(update={"merchants": ACCOUNTS}))
    async with app.router.lifespan_context(app):
        yield Door(app)


async def kept(house: House, gateway: str, delivery_id: str) -> list[Mapping[str, Any]]:
    return await house.rows(
        "SELECT *, followed_at IS NOT NULL AS followed FROM webhook_deliveries"
        " WHERE gateway = :gateway AND delivery_id = :id",
        gateway=gateway,
        id=delivery_id,
    )


async def is_followed(house: House, gateway: str, payment_ref: str) -> bool:
    try:
        await house.handle(f"follow-{gateway}-{payment_ref}").describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def paid_at(house: House, gateway: str) -> str:
    """A payment of ours, by the gateway's name of it."""
    made = order(line(1, 10_000), payments=[replace(payment("1", 10_000), gateway=gateway)])
    return f"{await replace(house, numbers=NUMBERS).feed(made)}-1"


@pytest.mark.parametrize("gateway", sorted(ACCOUNTS))
async def test_a_good_one_is_kept_and_its_payment_followed(door: Door, house: House, gateway: str) -> None:
    payment_ref, delivery_id = await paid_at(house, gateway), uuid.uuid4().hex
    answer = await door.told(gateway, delivery_id, payment_ref)
    assert (answer.status_code, answer.json()["code"]) == (200, "0000"), answer.text
    [row] = await kept(house, gateway, delivery_id)
    assert (row["payment_ref"], row["followed"]) == (payment_ref, True)
    assert await is_followed(house, gateway, payment_ref)


@pytest.mark.parametrize("gateway", sorted(ACCOUNTS))
async def test_one_that_is_not_the_gateways_own_is_not_listened_to(door: Door, house: House, gateway: str) -> None:
    payment_ref, delivery_id = await paid_at(house, gateway), uuid.uuid4().hex
    answer = await door.told(gateway, delivery_id, payment_ref, good=False)
    assert (answer.status_code, answer.json()["error"]) == (401, "webhook.not_authentic")
    assert await kept(house, gateway, delivery_id) == []
    assert not await is_followed(house, gateway, payment_ref)


async def test_where_it_comes_from_no_header_says(door: Door, house: House) -> None:
    headers = {
        "TossPayments-Webhook-Transmission-Id": "spoofed",
        "X-Forwarded-For": TOSS,
        "Forwarded": f"for={TOSS}",
        "X-Real-IP": TOSS,
    }
    answer = await door.deliver("toss", body("toss", "", "p"), headers, "198.51.100.1")
    assert answer.status_code == 401
    assert await kept(house, "toss", "spoofed") == []


async def test_a_repeat_changes_nothing(door: Door, house: House) -> None:
    """P9: however often it is told, it is one delivery, and is followed once."""
    payment_ref, delivery_id = await paid_at(house, "stripe"), uuid.uuid4().hex
    assert (await door.told("stripe", delivery_id, payment_ref)).status_code == 200
    [first] = await kept(house, "stripe", delivery_id)
    await house.handle(f"follow-stripe-{payment_ref}").terminate()
    assert (await door.told("stripe", delivery_id, payment_ref)).status_code == 200
    assert await kept(house, "stripe", delivery_id) == [first]
    ended = await house.handle(f"follow-stripe-{payment_ref}").describe()
    assert ended.close_time is not None, "a repeat was followed once more"


async def test_of_a_payment_that_is_nobodys_it_is_kept_and_followed_to_nothing(door: Door, house: House) -> None:
    delivery_id = uuid.uuid4().hex
    assert (await door.told("stripe", delivery_id, "pi_unknown")).status_code == 200
    [row] = await kept(house, "stripe", delivery_id)
    assert row["followed"]
    assert not await is_followed(house, "stripe", "pi_unknown")


async def test_the_deposit_of_an_order_is_found_by_its_number(door: Door, house: House) -> None:
    """Toss names no payment then, only the number that the shop gave its checkout."""
    payment_ref = await paid_at(house, "toss")
    told = {
        "createdAt": "2026-11-24T12:00:00.000000",
        "secret": "ps_1",
        "orderId": payment_ref.removesuffix("-1"),
        "status": "DONE",
        "transactionKey": "t-1",
    }
    answer = await door.told("toss", uuid.uuid4().hex, "", raw=json.dumps(told).encode())
    assert answer.status_code == 200
    assert await is_followed(house, "toss", payment_ref)


@pytest.mark.parametrize(
    ("gateway", "raw"),
    [(gateway, HTML) for gateway in sorted(ACCOUNTS)]
    + [("toss", json.dumps({"eventType": "kim\0", "data": {"paymentKey": "p"}}).encode())],
)
async def test_what_cannot_be_read_is_told_by_its_code_and_kept_out_of_the_logs(
    door: Door, house: House, gateway: str, raw: bytes
) -> None:
    delivery_id = uuid.uuid4().hex
    with capture_logs() as logs:
        answer = await door.told(gateway, delivery_id, "", raw=raw)
    assert (answer.status_code, answer.json()["error"]) == (400, "webhook.unreadable")
    [refused] = [one for one in logs if one["event"] == "delivery refused"]
    assert (refused["gateway"], refused["authentic"]) == (gateway, True)
    assert refused["why"]
    assert not any(part in f"{logs}{answer.text}" for part in ("kim", "0101", "html"))
    assert await kept(house, gateway, delivery_id) == []


@pytest.mark.parametrize(("gateway", "status"), [("nobody", 404), ("kakaopay", 401), ("sandbox", 401)])
async def test_who_tells_nothing_is_not_listened_to(door: Door, gateway: str, status: int) -> None:
    assert (await door.deliver(gateway, b"{}")).status_code == status


async def test_a_body_that_no_gateway_sends_is_not_read_to_its_end(door: Door) -> None:
    answer = await door.deliver("stripe", b"x" * (256 * 1024 + 1))
    assert (answer.status_code, answer.json()["error"]) == (413, "body.too_large")


async def test_without_the_database_the_gateway_is_to_try_again(house: House) -> None:
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    app = create_app(house.settings.model_copy(update={"merchants": ACCOUNTS, "database_url": away}))
    answer = await Door(app).told("stripe", uuid.uuid4().hex, "pi_1")
    assert (answer.status_code, answer.json()["code"]) == (503, "9001")


async def test_without_temporal_it_is_kept_for_the_sweeper(idle_shop: Shop, house: House) -> None:
    payment_ref, delivery_id = await paid_at(house, "stripe"), uuid.uuid4().hex
    changes = {"merchants": ACCOUNTS, "temporal_address": f"127.0.0.1:{free_port()}"}
    answer = await Door(create_app(house.settings.model_copy(update=changes))).told("stripe", delivery_id, payment_ref)
    assert answer.status_code == 200
    [row] = await kept(house, "stripe", delivery_id)
    assert not row["followed"]
