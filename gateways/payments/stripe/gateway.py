"""Stripe's adapter: its SDK sends, once; what comes back is classified by tables and believed only whole."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

import stripe
from pydantic import ValidationError
from stripe.params import PaymentIntentCreateParams, RefundCreateParams, RefundListParams

from domain.currencies import UnknownCurrency
from domain.orders import Means
from gateways.http import NEVER_SENT
from gateways.payments.matching import find_our_charge, find_ours
from gateways.payments.port import (
    CLOSING_UNSUPPORTED,
    Absent,
    BadWebhook,
    Capabilities,
    ChargeCommand,
    ChargeOutcome,
    ChargeRecord,
    CloseOutcome,
    Done,
    Found,
    Misconfigured,
    NoSuchPayment,
    NotSent,
    Outcome,
    PaymentSnapshot,
    Pending,
    RefundCommand,
    RefundRecord,
    RefundStatus,
    Rejected,
    Touched,
    Undetermined,
    Unknown,
    Unlisted,
    WebhookHint,
)
from gateways.payments.stripe.amounts import Inexpressible, to_stripe
from gateways.payments.stripe.bodies import (
    REFERENCE,
    STATUSES,
    Body,
    ChargeBody,
    ChargesBody,
    ErrorBody,
    EventBody,
    EventHead,
    IntentBody,
    PaymentBody,
    RefundBody,
    RefundsBody,
)
from gateways.payments.stripe.codes import MISSING, ErrorAnswer, classify, classify_charge
from gateways.payments.stripe.transport import Transport

B = TypeVar("B", bound=Body)

# The SDK would write an id of this machine to its user's home, and send it and the platform along with each request.
stripe.enable_telemetry = False

WITHOUT_INTENT = ("ch_", "py_")
"""How the names of charges begin: an old payment has no payment intent, and is named by its charge."""

LONGEST_KEY = 255
LARGEST_PAGE = 100

OVER = ("requires_action", "requires_confirmation", "requires_payment_method", "canceled")
"""States of a payment intent that takes no money any more unless the customer comes back to it, which nobody asks."""

WEBHOOK_TOLERANCE = 300
"""Seconds that a delivery may be old: a recorded one is no use later."""


class StripeGateway:
    """`name` is the merchant's; `base_url` without a trailing slash; time-outs in seconds.

    There is no guard amount: what a refund may be at most, Stripe decides by what the payment holds, and refusing more
    is a conflict. A refund for which the payment holds enough is made whatever we believed that it holds.
    """

    def __init__(
        self,
        base_url: str,
        secret_key: str,
        *,
        name: str = "stripe",
        webhook_secret: str | None = None,
        connect_timeout: float,
        read_timeout: float,
        settling: timedelta,
        key_life: timedelta,
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(settling=settling, key_life=key_life, charges=True)
        self._webhook_secret = webhook_secret
        self._transport = Transport(connect_timeout=connect_timeout, read_timeout=read_timeout)
        self._api = stripe.StripeClient(
            secret_key,
            base_addresses={"api": base_url},
            http_client=self._transport,
            # A repeat is the protocol's to order; one by the SDK would come after the attempt's deadline.
            max_network_retries=0,
        ).v1

    async def refund(self, command: RefundCommand) -> Outcome:
        try:
            amount = to_stripe(command.amount, command.currency)
        except (Inexpressible, UnknownCurrency):
            return Rejected("amount_inexpressible")
        if not _fits(command.key):
            return Misconfigured("key_invalid")
        # No `reason`: `fraudulent` would block the customer's card, and the others are told to nobody.
        params: RefundCreateParams = {"amount": amount, "metadata": {REFERENCE: command.reference}}
        if _is_charge(command.payment_ref):
            params["charge"] = command.payment_ref
        else:
            params["payment_intent"] = command.payment_ref
        answer = await _told(self._api.refunds.create_async(params, {"idempotency_key": command.key}), RefundBody)
        match answer:
            case RefundBody():
                return _accepted(answer, amount, command)
            case ErrorAnswer():
                return classify(answer)
            case _:
                return answer

    async def charge(self, command: ChargeCommand) -> ChargeOutcome:
        if command.means is not Means.CARD:
            return Misconfigured("means_unsupported")
        customer, colon, payment_method = command.token.partition(":")
        if not (customer and colon and payment_method):
            return Rejected("token_malformed")
        try:
            amount = to_stripe(command.amount, command.currency)
        except (Inexpressible, UnknownCurrency):
            return Rejected("amount_inexpressible")
        if not _fits(command.key):
            return Misconfigured("key_invalid")
        params: PaymentIntentCreateParams = {
            "amount": amount,
            "currency": command.currency.lower(),
            "customer": customer,
            "payment_method": payment_method,
            # Named, because what an account has switched on beside cards may want the customer sent to a page.
            "allowed_payment_method_types": ["card"],
            "confirm": True,
            "off_session": True,
            "metadata": {REFERENCE: command.reference},
            # Charges can be listed by it. By metadata they can only be searched for, in an index that lags behind.
            "transfer_group": command.reference,
        }
        sent = self._api.payment_intents.create_async(params, {"idempotency_key": command.key})
        match answer := await _told(sent, IntentBody):
            case IntentBody():
                return _taken(answer, amount, command)
            case ErrorAnswer():
                return classify_charge(answer)
            case _:
                return answer

    async def list_charges(self, reference: str) -> tuple[ChargeRecord, ...] | Undetermined:
        asked = self._api.charges.list_async({"transfer_group": reference, "limit": LARGEST_PAGE})
        listed = await _told(asked, ChargesBody)
        if not isinstance(listed, ChargesBody):
            return _undetermined(listed)
        if listed.has_more:
            return Undetermined("too_many_charges")
        if any((one.transfer_group, one.reference) != (reference, reference) for one in listed.data):
            return Undetermined("answer_of_another_charge")
        if any(one.status == "pending" for one in listed.data):
            return Undetermined("charge_pending")
        try:
            return tuple(one.record() for one in listed.data if one.status == "succeeded")
        except (Inexpressible, UnknownCurrency):
            return Undetermined("amount_inexpressible")

    async def find_charge(self, reference: str, amount: int) -> Found | Absent | Undetermined:
        listed = await self.list_charges(reference)
        return listed if isinstance(listed, Undetermined) else find_our_charge(listed, amount)

    async def read(self, payment_ref: str) -> PaymentSnapshot | NoSuchPayment | Undetermined:
        charge = await self._charge_of(payment_ref)
        if isinstance(charge, NoSuchPayment | Undetermined):
            return charge
        if charge is None:
            return PaymentSnapshot(0, (), captured=0)
        refunds = await self._refunds_of(payment_ref)
        if not isinstance(refunds, tuple):
            return refunds
        try:
            return charge.snapshot(refunds)
        except (Inexpressible, UnknownCurrency):
            return Undetermined("amount_inexpressible")

    async def find(self, payment_ref: str, reference: str, amount: int) -> Found | Absent | Undetermined:
        match refunds := await self._refunds_of(payment_ref):
            case NoSuchPayment():
                return Absent()
            case Undetermined():
                return refunds
            case _:
                return find_ours(refunds, reference, amount)

    async def close(self, payment_ref: str, key: str) -> CloseOutcome:
        return CLOSING_UNSUPPORTED

    async def list_touched(
        self, since: datetime, until: datetime, cursor: str | None = None
    ) -> Touched | Unlisted | Undetermined:
        """By when refunds were made, newest first. A payment is there as its payment intent and as its charge."""
        params: RefundListParams = {
            "created": {"gte": math.floor(since.timestamp()), "lt": math.ceil(until.timestamp())},
            "limit": LARGEST_PAGE,
        }
        if cursor is not None:
            params["starting_after"] = cursor
        page = await _told(self._api.refunds.list_async(params), RefundsBody)
        if not isinstance(page, RefundsBody):
            return _undetermined(page)
        named = [name for refund in page.data for name in (refund.payment_intent, refund.charge) if name is not None]
        return Touched(tuple(named), page.data[-1].id if page.has_more and page.data else None)

    def parse_webhook(self, raw: bytes, headers: Mapping[str, str], peer: str) -> WebhookHint | BadWebhook:
        signature = headers.get("stripe-signature", "")
        if self._webhook_secret is None:
            return BadWebhook("webhook_secret_missing")
        # The SDK stumbles over other letters, which no signature has.
        if not signature.isascii():
            return BadWebhook("signature_invalid")
        try:
            stripe.WebhookSignature.verify_header(raw, signature, self._webhook_secret, WEBHOOK_TOLERANCE)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            return BadWebhook("signature_invalid")
        try:
            head = EventHead.model_validate_json(raw)
        except ValidationError:
            return BadWebhook("unreadable_event", authentic=True)
        try:
            return EventBody.model_validate_json(raw).hint()
        except ValidationError:
            # Of a payout, a customer, a dispute: nothing to read of a payment.
            return WebhookHint(head.id, head.type)

    async def aclose(self) -> None:
        await self._transport.close_async()

    async def _charge_of(self, payment_ref: str) -> ChargeBody | NoSuchPayment | Undetermined | None:
        """The charge that a payment was made by; None: it was not paid yet."""
        if _is_charge(payment_ref):
            charge = await _told(self._api.charges.retrieve_async(payment_ref), ChargeBody)
            return charge if isinstance(charge, ChargeBody) else _not_there(charge)
        asked = self._api.payment_intents.retrieve_async(payment_ref, {"expand": ["latest_charge"]})
        payment = await _told(asked, PaymentBody)
        return payment.latest_charge if isinstance(payment, PaymentBody) else _not_there(payment)

    async def _refunds_of(self, payment_ref: str) -> tuple[RefundRecord, ...] | NoSuchPayment | Undetermined:
        """Every refund of a payment, oldest first."""
        found: list[RefundBody] = []
        while True:
            params: RefundListParams = {"limit": LARGEST_PAGE}
            if _is_charge(payment_ref):
                params["charge"] = payment_ref
            else:
                params["payment_intent"] = payment_ref
            if found:
                params["starting_after"] = found[-1].id
            page = await _told(self._api.refunds.list_async(params), RefundsBody)
            if not isinstance(page, RefundsBody):
                return _not_there(page)
            if any(not _belongs(refund, payment_ref) for refund in page.data):
                return Undetermined("answer_of_another_payment")
            if {refund.id for refund in page.data} & {refund.id for refund in found}:
                return Undetermined("pages_overlap")
            found += page.data
            if not (page.has_more and page.data):
                break
        try:
            return tuple(refund.record() for refund in reversed(found))
        except (Inexpressible, UnknownCurrency):
            return Undetermined("amount_inexpressible")


async def _told(call: Awaitable[stripe.StripeObject], body: type[B]) -> B | ErrorAnswer | NotSent | Unknown:
    """What the SDK brings back: the object, or why there is none."""
    try:
        response = (await call).last_response
    except stripe.APIConnectionError as error:
        cause = error.__cause__
        name = type(cause).__name__
        return NotSent(name) if isinstance(cause, NEVER_SENT) else Unknown(name, answered=False)
    except stripe.StripeError as error:
        return _error_answer(error)
    if response is None:
        return Unknown("unreadable_answer", answered=True)
    try:
        return body.model_validate_json(response.body)
    except ValidationError:
        return Unknown("unreadable_answer", answered=True)


def _error_answer(error: stripe.StripeError) -> ErrorAnswer:
    again = {"true": True, "false": False}.get((error.headers or {}).get("stripe-should-retry", ""))
    status = error.http_status or 0
    try:
        detail = ErrorBody.model_validate(error.json_body).error
    except ValidationError:
        return ErrorAnswer(status, again=again)
    return ErrorAnswer(status, detail.type, detail.code, detail.param, again)


def _accepted(refund: RefundBody, amount: int, command: RefundCommand) -> Outcome:
    """A success counts only when it tells of this very refund."""
    told = (refund.reference, refund.amount, refund.currency)
    if told != (command.reference, amount, command.currency.lower()) or not _belongs(refund, command.payment_ref):
        return Unknown("answer_of_another_refund", answered=True)
    match STATUSES[refund.status]:
        case RefundStatus.SUCCEEDED:
            return Done(refund.id)
        case RefundStatus.PENDING:
            return Pending(refund.id)
        case RefundStatus.FAILED:
            # The list shows it as failed, and the next try goes with a new key.
            return Unknown(f"refund_{refund.status}", answered=True)


def _taken(intent: IntentBody, amount: int, command: ChargeCommand) -> ChargeOutcome:
    """A success counts only when it tells of this very charge, and that it was taken."""
    if (intent.reference, intent.amount, intent.currency) != (command.reference, amount, command.currency.lower()):
        return Unknown("answer_of_another_charge", answered=True)
    if intent.status in OVER:
        return Rejected(intent.status)
    if (intent.status, intent.amount_received) != ("succeeded", amount):
        return Unknown(f"intent_{intent.status}", answered=True)
    return Done(intent.id)


def _belongs(refund: RefundBody, payment_ref: str) -> bool:
    return payment_ref in (refund.payment_intent, refund.charge)


def _not_there(answer: ErrorAnswer | NotSent | Unknown) -> NoSuchPayment | Undetermined:
    if isinstance(answer, ErrorAnswer) and (answer.status, answer.code) == (HTTPStatus.NOT_FOUND, MISSING):
        return NoSuchPayment()
    return _undetermined(answer)


def _undetermined(answer: ErrorAnswer | NotSent | Unknown) -> Undetermined:
    if isinstance(answer, ErrorAnswer):
        return Undetermined(answer.label, answered=(answer.kind or answer.code) is not None)
    return Undetermined(answer.code)


def _is_charge(payment_ref: str) -> bool:
    return payment_ref.startswith(WITHOUT_INTENT)


def _fits(key: str) -> bool:
    """Whether it can be a key: without one the SDK makes one up, and a repeat would be a second refund."""
    return 1 <= len(key) <= LONGEST_KEY
