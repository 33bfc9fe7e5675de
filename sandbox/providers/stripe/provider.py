"""Stripe: ``https://api.stripe.com``, form-encoded, as its own SDK speaks it.

Known and played: a key is kept a day, with its answer, 500s included, once execution began; parameters are compared; a
429, a 401 and a wrong parameter are not kept. Not known: the code of a refund above the remainder (here there is none,
only `param: amount`). That webhooks are tried again, and when, is from general knowledge.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from sandbox.clock import now_ms
from sandbox.providers import ledger, registry, webhooks
from sandbox.providers.faults import Fault
from sandbox.providers.keys import KeyRule
from sandbox.providers.ledger import Payment, Refund
from sandbox.providers.provider import CANCEL, Event, PaymentProvider
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.stripe.codes import error, refused
from sandbox.providers.stripe.forms import ChargeForm, RefundForm, decoded, form_of
from sandbox.providers.stripe.views import charge_view, intent_view, refund_view
from sandbox.providers.webhooks import Delivery
from sandbox.providers.wire import Call, JsonObject, Moment, Refused, Reply, reference_of

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


CREATED = ("created[gte]", "created[lt]")


def _second(query: Mapping[str, str], name: str) -> int | None:
    """A time of the query. Raises Refused."""
    if name not in query:
        return None
    if re.fullmatch(r"\d{1,12}", query[name]) is None:
        raise refused("parameter_invalid_integer", param=name)
    return int(query[name])


class Stripe(PaymentProvider):
    """The stand-in for Stripe. A payment's number in the ledger is its payment intent's."""

    name = "stripe"
    first_merchant = Merchant("acct_sandbox", "sk_test_sandbox", {"webhook_secret": "whsec_sandbox"})
    methods: ClassVar[frozenset[str]] = frozenset({"card"})
    currencies: ClassVar[frozenset[str]] = frozenset({"KRW", "JPY", "USD", "KWD"})
    replay_headers: ClassVar[Mapping[str, str]] = {"Idempotent-Replayed": "true"}
    webhook_retries_ms = (5 * 60_000, 30 * 60_000, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 12 * HOUR_MS, 12 * HOUR_MS)

    def key_rule(self, quirks: Mapping[str, QuirkValue]) -> KeyRule:
        """A day; parameters are compared."""

        def keeps(reply: Reply, acted: bool) -> bool:
            return reply.status not in (401, 429) and not re.search(
                r'"code":"(parameter_|resource_missing)', reply.text
            )

        return KeyRule(
            "replay",
            DAY_MS,
            error(409, "idempotency_error", "idempotency_key_in_use"),
            keeps,
            error(400, "idempotency_error", None, "another request had this key"),
        )

    def failure(self, fault: Fault) -> Reply:
        """500 `api_error` unless the fault says which."""
        return error(fault.status or 500, "api_error", fault.code)

    def refusal(self, fault: Fault) -> Reply:
        """400 `charge_disputed` unless the fault says which."""
        return error(fault.status or 400, "invalid_request_error", fault.code or "charge_disputed")

    def no_path(self, status: int) -> Reply:
        """Without a code: it says nothing about a payment."""
        return error(status, "invalid_request_error", None, "Unrecognized request URL")

    def headers(self) -> dict[str, str]:
        """A request's number, another one each time."""
        return {"Request-Id": f"req_{uuid.uuid4().hex[:14]}"}

    def new_details(self, payment: str, now: int) -> dict[str, object]:
        """Its charge, which can be named as well."""
        return {"charge": f"ch_{uuid.uuid4().hex[:24]}"}

    def new_refund_ref(self) -> str:
        """A refund's id."""
        return f"re_{uuid.uuid4().hex[:24]}"

    def admit(self, connection: sqlite3.Connection, call: Call, now: int) -> None:
        """Parameters and existence: what is refused here is not kept under the key."""
        if call.operation == CANCEL:
            form = form_of(RefundForm, call.body)
            self._named(connection, call.merchant, form)
        elif call.operation == "charge":
            form_of(ChargeForm, call.body)

    def act(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Reply:
        """Carry out a call."""
        if call.operation == CANCEL:
            return Reply.of(200, self._refund(connection, call, moment))
        return Reply.of(200, self._charge(connection, call, moment))

    def _refund(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> JsonObject:
        form = form_of(RefundForm, call.body)
        payment = self._named(connection, call.merchant, form)
        balance = ledger.held(connection, payment)
        if balance == 0:
            raise refused("charge_already_refunded")
        amount = balance if form.amount is None else int(form.amount)
        if amount > balance:
            text = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({balance})"
            raise Refused(error(400, "invalid_request_error", None, text, "amount"))
        refund = self.refund(
            connection,
            payment,
            amount,
            moment,
            key=call.key,
            reference=reference_of(form.metadata),
            details={"metadata": form.metadata, "reason": form.reason},
        )
        self.announce(connection, payment, "refunded", refund, moment.now)
        return refund_view(payment, refund)

    def _charge(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> JsonObject:
        form = form_of(ChargeForm, call.body)
        customer = registry.means_customer(connection, self.name, form.payment_method, call.merchant)
        if customer != form.customer:
            raise refused("resource_missing", 404, "payment_method")
        number = f"pi_{uuid.uuid4().hex[:24]}"
        payment = self.charged(
            connection,
            call,
            number,
            int(form.amount),
            moment,
            order_id=reference_of(form.metadata) or number,
            currency=form.currency.upper(),
            metadata=form.metadata,
            customer=form.customer,
            transfer_group=form.transfer_group,
        )
        self.announce(connection, payment, "captured", None, moment.now)
        return intent_view(payment)

    def _named(self, connection: sqlite3.Connection, merchant: str, form: RefundForm) -> Payment:
        """The payment that a refund names by its intent or its charge, one of both. Raises Refused."""
        if (form.payment_intent is None) == (form.charge is None):
            raise refused("parameter_missing", param="payment_intent")
        if form.payment_intent is not None:
            missing = error(404, "invalid_request_error", "resource_missing", None, "payment_intent")
            return self.merchants_payment(connection, merchant, form.payment_intent, missing)
        return self._by_charge(connection, merchant, str(form.charge))

    def _by_charge(self, connection: sqlite3.Connection, merchant: str, charge: str) -> Payment:
        for payment in ledger.all_payments(connection, self.name):
            if payment.details["charge"] == charge and payment.merchant == merchant:
                return payment
        raise refused("resource_missing", 404, "charge")

    def _own(self, connection: sqlite3.Connection, merchant: str, number: str) -> Payment:
        missing = error(404, "invalid_request_error", "resource_missing", None, "intent")
        return self.merchants_payment(connection, merchant, number, missing)

    def _own_refund(self, connection: sqlite3.Connection, merchant: str, ref: str) -> tuple[Payment, Refund]:
        refund = ledger.find_refund(connection, self.name, ref)
        if refund is None:
            raise refused("resource_missing", 404, "id")
        return self._own(connection, merchant, refund.payment), refund

    def announce(
        self, connection: sqlite3.Connection, payment: Payment, event: Event, refund: Refund | None, now: int
    ) -> None:
        """`refund.created`, `charge.refunded`, `refund.updated`, `refund.failed`, `payment_intent.succeeded`."""

        def tell(kind: str, thing: JsonObject) -> None:
            event_id = f"evt_{uuid.uuid4().hex[:24]}"
            body = {
                "id": event_id,
                "object": "event",
                "api_version": "2026-10-28.endive",
                "created": now // 1000,
                "data": {"object": thing},
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            }
            webhooks.announce(connection, self.name, payment.merchant, payment.payment, kind, event_id, body, now)

        if refund is None:
            if event == "captured":
                tell("payment_intent.succeeded", intent_view(payment))
            return
        shown = refund_view(payment, refund)
        if event == "refunded":
            tell("refund.created", shown)
            # Without the refunds in it, so that which one it was has to be asked.
            tell("charge.refunded", charge_view(connection, payment))
        elif refund.status == "failed":
            tell("refund.failed", shown)
        else:
            tell("refund.updated", shown)

    def webhook_headers(self, delivery: Delivery, merchant: Merchant) -> dict[str, str]:
        """A signature over the time in seconds and the body."""
        seconds = now_ms() // 1000
        secret = str(merchant.details["webhook_secret"]).encode()
        signature = hmac.new(secret, f"{seconds}.{delivery.body}".encode(), hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={seconds},v1={signature}"}

    def sign_in(self, connection: sqlite3.Connection, request: Request) -> Merchant:
        """Who calls: ``Bearer <secret key>``. Raises Refused."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        merchant = registry.by_secret(connection, self.name, secret) if scheme == "Bearer" else None
        if merchant is None:
            raise Refused(error(401, "invalid_request_error", None, "Invalid API Key provided"))
        return merchant

    def routes(self, desk: Desk) -> APIRouter:
        """Its paths, all under ``/v1``."""
        router = APIRouter(prefix="/v1")

        async def act(request: Request, operation: str, target: str) -> Response:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            body = decoded((await request.body()).decode())
            key = request.headers.get("Idempotency-Key")
            if key is not None and not 1 <= len(key) <= 255:
                raise Refused(error(400, "idempotency_error", None, "a key has 1 to 255 characters"))
            path = f"{request.method} {request.scope['path']}"
            named = body.get(target)
            aim = named if isinstance(named, str) else None
            return await desk.perform(self, Call(self.name, merchant.merchant, operation, path, aim, key, body))

        @router.post("/refunds")
        async def create_refund(request: Request) -> Response:
            return await act(request, CANCEL, "payment_intent")

        @router.post("/payment_intents")
        async def create_intent(request: Request) -> Response:
            return await act(request, "charge", "customer")

        self._add_reads(router, desk)
        return router

    def _add_reads(self, router: APIRouter, desk: Desk) -> None:
        async def read(
            request: Request, target: str | None, look: Callable[[sqlite3.Connection, str], object]
        ) -> Response:
            merchant = await desk.transact(lambda connection: self.sign_in(connection, request))
            return await desk.read(self, target, lambda c, _: Reply.of(200, look(c, merchant.merchant)))

        @router.get("/refunds")
        async def list_refunds(request: Request) -> Response:
            query = dict(request.query_params)
            return await read(request, query.get("payment_intent"), lambda c, m: self._list(c, m, query))

        @router.get("/refunds/{id}")
        async def get_refund(request: Request) -> Response:
            ref = request.path_params["id"]
            return await read(request, ref, lambda c, m: refund_view(*self._own_refund(c, m, ref)))

        @router.get("/payment_intents/{id}")
        async def get_intent(request: Request) -> Response:
            number = request.path_params["id"]
            expand = request.query_params.getlist("expand[0]")
            return await read(request, number, lambda c, m: self._intent(c, m, number, expand))

        @router.get("/charges")
        async def list_charges(request: Request) -> Response:
            query = dict(request.query_params)
            return await read(request, query.get("transfer_group"), lambda c, m: self._list_charges(c, m, query))

        @router.get("/charges/{id}")
        async def get_charge(request: Request) -> Response:
            charge = request.path_params["id"]
            return await read(request, None, lambda c, m: charge_view(c, self._by_charge(c, m, charge)))

    def _intent(self, connection: sqlite3.Connection, merchant: str, number: str, expand: Sequence[str]) -> JsonObject:
        if set(expand) - {"latest_charge"}:
            raise refused("parameter_unknown", param="expand")
        payment = self._own(connection, merchant, number)
        return intent_view(payment, charge_view(connection, payment) if expand else None)

    def _list_charges(self, connection: sqlite3.Connection, merchant: str, query: Mapping[str, str]) -> JsonObject:
        """The charges of one transfer group, in one page."""
        unknown = query.keys() - {"transfer_group", "limit"}
        if unknown:
            raise refused("parameter_unknown", param=min(unknown))
        if "transfer_group" not in query:
            raise refused("parameter_missing", param="transfer_group")
        group = [
            charge_view(connection, one)
            for one in ledger.all_payments(connection, self.name)
            if one.merchant == merchant and one.details.get("transfer_group") == query["transfer_group"]
        ]
        return {"object": "list", "url": "/v1/charges", "has_more": False, "data": group[:100]}

    def _list(self, connection: sqlite3.Connection, merchant: str, query: Mapping[str, str]) -> JsonObject:
        """A page of refunds, newest first, of one payment or of all."""
        unknown = query.keys() - {"payment_intent", "charge", "limit", "starting_after", *CREATED}
        if unknown:
            raise refused("parameter_unknown", param=min(unknown))
        limit = query.get("limit", "10")
        if re.fullmatch(r"[1-9]\d?|100", limit) is None:
            raise refused("parameter_invalid_integer", param="limit")
        if "payment_intent" in query:
            payments = [self._own(connection, merchant, query["payment_intent"])]
        elif "charge" in query:
            payments = [self._by_charge(connection, merchant, query["charge"])]
        else:
            payments = [one for one in ledger.all_payments(connection, self.name) if one.merchant == merchant]
        pairs = [(one, refund) for one in payments for refund in ledger.refunds_of(connection, one)]
        since, until = (_second(query, name) for name in CREATED)
        pairs = [pair for pair in pairs if (since or 0) <= pair[1].at // 1000 < (until or math.inf)]
        pairs.sort(key=lambda pair: pair[1].at)
        pairs.reverse()
        refs = [refund.ref for _, refund in pairs]
        after = query.get("starting_after")
        start = refs.index(after) + 1 if after in refs else 0
        page = pairs[start : start + int(limit)]
        return {
            "object": "list",
            "url": "/v1/refunds",
            "has_more": start + len(page) < len(pairs),
            "data": [refund_view(one, refund) for one, refund in page],
        }
