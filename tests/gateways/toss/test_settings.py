"""Toss merchants in the settings, and the gateways that they become."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

import bootstrap
from gateways.payments.port import BadWebhook
from gateways.payments.toss import TossGateway
from settings import Settings

SECRET = "live_sk_kept"


def with_merchant(monkeypatch: pytest.MonkeyPatch, **fields: object) -> Settings:
    merchants = {"toss-b2b": {"kind": "toss", "secret_key": SECRET, **fields}}
    monkeypatch.setenv("CLAIMS_MERCHANTS", json.dumps(merchants))
    return Settings()


async def test_several_accounts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_merchant(monkeypatch, peers=["203.0.113.7"], settling=90)
    gateways = bootstrap.gateways(settings)
    own, local = gateways["toss-b2b"], gateways["toss"]
    assert isinstance(own, TossGateway)
    assert isinstance(local, TossGateway)
    assert (own.name, local.name) == ("toss-b2b", "toss")
    assert own.capabilities.settling.total_seconds() == 90
    assert own.capabilities.key_life.days == 14
    assert own.parse_webhook(b"", {}, "127.0.0.1") == BadWebhook("peer_not_allowed")
    assert SECRET not in repr(settings) + repr(settings.effective_merchants)
    for gateway in gateways.values():
        await gateway.aclose()


def test_the_stand_in_is_local_only() -> None:
    secrets = {"jwt_secret": "another-secret-of-the-shop", "service_secret": "and-one-more-of-the-shop"}
    assert "toss" in Settings().effective_merchants
    assert "toss" not in Settings(environment="production", **secrets).effective_merchants  # type: ignore[arg-type]


def test_a_peer_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="peers"):
        with_merchant(monkeypatch, peers=["toss.example"])
