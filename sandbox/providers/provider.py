"""What a stand-in has to say for itself, so that the desk, the control and the postman can serve them all alike."""

from __future__ import annotations

import sqlite3
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from fastapi import APIRouter

from sandbox.providers import faults, ledger
from sandbox.providers.faults import Fault
from sandbox.providers.keys import KeyRule
from sandbox.providers.ledger import Payment, Refund
from sandbox.providers.registry import Merchant, QuirkValue
from sandbox.providers.webhooks import Delivery
from sandbox.providers.wire import Call, Moment, Refused, Reply

if TYPE_CHECKING:
    from sandbox.providers.desk import Desk

CANCEL = "cancel"
"""The operation that every payment provider has."""

Event = Literal["issued", "captured", "deposit_reversed", "closed", "refunded", "refund_settled"]
"""What can happen to a payment and is worth a webhook."""


class Provider(ABC):
    """One provider. It keeps no state of its own: all of it is in the ledger."""

    name: ClassVar[str]
    """Its prefix on the wire and its name for the control."""
    quirks: ClassVar[Mapping[str, QuirkValue]] = {}
    """Unproven behaviours with their defaults."""
    quirk_choices: ClassVar[Mapping[str, frozenset[str]]] = {}
    """The words that a quirk may be played with, of those that are words."""
    first_merchant: ClassVar[Merchant]
    """The account that is there from the start."""
    fault_kinds: ClassVar[frozenset[str]]
    """What its calls can suffer."""
    replay_headers: ClassVar[Mapping[str, str]] = {}
    """What marks an answer that was given before under the same key."""
    webhook_retries_ms: ClassVar[tuple[int, ...]] = ()
    """How long after a failed delivery each further one is tried; none: a lost webhook is lost."""

    @abstractmethod
    def routes(self, desk: Desk) -> APIRouter:
        """Its own wire, without the prefix."""

    @abstractmethod
    def key_rule(self, quirks: Mapping[str, QuirkValue]) -> KeyRule:
        """How it treats idempotency keys."""

    @abstractmethod
    def failure(self, fault: Fault) -> Reply:
        """Its error for a fault that says nothing of the outcome, by default an internal one."""

    @abstractmethod
    def refusal(self, fault: Fault) -> Reply:
        """Its business refusal by the fault's code, or by one that is final."""

    @abstractmethod
    def no_path(self, status: int) -> Reply:
        """What a wrong address (404) or method (405) gets. Never what a payment that doesn't exist gets."""

    @abstractmethod
    def act(self, connection: sqlite3.Connection, call: Call, moment: Moment) -> Reply:
        """Carry out a call. Raises Refused, before anything is written."""

    def admit(self, connection: sqlite3.Connection, call: Call, now: int) -> None:
        """Whether a call may come before the books at all. Raises Refused; no fault is used up then."""
        return

    def suffers(self, operation: str) -> frozenset[str]:
        """The faults that a call of this operation can meet."""
        return self.fault_kinds - faults.MESSAGE

    def headers(self) -> dict[str, str]:
        """Headers of every answer."""
        return {}

    def webhook_headers(self, delivery: Delivery, merchant: Merchant) -> dict[str, str]:
        """Headers of one attempt to deliver a webhook, signature included; their time is the receiver's, unmoved."""
        return {}

    def webhook_taken(self, status: int) -> bool:
        """Whether an answer of this status ends the attempts."""
        return 200 <= status < 300


class PaymentProvider(Provider):
    """A provider that holds payments."""

    methods: ClassVar[frozenset[str]]
    """The ways to pay that it plays."""
    currencies: ClassVar[frozenset[str]] = frozenset({"KRW", "JPY"})
    """The currencies that it plays; amounts are integers of their minor units."""
    fault_kinds = faults.ACTING | faults.PENDING

    def suffers(self, operation: str) -> frozenset[str]:
        """Only a cancel can stay pending; other calls leave that fault to the next one."""
        return self.fault_kinds if operation == CANCEL else self.fault_kinds - faults.PENDING

    def new_details(self, payment: str, now: int) -> dict[str, object]:
        """What it makes up for a new payment beside the common fields."""
        return {}

    def new_refund_ref(self) -> str:
        """A number for a refund, in its own fashion."""
        return uuid.uuid4().hex

    @abstractmethod
    def announce(
        self, connection: sqlite3.Connection, payment: Payment, event: Event, refund: Refund | None, now: int
    ) -> None:
        """Queue the webhooks that it sends for an event, if it sends any."""

    def refund(
        self,
        connection: sqlite3.Connection,
        payment: Payment,
        amount: int,
        moment: Moment,
        *,
        tax_free: int = 0,
        key: str | None = None,
        reference: str,
        origin: ledger.Origin = "api",
        pending: bool | None = None,
        details: Mapping[str, object] | None = None,
    ) -> Refund:
        """Write a refund that was found in order and return it. Webhooks are the caller's."""
        waits = moment.pending if pending is None else pending
        refund = Refund(
            payment.payment,
            self.new_refund_ref(),
            key,
            amount,
            tax_free,
            ledger.held(connection, payment) - amount,
            "pending" if waits else "succeeded",
            reference,
            origin,
            moment.now,
            dict(details or {}),
        )
        ledger.add_refund(connection, self.name, refund)
        return refund

    def charged(
        self,
        connection: sqlite3.Connection,
        call: Call,
        number: str,
        amount: int,
        moment: Moment,
        *,
        order_id: str,
        tax_free: int = 0,
        currency: str = "KRW",
        method: ledger.Method = "card",
        **details: object,
    ) -> Payment:
        """Write a payment that was taken from a stored means, and return it. Webhooks are the caller's."""
        made = {**self.new_details(number, moment.now), "partial": True, "tax_exemption": 0, "cash_receipt": False}
        payment = Payment(
            self.name,
            number,
            call.merchant,
            order_id,
            amount,
            tax_free,
            currency,
            method,
            "captured",
            moment.now,
            moment.now,
            {**made, **details},
        )
        ledger.add_payment(connection, payment)
        return payment

    def merchants_payment(self, connection: sqlite3.Connection, merchant: str, payment: str, missing: Reply) -> Payment:
        """A merchant's own payment. Raises Refused with `missing`; another merchant's is as good as none."""
        found = ledger.find_payment(connection, self.name, payment)
        if found is None or found.merchant != merchant:
            raise Refused(missing)
        return found
