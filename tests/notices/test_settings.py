"""Who carries AlimTalk and the mails of the shop, by the settings."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from pydantic import SecretStr, ValidationError

import bootstrap
from domain.claims import Channel
from gateways.notices.alimtalk import AlimTalkChannel
from gateways.notices.nhn import NhnAlimTalk
from gateways.notices.solapi import SolapiAlimTalk, SolapiTexts
from policies import reading
from settings import Settings

KEPT = "kept-to-ourselves"
NHN = {"kind": "nhn", "app_key": KEPT, "secret_key": KEPT, "sender_key": "0" * 40}
SOLAPI = {"kind": "solapi", "api_key": KEPT, "api_secret": KEPT, "channel": "KA01PF"}
TEXTS = {"api_key": KEPT, "api_secret": KEPT, "sender": "0215880000"}


def with_alimtalk(monkeypatch: pytest.MonkeyPatch, fields: Mapping[str, object]) -> Settings:
    monkeypatch.setenv("CLAIMS_ALIMTALK", json.dumps(fields))
    return Settings()


@pytest.mark.parametrize(
    ("fields", "channel", "texts"),
    [
        ({"kind": "sandbox"}, AlimTalkChannel, None),
        (NHN, NhnAlimTalk, None),
        ({**NHN, "sms_fallback": "provider", "sms_sender": "0215880000"}, NhnAlimTalk, None),
        ({**NHN, "sms_fallback": "ours", "texts": TEXTS}, NhnAlimTalk, SolapiTexts),
        (SOLAPI, SolapiAlimTalk, None),
        ({**SOLAPI, "sms_fallback": "provider", "sms_sender": "0215880000"}, SolapiAlimTalk, None),
        ({**SOLAPI, "sms_fallback": "ours", "sms_sender": "0215880000"}, SolapiAlimTalk, SolapiTexts),
    ],
)
async def test_one_side_sends_texts_and_no_key_is_shown(
    monkeypatch: pytest.MonkeyPatch, fields: Mapping[str, object], channel: type, texts: type | None
) -> None:
    settings = with_alimtalk(monkeypatch, fields)
    carriers = bootstrap.carriers(settings)
    assert type(carriers.channels[Channel.ALIMTALK]) is channel
    assert (None if carriers.texts is None else type(carriers.texts)) is texts
    assert KEPT not in repr(settings)
    for carrier in (*carriers.channels.values(), *([carriers.texts] if carriers.texts else [])):
        await carrier.close()


@pytest.mark.parametrize(
    "fields",
    [
        {**NHN, "sms_fallback": "ours"},
        {**NHN, "sms_fallback": "provider"},
        {**NHN, "texts": TEXTS},
        {**SOLAPI, "sms_fallback": "ours"},
        {**SOLAPI, "sms_fallback": "provider"},
        {**SOLAPI, "sms_fallback": "both"},
        {"kind": "pigeon"},
    ],
)
def test_a_fallback_that_nobody_or_both_could_send_is_refused(
    monkeypatch: pytest.MonkeyPatch, fields: Mapping[str, object]
) -> None:
    with pytest.raises(ValidationError) as refused:
        with_alimtalk(monkeypatch, fields)
    assert KEPT not in str(refused.value)


def test_production_tells_nobody_by_alimtalk_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAIMS_ALIMTALK", raising=False)
    production = Settings(
        environment="production",
        jwt_secret=SecretStr("another-secret-of-the-shop"),
        service_secret=SecretStr("and-one-more-of-the-shop"),
    )
    assert set(bootstrap.carriers(production).channels) == {Channel.EMAIL}


def test_texts_without_a_code_are_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_alimtalk(monkeypatch, {**SOLAPI, "templates": {"completed_ko": "T"}})
    unnamed = bootstrap.unnamed_texts(settings, reading.default())
    assert "completed_ko" not in unnamed
    assert {"completed_en", "rejected_ko", "option_rejected_ko", "refund_failed_ko"} <= set(unnamed)


async def test_the_shop_is_told_by_the_same_mail_server_and_only_at_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """P44: unset, nobody is told, and nothing is written for it."""
    unset = Settings()
    assert Channel.SHOP not in bootstrap.carriers(unset).channels
    assert bootstrap.shop_texts(unset, reading.default()) is None
    monkeypatch.setenv("CLAIMS_SHOP_MAIL", "orders@shop.example")
    settings = Settings()
    channels = bootstrap.carriers(settings).channels
    assert channels[Channel.SHOP] is channels[Channel.EMAIL]
    assert bootstrap.shop_texts(settings, reading.default()) is not None
    monkeypatch.setenv("CLAIMS_SHOP_MAIL", "Shop <orders@shop.example>")
    with pytest.raises(ValidationError):
        Settings()
