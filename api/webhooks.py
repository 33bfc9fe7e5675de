"""What payment gateways tell unasked: proved authentic, kept once, answered, and only then followed.

A delivery is a hint to read the payment, never a fact, and nothing of its body is kept or logged but the names in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, BackgroundTasks, Depends, Path, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from structlog.contextvars import bind_contextvars
from temporalio.service import RPCError

from api.documented import DELIVERIES
from api.envelope import Envelope, ok
from api.temporal import Temporal
from domain.refusals import Code, Refusal
from gateways.payments.port import BadWebhook, PaymentGateway
from store import webhooks
from store.database import AWAY, Database
from store.webhooks import Delivery
from workflows.following import begin_following
from workflows.messages import AskedPayment

router = APIRouter(prefix="/v1", tags=["webhooks"])

_log = structlog.get_logger(__name__)

LARGEST_DELIVERY = 256 * 1024
"""Bytes. A payment with hundreds of refunds is told in less."""

_FOLLOW_SECONDS = 10.0
_NOT_NOW: tuple[type[Exception], ...] = (*AWAY, RPCError, TimeoutError, Refusal)


@dataclass(frozen=True, slots=True)
class Doorman:
    """Takes deliveries in, and has the payments followed that they are about."""

    database: Database
    temporal: Temporal
    task_queue: str
    gateways: Mapping[str, PaymentGateway]

    def read(self, gateway_name: str, raw: bytes, headers: Mapping[str, str], peer: str) -> Delivery:
        """What a delivery says. Raises NOT_FOUND, NO_TOKEN for one that is not authentic, INVALID for an unreadable."""
        gateway = self.gateways.get(gateway_name)
        if gateway is None:
            raise Refusal(Code.NOT_FOUND, "gateway.unknown")
        told = gateway.parse_webhook(raw, headers, peer)
        if isinstance(told, BadWebhook):
            raise _refused(gateway_name, told)
        delivery = Delivery(
            gateway_name, told.delivery_id, told.event, told.payment_ref, told.refund_ref, told.reference
        )
        if not _can_be_kept(delivery):
            raise _refused(gateway_name, BadWebhook("control_characters", authentic=True))
        return delivery

    async def keep(self, delivery: Delivery) -> bool:
        """Keep it; False for a repeat. Raises one of AWAY: who sent it is to try again."""
        async with self.database.asking() as conn:
            return await webhooks.keep(conn, delivery)

    async def follow(self, delivery: Delivery) -> None:
        """Have the payments followed that it is about. What fails here is left to the sweeper."""
        try:
            async with asyncio.timeout(_FOLLOW_SECONDS):
                await self._follow(delivery)
        except _NOT_NOW as error:
            _log.warning("delivery left to the sweeper", gateway=delivery.gateway, why=type(error).__name__)

    async def _follow(self, delivery: Delivery) -> None:
        async with self.database.asking() as conn:
            named = await webhooks.payments_named(conn, delivery)
        for payment_ref in named:
            client = await self.temporal.client()
            payment = AskedPayment(gateway=delivery.gateway, payment_ref=payment_ref)
            await begin_following(client, self.task_queue, payment)
        async with self.database.asking() as conn:
            await webhooks.followed(conn, delivery)


def doorman_of(request: Request) -> Doorman:
    doorman: Doorman = request.app.state.doorman
    return doorman


TheDoorman = Annotated[Doorman, Depends(doorman_of)]


@router.post("/webhooks/{gateway}", summary="What a payment gateway tells unasked", responses=DELIVERIES)
async def deliver(
    gateway: Annotated[str, Path(description="A gateway's name, as payments give it.")],
    request: Request,
    doorman: TheDoorman,
    later: BackgroundTasks,
) -> Envelope[Any]:
    """For a gateway's own deliveries: signed, or from an address of its own, as that gateway offers it.

    The same delivery again changes nothing. 200 means kept, before anything is done about it.
    """
    raw = await _body(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    delivery = doorman.read(gateway, raw, headers, request.client.host if request.client else "")
    bind_contextvars(gateway=gateway, told=delivery.event)
    if await doorman.keep(delivery):
        later.add_task(doorman.follow, delivery)
    return ok(None)


async def _body(request: Request) -> bytes:
    """The body as it came. Raises HTTPException for one that is too large, or breaks off."""
    raw = bytearray()
    try:
        async for part in request.stream():
            raw += part
            if len(raw) > LARGEST_DELIVERY:
                raise HTTPException(413)
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    return bytes(raw)


def _refused(gateway: str, bad: BadWebhook) -> Refusal:
    _log.warning("delivery refused", gateway=gateway, why=bad.code, authentic=bad.authentic)
    if bad.authentic:
        return Refusal(Code.INVALID, "webhook.unreadable")
    return Refusal(Code.NO_TOKEN, "webhook.not_authentic")


def _can_be_kept(delivery: Delivery) -> bool:
    """A text with NUL is one that PostgreSQL does not take, and no gateway's name of anything."""
    names = (delivery.delivery_id, delivery.event, delivery.payment_ref, delivery.refund_ref, delivery.reference)
    return not any("\0" in name for name in names if name is not None)
