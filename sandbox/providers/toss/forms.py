"""What Toss takes: request bodies. Amounts are integers; unknown fields are refused, which is stricter than Toss is."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError

from sandbox.providers.toss.codes import invalid
from sandbox.providers.wire import MAX_AMOUNT, Form, JsonObject, M, problems

Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_AMOUNT)]
Share = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]
OrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-_=]{6,64}$")]

BANKS = frozenset(
    {
        "02", "03", "06", "07", "11", "12", "20", "23", "27", "30", "31", "32", "34", "35", "37", "38", "39", "45",
        "48", "50", "54", "64", "71", "81", "88", "89", "90", "92",
    }
)  # fmt: skip
"""Bank codes that an account may be at."""


class CancelForm(Form):
    """A cancel. `cancel_amount` None: everything that is left. The account's fields are looked at one by one."""

    cancel_reason: str = Field(alias="cancelReason", min_length=1, max_length=200)
    cancel_amount: Amount | None = Field(None, alias="cancelAmount")
    refundable_amount: Share | None = Field(None, alias="refundableAmount")
    refund_receive_account: dict[str, Any] | None = Field(None, alias="refundReceiveAccount")
    tax_free_amount: Share | None = Field(None, alias="taxFreeAmount")
    tax_exemption_amount: Share | None = Field(None, alias="taxExemptionAmount")
    currency: str | None = None
    cancel_request_id: str | None = Field(None, alias="cancelRequestId", pattern=r"^[A-Za-z0-9\-_=]{6,64}$")


class ChargeForm(Form):
    """A charge of a billing key."""

    customer_key: str = Field(alias="customerKey", min_length=2, max_length=300)
    amount: Amount
    order_id: OrderId = Field(alias="orderId")
    order_name: str = Field(alias="orderName", min_length=1, max_length=100)
    customer_email: str | None = Field(None, alias="customerEmail", max_length=100)
    customer_name: str | None = Field(None, alias="customerName", max_length=100)
    tax_free_amount: Share | None = Field(None, alias="taxFreeAmount")
    tax_exemption_amount: Share | None = Field(None, alias="taxExemptionAmount")
    card_installment_plan: int | None = Field(None, alias="cardInstallmentPlan")


class CardForm(Form):
    """A card to make a billing key of. None of it is kept."""

    customer_key: str = Field(alias="customerKey", min_length=2, max_length=300)
    card_number: str = Field(alias="cardNumber", pattern=r"^\d{13,20}$")
    card_expiration_year: str = Field(alias="cardExpirationYear", pattern=r"^\d{2}$")
    card_expiration_month: str = Field(alias="cardExpirationMonth", pattern=r"^(0[1-9]|1[0-2])$")
    card_password: str | None = Field(None, alias="cardPassword", pattern=r"^\d{2}$")
    customer_identity_number: str = Field(alias="customerIdentityNumber", pattern=r"^(\d{6}|\d{10})$")
    customer_name: str | None = Field(None, alias="customerName", max_length=100)
    customer_email: str | None = Field(None, alias="customerEmail", max_length=100)


class ReceiptForm(Form):
    """A cash receipt to issue."""

    order_id: OrderId = Field(alias="orderId")
    order_name: str = Field(alias="orderName", min_length=1, max_length=100)
    amount: Amount
    type: str = Field(pattern=r"^(소득공제|지출증빙)$")
    customer_identity_number: str = Field(alias="customerIdentityNumber", pattern=r"^\d{10,18}$")
    tax_free_amount: Share | None = Field(None, alias="taxFreeAmount")


class ReceiptCancelForm(Form):
    """A cash receipt to cancel; None: the whole."""

    amount: Amount | None = None


def form_of(form: type[M], body: JsonObject) -> M:
    """The body as a form. Raises `INVALID_REQUEST`."""
    try:
        return form.model_validate(body)
    except ValidationError as error:
        raise invalid(problems(error)) from None
