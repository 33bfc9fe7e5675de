"""Stripe, by its official SDK, and on the wire where the SDK hides it."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.providers.control import Control, fresh
from tests.sandbox.providers.receiver import Receiver
from tests.sandbox.providers.tills import StripeTill
from tests.support.sandbox import SandboxProcess
from tests.support.waiting import wait_until


@pytest.fixture
def till(http: httpx.Client) -> StripeTill:
    """A till at Stripe."""
    return StripeTill(http)


@pytest.fixture
def client(world: SandboxProcess) -> stripe.StripeClient:
    """The SDK, which retries nothing by itself."""
    return stripe.StripeClient(
        "sk_test_sandbox",
        base_addresses={"api": f"{world.url}/stripe"},
        http_client=stripe.HTTPXClient(timeout=15),
        max_network_retries=0,
    )


async def refund(client: stripe.StripeClient, payment: str, key: str | None = None, **more: Any) -> stripe.Refund:
    """Refund by the SDK."""
    params: Any = {"payment_intent": payment, **more}
    return await client.v1.refunds.create_async(params, {"idempotency_key": key or fresh("key")})


async def test_refunded_read_and_listed(client: stripe.StripeClient, till: StripeTill) -> None:
    payment = till.control.pay()
    first = await refund(client, payment, amount=3_000, reason="requested_by_customer", metadata={"refund_id": "rf_1"})
    assert (first.status, first.amount, first.currency) == ("succeeded", 3_000, "krw")
    read = await client.v1.refunds.retrieve_async(first.id)
    assert read.metadata is not None
    assert read.metadata["refund_id"] == "rf_1"
    second = await refund(client, payment, metadata={"refund_id": "rf_2"})
    assert second.amount == 7_000
    listed = await client.v1.refunds.list_async({"payment_intent": payment, "limit": 1})
    assert (listed.data[0].id, listed.has_more) == (second.id, True)
    every = [one.id async for one in listed.auto_paging_iter()]
    assert every == [second.id, first.id]
    intent = await client.v1.payment_intents.retrieve_async(payment)
    charge = await client.v1.charges.retrieve_async(str(intent.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (10_000, True)
    assert [(r["amount"], r["reference"]) for r in till.control.refunds(payment)] == [(3_000, "rf_1"), (7_000, "rf_2")]


async def test_refusals(client: stripe.StripeClient, till: StripeTill) -> None:
    payment = till.control.pay()
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        await refund(client, payment, amount=10_001)
    assert (too_much.value.param, too_much.value.code) == ("amount", None)
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        await refund(client, "pi_nothing", amount=1_000)
    assert (unknown.value.code, unknown.value.http_status) == ("resource_missing", 404)
    await refund(client, payment)
    with pytest.raises(stripe.InvalidRequestError) as already:
        await refund(client, payment)
    assert already.value.code == "charge_already_refunded"
    assert till.control.balance(payment) == 0


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"amount": -1}, "parameter_invalid_integer"),
        ({"amount": "10.5"}, "parameter_invalid_integer"),
        ({"reason": "because"}, "parameter_invalid"),
        ({"amout": 1_000}, "parameter_unknown"),
        ({"charge": "ch_1"}, "parameter_missing"),
    ],
)
async def test_wrong_parameters_are_not_kept(
    client: stripe.StripeClient, till: StripeTill, params: dict[str, Any], code: str
) -> None:
    payment, key = till.control.pay(), fresh("key")
    with pytest.raises(stripe.InvalidRequestError) as wrong:
        await refund(client, payment, key, **params)
    assert wrong.value.code == code
    assert (await refund(client, payment, key, amount=1_000)).amount == 1_000


async def test_a_key_replays_and_compares(client: stripe.StripeClient, till: StripeTill) -> None:
    payment, key = till.control.pay(), fresh("key")
    first = await refund(client, payment, key, amount=1_000)
    assert (await refund(client, payment, key, amount=1_000)).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        await refund(client, payment, key, amount=2_000)
    assert till.control.balance(payment) == 9_000
    till.control.advance(86_400_000)
    assert (await refund(client, payment, key, amount=1_000)).id != first.id


def test_a_replay_says_so(till: StripeTill) -> None:
    payment, key = till.control.pay(), fresh("key")
    marks = [till.cancel(payment, 1_000, key=key).headers.get("Idempotent-Replayed") for _ in range(2)]
    assert marks == [None, "true"]


@pytest.mark.parametrize(("kind", "left"), [("error_before", 10_000), ("error_after", 9_000)])
async def test_a_500_is_kept_and_only_the_list_tells(
    client: stripe.StripeClient, till: StripeTill, kind: str, left: int
) -> None:
    payment, key = till.control.pay(), fresh("key")
    till.control.fault(kind, payment)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await refund(client, payment, key, amount=1_000)
    listed = await client.v1.refunds.list_async({"payment_intent": payment})
    assert sum(one.amount for one in listed.data) == 10_000 - left
    assert till.control.balance(payment) == left


def test_a_key_at_work_is_in_use(till: StripeTill) -> None:
    payment, key = till.control.pay(), fresh("key")
    till.control.fault("late", payment, delayMs=600_000)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        late = pool.submit(till.cancel, payment, 1_000, key=key)
        wait_until(lambda: not till.control.faults())
        in_use = till.cancel(payment, 1_000, key=key)
        assert (in_use.status_code, in_use.json()["error"]["code"]) == (409, "idempotency_key_in_use")
        till.control.advance(600_000)
        assert till.cancel(payment, 1_000, key=key).content == late.result().content
    assert till.control.balance(payment) == 9_000


async def test_a_429_is_not_kept(client: stripe.StripeClient, till: StripeTill) -> None:
    payment, key = till.control.pay(), fresh("key")
    till.control.fault("refuse", payment, code="rate_limit", status=429)
    with pytest.raises(stripe.RateLimitError):
        await refund(client, payment, key, amount=1_000)
    assert (await refund(client, payment, key, amount=1_000)).status == "succeeded"


async def test_a_lost_answer_is_a_connection_error(client: stripe.StripeClient, till: StripeTill) -> None:
    payment, key = till.control.pay(), fresh("key")
    till.control.fault("lose_answer", payment)
    with pytest.raises(stripe.APIConnectionError):
        await refund(client, payment, key, amount=1_000)
    assert (await refund(client, payment, key, amount=1_000)).status == "succeeded"
    assert till.control.balance(payment) == 9_000


async def test_pending_then_failed(client: stripe.StripeClient, till: StripeTill) -> None:
    payment = till.control.pay()
    till.control.fault("pending", payment)
    pending = await refund(client, payment, amount=1_000)
    assert (pending.status, pending.pending_reason) == ("pending", "processing")
    till.control.settle(pending.id, "succeeded")
    assert (await client.v1.refunds.retrieve_async(pending.id)).status == "succeeded"
    till.control.settle(pending.id, "failed")
    failed = await client.v1.refunds.retrieve_async(pending.id)
    assert (failed.status, failed.failure_reason) == ("failed", "unknown")
    assert till.control.balance(payment) == 10_000


async def test_webhooks_are_signed(client: stripe.StripeClient, till: StripeTill, hooks: Receiver) -> None:
    till.control.call("PUT", "/webhook", {"url": hooks.url})
    payment = till.control.pay()
    made = await refund(client, payment, amount=1_000)
    till.control.settle(made.id, "failed")
    received = hooks.wait_for(4)
    events = [
        stripe.Webhook.construct_event(hook.raw, hook.headers["stripe-signature"], "whsec_sandbox") for hook in received
    ]
    assert [event.type for event in events] == [
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "refund.failed",
    ]
    assert "refunds" not in received[2].body["data"]["object"]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(received[1].raw + " ", received[1].headers["stripe-signature"], "whsec_sandbox")


async def test_a_charge_without_the_customer(client: stripe.StripeClient, till: StripeTill) -> None:
    till.control.call("PUT", "/stored-means/pm_1", {"customer": "cus_1"})
    params: Any = {
        "amount": 5_000,
        "currency": "krw",
        "customer": "cus_1",
        "payment_method": "pm_1",
        "confirm": True,
        "off_session": True,
        "metadata": {"charge_id": "X-1"},
        "allowed_payment_method_types": ["card"],
        "transfer_group": "X-1",
    }
    key: Any = {"idempotency_key": fresh("key")}
    taken = await client.v1.payment_intents.create_async(params, key)
    assert (taken.status, taken.amount_received) == ("succeeded", 5_000)
    assert (await client.v1.payment_intents.create_async(params, key)).id == taken.id
    (listed,) = (await client.v1.charges.list_async({"transfer_group": "X-1"})).data
    assert (listed.payment_intent, listed.transfer_group, listed.status) == (taken.id, "X-1", "succeeded")
    expanded = await client.v1.payment_intents.retrieve_async(taken.id, {"expand": ["latest_charge"]})
    assert isinstance(expanded.latest_charge, stripe.Charge)
    assert expanded.latest_charge.id == listed.id
    assert (await refund(client, taken.id)).amount == 5_000
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.create_async(params | {"customer": "cus_2"}, {"idempotency_key": fresh("key")})
    till.control.fault("refuse", "cus_1", code="card_declined", status=402)
    with pytest.raises(stripe.StripeError, match="card_declined"):
        await client.v1.payment_intents.create_async(params, {"idempotency_key": fresh("key")})


async def test_what_cannot_be_listed_or_expanded(client: stripe.StripeClient, till: StripeTill) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="parameter_missing"):
        await client.v1.charges.list_async({"limit": 1})
    with pytest.raises(stripe.InvalidRequestError, match="parameter_unknown"):
        await client.v1.charges.list_async({"transfer_group": "X-1", "customer": "cus_1"})
    with pytest.raises(stripe.InvalidRequestError, match="parameter_unknown"):
        await client.v1.payment_intents.retrieve_async(till.control.pay(), {"expand": ["customer"]})
    # Gone from the interface of this version, and still the first that an example of older days names.
    old: Any = {"amount": 1, "currency": "krw", "payment_method_types": ["card"]}
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.create_async(old, {"idempotency_key": fresh("key")})


async def test_signing_in(world: SandboxProcess, http: httpx.Client) -> None:
    Control(http, "stripe").call("PUT", "/merchants/acct_other", {"secret": "sk_test_other"})
    payment = Control(http, "stripe").pay(merchant="acct_other")
    address: Any = {"api": f"{world.url}/stripe"}
    with pytest.raises(stripe.AuthenticationError):
        await stripe.StripeClient("sk_test_wrong", base_addresses=address).v1.payment_intents.retrieve_async(payment)
    with pytest.raises(stripe.InvalidRequestError):
        await stripe.StripeClient("sk_test_sandbox", base_addresses=address).v1.payment_intents.retrieve_async(payment)
