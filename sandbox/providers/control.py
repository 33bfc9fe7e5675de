"""The control of all stand-ins: one set of calls under ``/control/{provider}``, whatever the provider's own wire is.

It makes payments and templates, orders faults, ends what is pending, plays the provider's console, and reads the ledger
in one shape. Errors are the sandbox's own ``{"code", "message"}``.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path

from sandbox import answers
from sandbox.answers import Refusal
from sandbox.app import add_error_handlers
from sandbox.providers import faults, ledger, messages, registry, webhooks
from sandbox.providers.desk import Desk
from sandbox.providers.faults import Occasion
from sandbox.providers.ledger import Payment, Refund, RefundStatus
from sandbox.providers.messages import MessageProvider, Template
from sandbox.providers.orders import (
    ClockBody,
    ConsoleRefundBody,
    FaultBody,
    MeansBody,
    MerchantBody,
    OutcomeBody,
    PaymentBody,
    SettleBody,
    TemplateBody,
    WebhookBody,
)
from sandbox.providers.provider import Event, PaymentProvider, Provider
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.wire import Moment

Name = Annotated[str, Path(min_length=1, max_length=200)]


def create_control(desk: Desk, providers: Sequence[Provider]) -> FastAPI:
    """The control as an application, to be mounted at ``/control``."""
    app = FastAPI(title="Sandbox control", docs_url=None, redoc_url=None, openapi_url=None)
    for provider in providers:
        routers = [
            make(desk, provider) for make in (clock_routes, fault_routes, quirk_routes, merchant_routes, webhook_routes)
        ]
        if isinstance(provider, PaymentProvider):
            routers += [make(desk, provider) for make in (payment_routes, deposit_routes, money_routes)]
        if isinstance(provider, MessageProvider):
            routers.append(message_routes(desk, provider))
        for router in routers:
            app.include_router(router, prefix=f"/{provider.name}")
    add_error_handlers(app)
    return app


def clock_routes(desk: Desk, provider: Provider) -> APIRouter:
    """The clock that a provider goes by: key lives, time limits, webhook retries. It can only be moved on."""
    router = APIRouter()
    name = provider.name

    @router.get("/clock")
    async def get_clock() -> dict[str, Any]:
        return {"nowMs": desk.now(name)}

    @router.post("/clock")
    async def post_clock(body: ClockBody) -> dict[str, Any]:
        await desk.advance(name, body.advance_ms)
        return await get_clock()

    return router


def fault_routes(desk: Desk, provider: Provider) -> APIRouter:
    """Faults; each call answers with the queue as it then stands."""
    router = APIRouter()
    name = provider.name

    @router.get("/faults")
    async def get_faults() -> dict[str, Any]:
        return {"faults": await desk.transact(lambda connection: faults.listed(connection, name))}

    @router.post("/faults")
    async def post_fault(body: FaultBody) -> dict[str, Any]:
        occasion, target = _aimed(provider, body)
        await desk.transact(lambda c: faults.put(c, name, target, occasion, body.fault(), body.times))
        return await get_faults()

    @router.delete("/faults")
    async def delete_faults() -> dict[str, Any]:
        await desk.transact(lambda connection: faults.clear(connection, name))
        return await get_faults()

    return router


def quirk_routes(desk: Desk, provider: Provider) -> APIRouter:
    """Unproven behaviours, and the way each is played."""
    router = APIRouter()
    name = provider.name

    @router.get("/quirks")
    async def get_quirks() -> dict[str, Any]:
        return await desk.transact(lambda connection: registry.quirks(connection, name, provider.quirks))

    @router.put("/quirks")
    async def put_quirks(body: dict[str, QuirkValue]) -> dict[str, Any]:
        for quirk, value in body.items():
            choices = provider.quirk_choices.get(quirk)
            if type(value) is not type(provider.quirks.get(quirk)) or (choices is not None and value not in choices):
                raise answers.invalid(f"quirks of {name} with their defaults: {dict(provider.quirks)}")

        def put(connection: sqlite3.Connection) -> None:
            for quirk, value in body.items():
                registry.put_quirk(connection, name, quirk, value)

        await desk.transact(put)
        return await get_quirks()

    @router.delete("/quirks")
    async def delete_quirks() -> dict[str, Any]:
        await desk.transact(lambda connection: registry.reset_quirks(connection, name))
        return await get_quirks()

    return router


def merchant_routes(desk: Desk, provider: Provider) -> APIRouter:
    """Accounts."""
    router = APIRouter()
    name = provider.name

    @router.get("/merchants")
    async def get_merchants() -> dict[str, Any]:
        found = await desk.transact(lambda connection: registry.merchants(connection, name))
        return {"merchants": [{"merchant": m.merchant, "secret": m.secret, "details": m.details} for m in found]}

    @router.put("/merchants/{merchant}")
    async def put_merchant(merchant: Name, body: MerchantBody) -> dict[str, Any]:
        account = Merchant(merchant, body.secret, {**provider.first_merchant.details, **body.details})

        def put(connection: sqlite3.Connection) -> None:
            taken = registry.by_secret(connection, name, body.secret)
            if taken is not None and taken.merchant != merchant:
                raise answers.invalid("secret: it is another merchant's")
            registry.put_merchant(connection, name, account)

        await desk.transact(put)
        return await get_merchants()

    return router


def webhook_routes(desk: Desk, provider: Provider) -> APIRouter:
    """Where webhooks go, and those that went."""
    router = APIRouter()
    name = provider.name

    @router.put("/webhook")
    async def put_webhook(body: WebhookBody) -> dict[str, Any]:
        await desk.transact(lambda connection: webhooks.set_url(connection, name, body.url))
        return {"url": body.url}

    @router.get("/webhooks")
    async def get_webhooks() -> dict[str, Any]:
        return {"webhooks": await desk.transact(lambda connection: webhooks.listed(connection, name))}

    @router.post("/webhooks/release")
    async def release_webhooks() -> dict[str, Any]:
        await desk.transact(lambda connection: webhooks.release(connection, name, desk.now(name)))
        desk.tell()
        return await get_webhooks()

    @router.post("/webhooks/{eventId}/again")
    async def send_again(event_id: Annotated[str, Path(alias="eventId", max_length=200)]) -> dict[str, Any]:
        if not await desk.transact(lambda connection: webhooks.again(connection, name, event_id, desk.now(name))):
            raise answers.not_found(f"webhook {event_id}")
        desk.tell()
        return await get_webhooks()

    return router


def payment_routes(desk: Desk, provider: PaymentProvider) -> APIRouter:
    """Payments, made and read."""
    router = APIRouter()
    name = provider.name

    @router.get("/payments")
    async def get_payments() -> dict[str, Any]:
        def read(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            return [ledger.view(connection, payment) for payment in ledger.all_payments(connection, name)]

        return {"payments": await desk.transact(read)}

    @router.get("/payments/{payment}")
    async def get_payment(payment: Name) -> dict[str, Any]:
        return await desk.transact(lambda connection: ledger.view(connection, _payment(connection, name, payment)))

    @router.put("/payments/{payment}")
    async def put_payment(payment: Name, body: PaymentBody) -> dict[str, Any]:
        if body.method not in provider.methods:
            raise answers.invalid(f"method: {name} plays {', '.join(sorted(provider.methods))}")
        if body.currency not in provider.currencies:
            raise answers.invalid(f"currency: {name} plays {', '.join(sorted(provider.currencies))}")
        await desk.transact(lambda connection: _put_payment(connection, provider, payment, body, desk.now(name)))
        desk.tell()
        return await get_payment(payment)

    return router


def deposit_routes(desk: Desk, provider: PaymentProvider) -> APIRouter:
    """The money that comes in to a virtual account, and a bank that takes it back."""
    router = APIRouter()
    name = provider.name

    @router.post("/payments/{payment}/deposit")
    async def deposit(payment: Name) -> dict[str, Any]:
        """The money comes in; also to a closed one, where it had been on its way."""

        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            found = _payment(connection, name, payment)
            if found.state != "captured":
                found = ledger.change_payment(connection, found, "captured", desk.now(name))
                provider.announce(connection, found, "captured", None, desk.now(name))
            return ledger.view(connection, found)

        view = await desk.transact(work)
        desk.tell()
        return view

    @router.post("/payments/{payment}/deposit-error")
    async def deposit_error(payment: Name) -> dict[str, Any]:
        """The bank takes a deposit back: the account waits for its money again."""

        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            found = _payment(connection, name, payment)
            if found.method != "virtual_account" or found.state != "captured":
                raise answers.invalid("only a deposited virtual account can lose its deposit")
            if ledger.live_refunds(connection, found):
                raise answers.invalid("money has gone back from this payment")
            waiting = ledger.change_payment(connection, found, "waiting", None)
            provider.announce(connection, waiting, "deposit_reversed", None, desk.now(name))
            return ledger.view(connection, waiting)

        view = await desk.transact(work)
        desk.tell()
        return view

    return router


def money_routes(desk: Desk, provider: PaymentProvider) -> APIRouter:
    """Refunds from the console, the end of pending ones, and stored means."""
    router = APIRouter()
    name = provider.name

    @router.post("/payments/{payment}/refunds")
    async def console_refund(payment: Name, body: ConsoleRefundBody) -> dict[str, Any]:
        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            found = _payment(connection, name, payment)
            balance = ledger.held(connection, found)
            if body.amount > balance:
                raise answers.insufficient_balance(balance)
            refund = provider.refund(
                connection, found, body.amount, Moment(desk.now(name)), reference=body.reason, origin="console"
            )
            provider.announce(connection, found, "refunded", refund, desk.now(name))
            return ledger.view(connection, found)

        view = await desk.transact(work)
        desk.tell()
        return view

    @router.post("/refunds/{ref}/settle")
    async def settle_refund(ref: Name, body: SettleBody | None = None) -> dict[str, Any]:
        status: RefundStatus = (body or SettleBody()).status

        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            payment, refund = _refund(connection, name, ref)
            if refund.status == "failed" and status == "succeeded":
                raise answers.already_failed()
            if refund.status != status:
                ledger.settle(connection, name, ref, status, desk.now(name))
                settled = replace(refund, status=status)
                provider.announce(connection, payment, "refund_settled", settled, desk.now(name))
            return ledger.view(connection, payment)

        view = await desk.transact(work)
        desk.tell()
        return view

    @router.put("/stored-means/{token}")
    async def put_means(token: Name, body: MeansBody) -> dict[str, Any]:
        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            merchant = _merchant(connection, provider, body.merchant)
            registry.put_means(connection, name, token, merchant, body.customer)
            return {"token": token, "merchant": merchant, "customer": body.customer}

        return await desk.transact(work)

    return router


def message_routes(desk: Desk, provider: MessageProvider) -> APIRouter:
    """Templates and messages."""
    router = APIRouter()
    name = provider.name

    @router.put("/templates/{code}")
    async def put_template(code: Name, body: TemplateBody) -> dict[str, Any]:
        template = Template(code, body.sender, body.text, body.approved)
        await desk.transact(lambda connection: messages.put_template(connection, name, template))
        return {"code": code, "sender": body.sender, "text": body.text, "approved": body.approved}

    @router.get("/messages")
    async def get_messages(reference: str | None = None) -> dict[str, Any]:
        found = await desk.transact(lambda c: messages.views(c, name, reference, desk.now(name)))
        return {"messages": found}

    @router.post("/messages/{ref}/settle")
    async def settle_message(ref: Name, body: OutcomeBody) -> dict[str, Any]:
        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            if not messages.settle(connection, name, ref, body.outcome, desk.now(name)):
                raise answers.not_found(f"message {ref}")
            return messages.view_of(connection, name, ref, desk.now(name))

        return await desk.transact(work)

    return router


def _aimed(provider: Provider, body: FaultBody) -> tuple[Occasion, str | None]:
    """When a fault strikes and whom. Raises `invalid` for one that this provider can't suffer or say."""
    try:
        provider.refusal(body.fault())
    except ValueError:
        raise answers.invalid(f"code: not of {provider.name}'s form") from None
    if body.kind == "down":
        # Down takes everything with it, so it has one row whatever was named.
        return "act", None
    if body.kind in faults.WEBHOOK:
        return "webhook", body.target
    kinds = faults.READING if body.on == "read" else provider.fault_kinds
    if body.kind not in kinds:
        raise answers.invalid(f"kind: {provider.name} can suffer on {body.on} {', '.join(sorted(kinds))}")
    return body.on, body.target


def _payment(connection: sqlite3.Connection, provider: str, number: str) -> Payment:
    found = ledger.find_payment(connection, provider, number)
    if found is None:
        raise answers.not_found(f"payment {number}")
    return found


def _refund(connection: sqlite3.Connection, provider: str, ref: str) -> tuple[Payment, Refund]:
    refund = ledger.find_refund(connection, provider, ref)
    if refund is None:
        raise answers.not_found(f"refund {ref}")
    return _payment(connection, provider, refund.payment), refund


def _merchant(connection: sqlite3.Connection, provider: Provider, named: str | None) -> str:
    name = named or provider.first_merchant.merchant
    if registry.by_name(connection, provider.name, name) is None:
        raise answers.not_found(f"merchant {name}")
    return name


def _put_payment(
    connection: sqlite3.Connection, provider: PaymentProvider, number: str, body: PaymentBody, now: int
) -> None:
    """Record a payment; the same one again changes nothing. Raises `payment_exists` for other contents."""
    merchant = _merchant(connection, provider, body.merchant)
    there = ledger.find_payment(connection, provider.name, number)
    if there is not None:
        same = (there.amount, there.tax_free, there.currency, there.method, there.merchant) == (
            body.amount, body.tax_free, body.currency, body.method, merchant
        )  # fmt: skip
        if not same:
            raise Refusal(409, "payment_exists", "this number is taken by another payment")
        return
    made_at = now - body.days_ago * 86_400_000
    payment = Payment(
        provider.name,
        number,
        merchant,
        body.order_id or f"order-{uuid.uuid4().hex[:16]}",
        body.amount,
        body.tax_free,
        body.currency,
        body.method,
        body.state,
        made_at,
        made_at if body.state == "captured" else None,
        {
            **provider.new_details(number, now),
            "partial": body.partial,
            "tax_exemption": body.tax_exemption,
            "cash_receipt": body.cash_receipt,
        },
    )
    ledger.add_payment(connection, payment)
    event: Event = "captured" if body.state == "captured" else "issued"
    provider.announce(connection, payment, event, None, now)
