"""What PortOne tells unasked, signed as Standard Webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field, SecretStr, ValidationError

from gateways.payments.port import BadWebhook, WebhookHint
from gateways.payments.portone.bodies import Body

TOLERANCE = timedelta(minutes=5)
"""How far the time of a delivery may be from ours, either way: a recorded one is no use later."""


class _Data(Body):
    store_id: str = Field(alias="storeId")
    payment_id: str | None = Field(None, alias="paymentId")
    cancellation_id: str | None = Field(None, alias="cancellationId")


class _Told(Body):
    type: str
    data: _Data


def signing_key(secret: SecretStr) -> bytes:
    """The key in a webhook secret. Raises ValueError when it holds none."""
    try:
        return base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("PortOne's webhook secret is whsec_ and base64") from None


def parse(
    raw: bytes, headers: Mapping[str, str], key: bytes | None, store_id: str, now: float
) -> WebhookHint | BadWebhook:
    """The signature is an HMAC of id, time and body, by `key`; the time is not far from `now`, seconds since the epoch.

    Without a key nothing is authentic.
    """
    if key is None:
        return BadWebhook("webhook_secret_missing")
    delivery, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not delivery or re.fullmatch(r"[0-9]{1,12}", at) is None:
        return BadWebhook("signature_missing")
    signed = hmac.digest(key, f"{delivery}.{at}.".encode() + raw, hashlib.sha256)
    ours = b"v1," + base64.b64encode(signed)
    given = headers.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(one.encode(), ours) for one in given):
        return BadWebhook("signature_wrong")
    if abs(now - int(at)) > TOLERANCE.total_seconds():
        return BadWebhook("too_old_or_too_new")
    try:
        told = _Told.model_validate_json(raw)
    except ValidationError:
        return BadWebhook("unreadable", authentic=True)
    if told.data.store_id != store_id:
        return BadWebhook("another_store", authentic=True)
    return WebhookHint(delivery, told.type, payment_ref=told.data.payment_id, refund_ref=told.data.cancellation_id)
