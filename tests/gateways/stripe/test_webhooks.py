"""Deliveries: only signed and fresh ones are listened to, and they say no more than what to read."""

from __future__ import annotations

import json
import time

import pytest
import stripe

from gateways.payments.port import BadWebhook, Done, WebhookHint
from gateways.payments.stripe import StripeGateway
from tests.gateways.stripe.conftest import HOOK_SECRET, StandIn, refund_of
from tests.sandbox.providers.receiver import receiver

PEER = "203.0.113.7"


def event(thing: object, kind: str = "refund.failed") -> bytes:
    body = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}}
    return json.dumps(body, ensure_ascii=False).encode()


def signed(raw: bytes, secret: str = HOOK_SECRET, age: int = 0) -> dict[str, str]:
    at = int(time.time()) - age
    return {"stripe-signature": stripe.WebhookSignature.generate_signature_header(raw.decode(), secret, at)}


REFUND = {
    "object": "refund",
    "id": "re_1",
    "payment_intent": "pi_1",
    "charge": "ch_1",
    "metadata": {"reference": "leg"},
}


@pytest.mark.parametrize(
    ("thing", "hint"),
    [
        (REFUND, WebhookHint("evt_1", "refund.failed", "pi_1", "re_1", "leg")),
        ({**REFUND, "payment_intent": None}, WebhookHint("evt_1", "refund.failed", "ch_1", "re_1", "leg")),
        ({**REFUND, "metadata": {"note": "윤한빈"}}, WebhookHint("evt_1", "refund.failed", "pi_1", "re_1")),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, WebhookHint("evt_1", "refund.failed", "pi_1")),
        ({"object": "charge", "id": "ch_1"}, WebhookHint("evt_1", "refund.failed", "ch_1")),
        (
            {"object": "payment_intent", "id": "pi_1", "metadata": {"reference": "X-1"}},
            WebhookHint("evt_1", "refund.failed", "pi_1", None, "X-1"),
        ),
        ({"object": "payout", "id": "po_1"}, WebhookHint("evt_1", "refund.failed")),
    ],
)
def test_what_an_event_says(gateway: StripeGateway, thing: object, hint: WebhookHint) -> None:
    raw = event(thing)
    assert gateway.parse_webhook(raw, signed(raw), PEER) == hint


def test_who_does_not_know_the_secret_is_not_listened_to(gateway: StripeGateway) -> None:
    raw = event(REFUND)
    good = signed(raw)["stripe-signature"]
    for headers in (
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=x,v1=y"},
        {"stripe-signature": good.replace("v1=", "v0=")},
        {"stripe-signature": good.partition(",")[0] + ",v1=é"},
        signed(raw, "whsec_another"),
        signed(raw + b" "),
    ):
        assert gateway.parse_webhook(raw, headers, PEER) == BadWebhook("signature_invalid")
    assert gateway.parse_webhook(b"\xff", {"stripe-signature": good}, PEER) == BadWebhook("signature_invalid")


def test_an_old_delivery_is_not_listened_to(gateway: StripeGateway) -> None:
    raw = event(REFUND)
    assert isinstance(gateway.parse_webhook(raw, signed(raw, age=290), PEER), WebhookHint)
    assert gateway.parse_webhook(raw, signed(raw, age=301), PEER) == BadWebhook("signature_invalid")


def test_an_authentic_one_that_cannot_be_read_is_told_apart(gateway: StripeGateway) -> None:
    for raw in (b"not json", b"[]", b'{"object": "v2.core.event", "id": "evt_2", "type": "x"}'):
        assert gateway.parse_webhook(raw, signed(raw), PEER) == BadWebhook("unreadable_event", authentic=True)


def test_without_a_secret_nothing_is_believed(gateway: StripeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_webhook_secret", None)
    raw = event(REFUND)
    assert gateway.parse_webhook(raw, signed(raw, ""), PEER) == BadWebhook("webhook_secret_missing")


async def test_the_stand_ins_own_deliveries_are_understood(stand_in: StandIn) -> None:
    with receiver() as hooks:
        stand_in.control.call("PUT", "/webhook", {"url": hooks.url})
        payment = stand_in.control.pay()
        asked = refund_of(payment, 1_000)
        made = await stand_in.gateway.refund(asked)
        assert isinstance(made, Done)
        stand_in.control.settle(made.ref, "failed")
        hints = [stand_in.gateway.parse_webhook(one.raw.encode(), one.headers, PEER) for one in hooks.wait_for(4)]
    assert [
        (one.event, one.payment_ref, one.refund_ref, one.reference) for one in hints if isinstance(one, WebhookHint)
    ] == [
        ("payment_intent.succeeded", payment, None, None),
        ("refund.created", payment, made.ref, asked.reference),
        ("charge.refunded", payment, None, None),
        ("refund.failed", payment, made.ref, asked.reference),
    ]
