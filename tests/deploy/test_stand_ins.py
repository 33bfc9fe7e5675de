"""What the processes of the stack are told: the accounts at gateways, and where stand-ins send their webhooks."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from deploy.local.environment import variables
from deploy.local.webhooks import addresses
from settings import Settings, StripeMerchant, TossMerchant

STRIPE = StripeMerchant(secret_key=SecretStr("sk_test_1"), webhook_secret=SecretStr("whsec_1"))


def test_a_child_has_the_accounts_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    toss = TossMerchant(secret_key=SecretStr("test_sk_1"), peers=("203.0.113.0/24",))  # type: ignore[arg-type]
    told = Settings(merchants={"stripe": STRIPE, "toss-2": toss}, jwt_secret=SecretStr("a"), api_port=1234)
    for name, value in variables(told).items():
        monkeypatch.setenv(name, value)
    assert Settings() == told


def test_each_stand_in_delivers_to_the_account_that_is_there() -> None:
    local = Settings(api_port=8000, sandbox_port=8090)
    assert addresses(local) == {
        name: f"http://127.0.0.1:8000/v1/webhooks/{name}" for name in ("toss", "stripe", "portone")
    }
    # An account at the real one does not hear of the stand-in; another account at the stand-in does.
    played = STRIPE.model_copy(update={"base_url": "http://127.0.0.1:8090/stripe"})
    mixed = local.model_copy(update={"merchants": {"stripe": STRIPE, "stripe-played": played}})
    assert addresses(mixed)["stripe"] == "http://127.0.0.1:8000/v1/webhooks/stripe-played"
