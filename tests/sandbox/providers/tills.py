"""One way to pay back at every provider, so that what must hold at all of them is tested once."""

from __future__ import annotations

import base64
from typing import Any, ClassVar, Protocol

import httpx

from tests.sandbox.providers.control import Control, fresh


class Till(Protocol):
    """Cancels at one provider, on its own wire."""

    provider: ClassVar[str]
    has_keys: ClassVar[bool]
    control: Control

    def cancel(
        self, payment: str, amount: int, *, key: str | None = None, guard: int | None = None, reference: str = "ref"
    ) -> httpx.Response: ...

    def read(self, payment: str) -> httpx.Response: ...


class TossTill:
    """Toss. Between two cancels of a payment the clock is moved on, past its pause."""

    provider: ClassVar[str] = "toss"
    has_keys: ClassVar[bool] = True
    auth: ClassVar[dict[str, str]] = {"Authorization": "Basic " + base64.b64encode(b"test_sk_sandbox:").decode()}

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.control = Control(http, self.provider)

    def cancel(
        self, payment: str, amount: int, *, key: str | None = None, guard: int | None = None, reference: str = "ref"
    ) -> httpx.Response:
        """Cancel, a second later than the one before."""
        self.control.advance(1000)
        guarded = {} if guard is None else {"refundableAmount": guard}
        return self.post(payment, {"cancelReason": reference, "cancelAmount": amount, **guarded}, key=key)

    def post(self, payment: str, body: object, *, key: str | None = None, **headers: str) -> httpx.Response:
        """A cancel with any body, at once."""
        keyed = {"Idempotency-Key": key or fresh("key")}
        return self.http.post(
            f"/toss/v1/payments/{payment}/cancel", json=body, headers={**self.auth, **keyed, **headers}
        )

    def read(self, payment: str) -> httpx.Response:
        """The payment as the provider shows it."""
        return self.http.get(f"/toss/v1/payments/{payment}", headers=self.auth)


class PortOneTill:
    """PortOne."""

    provider: ClassVar[str] = "portone"
    has_keys: ClassVar[bool] = True
    auth: ClassVar[dict[str, str]] = {"Authorization": "PortOne portone_sandbox"}

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.control = Control(http, self.provider)

    def cancel(
        self, payment: str, amount: int, *, key: str | None = None, guard: int | None = None, reference: str = "ref"
    ) -> httpx.Response:
        """Cancel."""
        guarded = {} if guard is None else {"currentCancellableAmount": guard}
        return self.post(payment, {"reason": reference, "amount": amount, **guarded}, key=key)

    def post(self, payment: str, body: object, *, key: str | None = None, **headers: str) -> httpx.Response:
        """A cancel with any body."""
        keyed = {"Idempotency-Key": key or fresh("key")}
        return self.http.post(
            f"/portone/payments/{payment}/cancel", json=body, headers={**self.auth, **keyed, **headers}
        )

    def read(self, payment: str) -> httpx.Response:
        """The payment as the provider shows it."""
        return self.http.get(f"/portone/payments/{payment}", headers=self.auth)


class KakaoPayTill:
    """KakaoPay, which knows no keys."""

    provider: ClassVar[str] = "kakaopay"
    has_keys: ClassVar[bool] = False
    auth: ClassVar[dict[str, str]] = {"Authorization": "SECRET_KEY DEV_sandbox"}

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.control = Control(http, self.provider)

    def cancel(
        self, payment: str, amount: int, *, key: str | None = None, guard: int | None = None, reference: str = "ref"
    ) -> httpx.Response:
        """Cancel; the key is nothing to it."""
        body: dict[str, Any] = {"cancel_amount": amount, "cancel_tax_free_amount": 0, "payload": reference}
        return self.post(payment, body if guard is None else {**body, "cancel_available_amount": guard})

    def post(self, payment: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        """A cancel with any body."""
        whole = {"cid": "TC0ONETIME", "tid": payment, **body}
        return self.http.post("/kakaopay/online/v1/payment/cancel", json=whole, headers={**self.auth, **headers})

    def read(self, payment: str) -> httpx.Response:
        """The payment as the provider shows it."""
        body = {"cid": "TC0ONETIME", "tid": payment}
        return self.http.post("/kakaopay/online/v1/payment/order", json=body, headers=self.auth)


class StripeTill:
    """Stripe, which knows no guard."""

    provider: ClassVar[str] = "stripe"
    has_keys: ClassVar[bool] = True
    auth: ClassVar[dict[str, str]] = {"Authorization": "Bearer sk_test_sandbox"}

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.control = Control(http, self.provider)

    def cancel(
        self, payment: str, amount: int, *, key: str | None = None, guard: int | None = None, reference: str = "ref"
    ) -> httpx.Response:
        """Refund; the guard is nothing to it."""
        form = {"payment_intent": payment, "amount": str(amount), "metadata[refund_id]": reference}
        headers = {**self.auth, "Idempotency-Key": key or fresh("key")}
        return self.http.post("/stripe/v1/refunds", data=form, headers=headers)

    def read(self, payment: str) -> httpx.Response:
        """The payment as the provider shows it."""
        return self.http.get(f"/stripe/v1/payment_intents/{payment}", headers=self.auth)


TILLS = (TossTill, StripeTill, PortOneTill, KakaoPayTill)
GUARDED = (TossTill, PortOneTill, KakaoPayTill)
"""Those that can be told what the payment should hold."""
LOOSE = (TossTill, PortOneTill)
"""Those whose keys don't look at the body."""


def open_tills(http: httpx.Client) -> tuple[Till, ...]:
    """A till at each provider."""
    return TossTill(http), StripeTill(http), PortOneTill(http), KakaoPayTill(http)
