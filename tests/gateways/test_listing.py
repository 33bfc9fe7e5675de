"""Listing what gave money back on a day, at the stand-ins: every payment, over as many pages as it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateways.payments.port import PaymentGateway, Touched
from gateways.payments.portone import adapter as portone_adapter
from gateways.payments.stripe import gateway as stripe_gateway
from gateways.payments.toss import adapter as toss_adapter
from tests.gateways.stripe.conftest import adapter as stripe_at
from tests.gateways.test_closing import portone as portone_at
from tests.gateways.test_closing import toss as toss_at
from tests.sandbox.providers.control import Control
from tests.support.sandbox import SandboxProcess


@pytest.mark.parametrize("name", ["toss", "portone", "stripe"])
async def test_every_payment_that_gave_back_is_listed_page_by_page(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(toss_adapter, "TRANSACTIONS", 1)
    monkeypatch.setattr(portone_adapter, "LISTED_AT_ONCE", 1)
    monkeypatch.setattr(stripe_gateway, "LARGEST_PAGE", 1)
    made: dict[str, Callable[[str], PaymentGateway]] = {
        "toss": toss_at,
        "portone": portone_at,
        "stripe": lambda url: stripe_at(f"{url}/stripe"),
    }
    gateway = made[name](sandbox.url)
    with httpx.Client(base_url=sandbox.url, timeout=15, trust_env=False) as http:
        control = Control(http, name)
        control.reset()
        control.pay(9_000)
        refunded = [control.pay(9_000) for _ in range(3)]
        for payment, amount in zip(refunded, (9_000, 1_000, 2_000), strict=True):
            control.call("POST", f"/payments/{payment}/refunds", {"amount": amount, "reason": "goodwill"})
        control.advance(3_600_001)
    now = datetime.now(UTC)
    listed: list[str] = []
    cursor: str | None = None
    for _ in range(12):
        page = await gateway.list_touched(now - timedelta(hours=3), now + timedelta(hours=3), cursor)
        assert isinstance(page, Touched)
        listed += page.payment_refs
        cursor = page.cursor
        if cursor is None:
            break
    assert cursor is None
    assert set(refunded) <= set(listed)
    await gateway.aclose()
