"""What Stripe takes: forms, in which numbers and truths are text."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import Field, ValidationError

from sandbox.providers.stripe.codes import error
from sandbox.providers.wire import Form, JsonObject, M, Refused, problems

Digits = Annotated[str, Field(pattern=r"^[1-9]\d{0,15}$")]
Metadata = Annotated[dict[str, str], Field(default_factory=dict, max_length=50)]


class RefundForm(Form):
    """A refund. `amount` None: everything that is left."""

    payment_intent: str | None = None
    charge: str | None = None
    amount: Digits | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata
    instructions_email: str | None = None
    expand: list[str] = Field(default_factory=list)


class ChargeForm(Form):
    """A payment taken at once from a stored means, without the customer."""

    amount: Digits
    currency: Literal["krw", "jpy", "usd", "kwd"]
    customer: str
    payment_method: str
    confirm: Literal["true"]
    off_session: Literal["true"]
    allowed_payment_method_types: list[Literal["card"]] = Field(default_factory=list)
    transfer_group: str | None = None
    description: str | None = None
    metadata: Metadata
    expand: list[str] = Field(default_factory=list)


def form_of(form: type[M], body: JsonObject) -> M:
    """The body as a form. Raises Refused with the parameter that is wrong."""
    try:
        return form.model_validate(body)
    except ValidationError as error_:
        first = error_.errors()[0]
        codes = {"missing": "parameter_missing", "extra_forbidden": "parameter_unknown"}
        code = codes.get(
            first["type"], "parameter_invalid_integer" if first["loc"] == ("amount",) else "parameter_invalid"
        )
        param = str(first["loc"][0]) if first["loc"] else None
        raise Refused(error(400, "invalid_request_error", code, problems(error_), param)) from None


def decoded(raw: str) -> JsonObject:
    """A form's fields; `a[b]=c` is a field of an object, `a[0]=c` of a list."""
    body: JsonObject = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        outer, bracket, rest = name.partition("[")
        inner = rest.removesuffix("]")
        if not bracket:
            body[outer] = value
        elif inner.isdigit() or not inner:
            body.setdefault(outer, []).append(value)
        else:
            body.setdefault(outer, {})[inner] = value
    return body
