"""What PortOne takes: bodies, keys, and the query of a list. Unknown fields are refused, which is stricter than it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field, ValidationError

from sandbox.providers.portone.codes import refused
from sandbox.providers.times import epoch_ms
from sandbox.providers.wire import MAX_AMOUNT, Form, JsonObject, M, problems

Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_AMOUNT)]
Share = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]

BANKS = frozenset(
    {
        "BANK_OF_KOREA", "KDB", "IBK", "KOOKMIN", "SUHYUP", "KEXIM", "NONGHYUP", "LOCAL_NONGHYUP", "WOORI",
        "STANDARD_CHARTERED", "CITI", "SUHYUP_FEDERATION", "DAEGU", "BUSAN", "KWANGJU", "JEJU", "JEONBUK", "KYONGNAM",
        "KFCC", "SHINHYUP", "SAVINGS_BANK", "HSBC", "DEUTSCHE", "POST", "HANA", "SHINHAN", "K_BANK", "KAKAO", "TOSS",
    }
)  # fmt: skip
"""Banks that an account may be at."""


class RefundAccount(Form):
    """Where the money of a virtual account goes back to."""

    bank: str
    number: str = Field(pattern=r"^\d{1,20}$")
    holder_name: str = Field(alias="holderName", min_length=1)
    holder_phone_number: str | None = Field(None, alias="holderPhoneNumber")


class CancelForm(Form):
    """A cancel. `amount` None: everything that is left; `vat_amount` None: reckoned."""

    reason: str = Field(min_length=1)
    amount: Amount | None = None
    tax_free_amount: Share | None = Field(None, alias="taxFreeAmount")
    vat_amount: Share | None = Field(None, alias="vatAmount")
    requester: Literal["CUSTOMER", "ADMIN"] | None = None
    current_cancellable_amount: Share | None = Field(None, alias="currentCancellableAmount")
    refund_account: RefundAccount | None = Field(None, alias="refundAccount")
    skip_webhook: bool | None = Field(None, alias="skipWebhook")
    store_id: str | None = Field(None, alias="storeId")


class AmountForm(Form):
    """What a charge takes."""

    total: Amount
    tax_free: Share | None = Field(None, alias="taxFree")
    vat: Share | None = None


class ChargeForm(Form):
    """A charge of a billing key."""

    billing_key: str = Field(alias="billingKey", min_length=1)
    order_name: str = Field(alias="orderName", min_length=1)
    amount: AmountForm
    currency: Literal["KRW", "JPY"]
    store_id: str | None = Field(None, alias="storeId")
    channel_key: str | None = Field(None, alias="channelKey")
    customer: JsonObject | None = None
    custom_data: str | None = Field(None, alias="customData")
    skip_webhook: bool | None = Field(None, alias="skipWebhook")


def form_of(form: type[M], body: JsonObject) -> M:
    """The body as a form. Raises `INVALID_REQUEST`."""
    try:
        return form.model_validate(body)
    except ValidationError as error_:
        raise refused("INVALID_REQUEST", problems(error_)) from None


def key_of(request: Request) -> str | None:
    """The key, with or without quotes around it. Raises `INVALID_REQUEST`."""
    header = request.headers.get("Idempotency-Key")
    if header is None:
        return None
    key = header.removeprefix('"').removesuffix('"')
    if re.fullmatch(r"[A-Za-z0-9\-_]{16,256}", key) is None:
        raise refused("INVALID_REQUEST", "Idempotency-Key: 16 to 256 of A-Z a-z 0-9 - _")
    return key


async def json_of(request: Request) -> JsonObject:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise refused("INVALID_REQUEST", "body: not JSON") from None
    if not isinstance(body, dict):
        raise refused("INVALID_REQUEST", "body: not an object")
    return body


def list_request(request: Request) -> JsonObject:
    """A list is asked for by JSON in the query. Raises `INVALID_REQUEST`."""
    try:
        asked: Any = json.loads(request.query_params.get("requestBody", "{}"))
        for name in ("from", "until"):
            bound(asked.get("filter", {}), name)
    except (ValueError, AttributeError):
        raise refused("INVALID_REQUEST", "requestBody: page and filter, as JSON") from None
    return dict(asked)


def bound(wanted: JsonObject, name: str) -> int | None:
    text = wanted.get(name)
    return None if text is None else epoch_ms(datetime.fromisoformat(text), UTC)
