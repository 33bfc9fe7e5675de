"""How a customer offers to pay what a cancel costs beyond its refund, and whether the shop takes it.

Amounts are integer minor units of the order's currency. docs/money.md: extra payments.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.orders import Means
from domain.policy import ExtraPaymentPolicy
from domain.refusals import Code, Refusal


@dataclass(frozen=True, slots=True)
class ExtraOffer:
    """`amount` by `means`: the member's own balance, or an external means.

    An external one is charged at `gateway` with a token, which is kept among the claim's private parts; or it is what
    the member has stored under `stored_no`, and then its gateway need not be named.
    """

    means: Means
    amount: int
    gateway: str | None = None
    stored_no: str | None = None


@dataclass(frozen=True, slots=True)
class StoredMeans:
    """A means that the member has stored at `gateway`, without its token."""

    stored_no: str
    means: Means
    gateway: str


def check_offer(
    offer: ExtraOffer, policy: ExtraPaymentPolicy, *, member: bool, stored: StoredMeans | None
) -> str | None:
    """The gateway that would be charged; None for a balance of the member's own.

    `stored` is what was found under `offer.stored_no`. Raises BAD_VALUE for a means that the shop does not take, or a
    guest does not have; for a stored means that isn't there or is another; for a gateway that the shop doesn't charge.
    """
    if offer.means not in policy.means or (not offer.means.external and not member):
        raise _refused(offer, "payment.means")
    if not offer.means.external:
        if offer.gateway is not None:
            raise _refused(offer, "payment.gateway_unknown")
        if offer.stored_no is not None:
            raise _refused(offer, "payment.stored_unknown")
        return None
    gateway = offer.gateway
    if offer.stored_no is not None:
        if stored is None or stored.means is not offer.means or offer.gateway not in (None, stored.gateway):
            raise _refused(offer, "payment.stored_unknown")
        gateway = stored.gateway
    if gateway not in policy.gateways:
        raise _refused(offer, "payment.gateway_unknown")
    return gateway


def check_balance(offer: ExtraOffer, balance: int, currency: str) -> None:
    """Raises PAYMENT_NEEDED when the member's `balance` of an own means is less than is offered of it."""
    if not offer.means.external and balance < offer.amount:
        raise Refusal(
            Code.PAYMENT_NEEDED,
            "payment.balance",
            means=offer.means.value,
            balance=balance,
            extra=offer.amount,
            currency=currency,
        )


def _refused(offer: ExtraOffer, reason: str) -> Refusal:
    return Refusal(
        Code.BAD_VALUE,
        reason,
        means=offer.means.value,
        gateway=offer.gateway,
        stored_no=offer.stored_no,
    )
