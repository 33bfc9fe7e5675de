"""What Toss tells unasked. Nothing of it is signed: the socket's peer may be checked; the payment is read anyway."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated

from pydantic import StringConstraints, ValidationError

from gateways.payments.port import BadWebhook, WebhookHint
from gateways.payments.toss.bodies import Body, ours

DELIVERY_ID = "tosspayments-webhook-transmission-id"
"""The same for every repeat of a delivery."""

LONGEST = 200
"""Of anything that is kept of a delivery, in characters: Toss's own names are shorter, and anybody may send one."""

_Name = Annotated[str, StringConstraints(max_length=LONGEST)]

Network = IPv4Network | IPv6Network


class _Told(Body):
    """A Payment, or a Cancel; anything else that an event is about has none of these."""

    paymentKey: _Name | None = None  # noqa: N815 (this and the following: Toss's names)
    transactionKey: _Name | None = None  # noqa: N815
    cancelReason: str | None = None  # noqa: N815


class _Event(Body):
    eventType: _Name  # noqa: N815
    data: _Told


class _Deposit(Body):
    """`DEPOSIT_CALLBACK`, the one without a type. Its `secret` is that of the payment, which we aren't fed: unused."""

    orderId: str  # noqa: N815
    status: str


def parse(raw: bytes, headers: Mapping[str, str], peer: str, peers: Collection[Network]) -> WebhookHint | BadWebhook:
    """`peers`: where Toss's webhooks come from; empty: not checked, so that anybody may hint."""
    if peers and not _is_one_of(peer, peers):
        return BadWebhook("peer_not_allowed")
    authentic = bool(peers)
    delivery_id = headers.get(DELIVERY_ID)
    if not delivery_id or len(delivery_id) > LONGEST:
        return BadWebhook("no_delivery_id", authentic=authentic)
    try:
        event = _Event.model_validate_json(raw)
    except ValidationError:
        return _deposit(raw, delivery_id) or BadWebhook("unreadable", authentic=authentic)
    told = event.data
    return WebhookHint(
        delivery_id,
        event.eventType,
        payment_ref=told.paymentKey,
        refund_ref=told.transactionKey,
        reference=ours(told.cancelReason),
    )


def _deposit(raw: bytes, delivery_id: str) -> WebhookHint | None:
    try:
        told = _Deposit.model_validate_json(raw)
    except ValidationError:
        return None
    # It names no payment, only the number that the shop gave its checkout.
    return WebhookHint(delivery_id, "DEPOSIT_CALLBACK", reference=ours(told.orderId))


def _is_one_of(peer: str, peers: Collection[Network]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in peers)
