"""Every setting of the service, once: its name, its default, and what it means.

A setting is read from the environment as ``CLAIMS_<NAME>`` (``CLAIMS_API_PORT=8000``). The defaults are those of the
local stack on one machine; the secrets among them are marked, and ``refuse_local_secrets`` keeps them out of any other
environment. Amounts are integer minor units; durations are seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

LOCAL_JWT_SECRET = "local-stack-only-jwt-secret-do-not-deploy"
LOCAL_SERVICE_SECRET = "local-stack-only-service-secret-do-not-deploy"


PhoneNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{8,12}$")]


class _Merchant(BaseModel):
    """An account at a payment gateway. Payments name it, so several of one kind can serve one shop.

    `settling`: seconds after an attempt's deadline in which the gateway may still act. `key_life_hours`: how long it
    surely remembers an idempotency key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settling: float = Field(60, ge=0)


class SandboxMerchant(_Merchant):
    """The stand-in gateway of the local stack. `base_url` unset: the local stack's."""

    kind: Literal["sandbox"] = "sandbox"
    base_url: str | None = None
    settling: float = Field(20, ge=0)
    key_life_hours: float = Field(24 * 15, gt=0)


class TossMerchant(_Merchant):
    """Toss Payments. Its keys live 15 days; `peers`: addresses or networks its webhooks may come from; none: any."""

    kind: Literal["toss"] = "toss"
    secret_key: SecretStr
    base_url: str = "https://api.tosspayments.com"
    key_life_hours: float = Field(24 * 14, gt=0)
    peers: tuple[IPvAnyNetwork, ...] = ()


class StripeMerchant(_Merchant):
    """Stripe. Its keys may be forgotten after a day."""

    kind: Literal["stripe"] = "stripe"
    secret_key: SecretStr
    webhook_secret: SecretStr | None = None
    base_url: str = "https://api.stripe.com"
    key_life_hours: float = Field(20, gt=0)


class PortOneMerchant(_Merchant):
    """PortOne V2. How long its keys live is not published: they are taken to last a day."""

    kind: Literal["portone"] = "portone"
    api_secret: SecretStr
    store_id: str
    webhook_secret: SecretStr | None = None
    base_url: str = "https://api.portone.io"
    key_life_hours: float = Field(20, gt=0)


class KakaoPayMerchant(_Merchant):
    """KakaoPay. It knows no keys: a refund is looked up before it is sent again, whatever its age.

    So nothing but the guard keeps a request apart that acts later than `settling`: it is longer than others'.
    """

    kind: Literal["kakaopay"] = "kakaopay"
    secret_key: SecretStr
    cid: str
    base_url: str = "https://open-api.kakaopay.com"
    settling: float = Field(300, ge=0)


Merchant = Annotated[
    SandboxMerchant | TossMerchant | StripeMerchant | PortOneMerchant | KakaoPayMerchant, Field(discriminator="kind")
]


class _Sender(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextSender(_Sender):
    """Text messages (SMS, LMS) through Solapi, from `sender`, a number that is registered there."""

    api_key: SecretStr
    api_secret: SecretStr
    sender: PhoneNumber
    base_url: str = "https://api.solapi.com"
    settling: float = Field(120, ge=0)
    """Seconds after a try from which on Solapi's list surely shows what it was sent."""


class SandboxAlimTalk(_Sender):
    """The stand-in of the local stack: no templates, no delivery. `base_url` unset: the local stack's."""

    kind: Literal["sandbox"] = "sandbox"
    base_url: str | None = None


class _AlimTalk(_Sender):
    """`templates`: the provider's codes by our texts' names and languages, ``{"completed_ko": "…"}``.

    `sms_fallback`: who sends a text message to whom AlimTalk can't reach, and nobody else does: the `provider` by
    itself, from `sms_sender`; `ours`: this service, once it is certain; `none`.
    """

    templates: Mapping[str, str] = {}
    sms_fallback: Literal["provider", "ours", "none"] = "none"
    sms_sender: PhoneNumber | None = None

    @property
    def text_sender(self) -> str | None:
        """The number from which the provider itself sends texts; None when it is to send none."""
        return self.sms_sender if self.sms_fallback == "provider" else None

    @model_validator(mode="after")
    def name_a_sender(self) -> Self:
        """The provider's texts need a number to come from."""
        if self.sms_fallback == "provider" and self.sms_sender is None:
            raise ValueError("sms_sender is needed with sms_fallback provider")
        return self


class NhnAlimTalk(_AlimTalk):
    """NHN Cloud. `texts` is who sends `ours`."""

    kind: Literal["nhn"] = "nhn"
    app_key: SecretStr
    secret_key: SecretStr
    sender_key: str
    texts: TextSender | None = None
    base_url: str = "https://kakaotalk-bizmessage.api.nhncloudservice.com"

    @model_validator(mode="after")
    def name_who_sends_texts(self) -> Self:
        """NHN's own texts are another product, which this service doesn't speak."""
        if (self.sms_fallback == "ours") is (self.texts is None):
            raise ValueError("texts is needed with sms_fallback ours, and with it only")
        return self


class SolapiAlimTalk(_AlimTalk):
    """Solapi, from the channel `channel` (``pfId``). `ours` goes through the same account, from `sms_sender`."""

    kind: Literal["solapi"] = "solapi"
    api_key: SecretStr
    api_secret: SecretStr
    channel: str
    base_url: str = "https://api.solapi.com"
    settling: float = Field(120, ge=0)
    """Seconds after a try from which on Solapi's list surely shows what it was sent."""

    @model_validator(mode="after")
    def name_a_number(self) -> Self:
        """Our texts need a number to come from as well."""
        if self.sms_fallback == "ours" and self.sms_sender is None:
            raise ValueError("sms_sender is needed with sms_fallback ours")
        return self

    @property
    def texts(self) -> TextSender | None:
        """Who sends `ours`."""
        if self.sms_fallback != "ours" or self.sms_sender is None:
            return None
        return TextSender(
            api_key=self.api_key,
            api_secret=self.api_secret,
            sender=self.sms_sender,
            base_url=self.base_url,
            settling=self.settling,
        )


AlimTalk = Annotated[SandboxAlimTalk | NhnAlimTalk | SolapiAlimTalk, Field(discriminator="kind")]


class Settings(BaseSettings):
    """The settings of one process. Immutable; build one per process with `load`."""

    model_config = SettingsConfigDict(
        env_prefix="CLAIMS_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        # What is wrong may be a secret, or stand beside one.
        hide_input_in_errors=True,
    )

    environment: Literal["local", "production"] = "local"
    """``production`` refuses to start on the local stack's secrets and uses patient retry budgets."""

    # --- where things are -------------------------------------------------------------------------------------------
    home: Path = Path(".claims")
    """Folder of the local stack's data: database, Temporal's state, gateway ledger, mail, logs."""
    host: str = "127.0.0.1"
    """Address that the local stack's servers listen on."""
    api_port: int = Field(8000, ge=1, le=65535)
    temporal_port: int = Field(7233, ge=1, le=65535)
    ui_port: int = Field(8233, ge=1, le=65535)
    sandbox_port: int = Field(8090, ge=1, le=65535)
    smtp_port: int = Field(8025, ge=1, le=65535)
    database_url: str | None = None
    """A PostgreSQL URL (``postgresql://user:password@host/name``). Unset: the local stack's embedded server."""
    temporal_address: str | None = None
    """``host:port`` of a Temporal frontend. Unset: the local stack's dev server."""
    temporal_namespace: str = "default"
    temporal_ui_url: str | None = None
    """Base URL of the Temporal Web UI, for links. Unset: the local stack's."""
    task_queue: str = "order-claims"
    api_url: str | None = None
    """Base URL of the service, for the console command. Unset: the local stack's."""
    sandbox_url: str | None = None
    """Base URL of the sandbox gateway. Unset: the local stack's."""
    smtp_url: str | None = None
    """``smtp://[user:password@]host:port``, ``smtp+starttls://`` or ``smtps://``. Unset: the local stack's."""
    mail_from: str = "shop@claims.example"
    alimtalk: AlimTalk | None = None
    """Who carries AlimTalk, one JSON object with its `kind` (docs/notices.md). Unset: the stand-in of the local stack;
    in production nobody, and customers are not told by it."""
    shop_mail: str | None = None
    """Where the shop itself is told what becomes of its claims, an address (docs/notices.md). Unset: nobody is."""
    shop_language: Literal["ko", "en"] = "ko"
    """Of these mails."""
    policy_file: Path | None = None
    """The shop's rules, a TOML or JSON file (docs/policy.md). Unset: those that the service ships with."""
    timezone: str = "Asia/Seoul"
    """The shop's time zone: dates in claim numbers and in texts for people."""

    # --- secrets ----------------------------------------------------------------------------------------------------
    jwt_secret: SecretStr = SecretStr(LOCAL_JWT_SECRET)
    """Verifies callers' tokens (HS256)."""
    token: SecretStr | None = None
    """The console command's own token. Unset: it makes one with `jwt_secret`, as fits the local stack."""
    service_secret: SecretStr = SecretStr(LOCAL_SERVICE_SECRET)
    """Signs quotes and request digests, and encrypts private parts at rest."""

    # --- accepting --------------------------------------------------------------------------------------------------
    quote_minutes: int = Field(30, ge=1)
    """How long a quote may be executed."""
    accept_timeout: float = Field(15, gt=0)
    """How long a caller waits for a claim to be durably open before it is told 9002."""
    accept_within: float = Field(120, gt=0)
    """No request is carried out later than this after it first came in."""
    guest_attempts: int = Field(10, ge=1)
    """Failed order passwords per order, and per address times five, within `guest_window`."""
    guest_window: float = Field(600, gt=0)

    # --- database ---------------------------------------------------------------------------------------------------
    database_pool: int = Field(30, ge=2)
    """Connections of one process; the worker never runs more activities than this."""
    lock_timeout_ms: int = Field(2000, ge=1)
    statement_timeout_ms: int = Field(5000, ge=1)

    # --- the worker -------------------------------------------------------------------------------------------------
    workflow_sandbox: bool = False
    """Temporal's determinism sandbox. Costs half of the worker's Python time; on in every test and in replay."""
    graceful_shutdown: float = Field(15, gt=0)

    # --- gateways ---------------------------------------------------------------------------------------------------
    gateway_connect_timeout: float = Field(3, gt=0)
    gateway_read_timeout: float | None = Field(None, gt=0)
    """How long a call to a payment gateway may take. Unset: 10 local, 60 production."""
    gateway_send_window: float = Field(3, gt=0)
    """An armed attempt may be sent only this long: its deadline."""
    merchants: Mapping[Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,32}$")], Merchant] = {}
    """Accounts at payment gateways, by the name that payments give them: one JSON object, each with its `kind`. The
    local stack has the sandbox gateway beside them, and an account at each stand-in of a provider."""
    sandbox_settling: float = Field(20, ge=0)
    """After an attempt's deadline plus this, the sandbox gateway either has acted or never will."""
    sandbox_key_life_hours: float = Field(24 * 15, gt=0)
    """How long the sandbox gateway remembers an idempotency key."""
    gateway_attempts: int | None = Field(None, ge=1)
    """Tries of a call to a gateway before the claim is parked. Unset: 6 local (half a minute), else 10 (a day)."""
    gateway_first_retry: float | None = Field(None, gt=0)
    """Wait before the second try; doubles up to `gateway_longest_retry`. Unset: 1 local, 120 production."""
    gateway_longest_retry: float | None = Field(None, gt=0)
    """Unset: 10 local, six hours in production."""
    notice_attempts: int | None = Field(None, ge=1)
    """Tries of one notice before it counts as failed. Unset: 4 local, 10 production."""
    notice_look_after: float | None = Field(None, gt=0)
    """A message that was accepted and is not known to be delivered is looked up this long after. Unset: 10 local, 300
    production."""
    busy_patience: float = Field(300, gt=0)
    """How long a refund waits for another one on the same payment before the claim is parked as PAYMENT_BUSY."""
    poll_first: float = Field(2, gt=0)
    """First wait before a pending refund is asked about again; doubles up to `poll_longest`."""
    poll_longest: float = Field(3600, gt=0)

    # --- events for the shop's systems (docs/events.md) ---------------------------------------------------------------
    events_url: str | None = None
    """Where events of claims are sent to. Unset: they are only fetched."""
    events_secret: SecretStr | None = None
    """Signs them: ``whsec_`` and base64, as Standard Webhooks has it. Needed with `events_url`."""

    # --- the sweeper ------------------------------------------------------------------------------------------------
    sweep_every: float = Field(60, gt=0)
    sweep_quiet: float = Field(600, gt=0)
    """A claim that is not final, parked or pending and has not moved for this long is listed as stuck."""
    keep_private_days: float = Field(90, ge=1)
    """Refund accounts, payment tokens and free texts are erased this long after their claim has ended."""
    keep_hints_days: float = Field(30, ge=1)
    """What gateways told unasked is deleted this long after it was followed."""

    # --- comparing with the gateways --------------------------------------------------------------------------------
    reconcile: bool = True
    """Compare with the gateways every day by itself; `claims reconcile` does at any time."""
    reconcile_hour: int = Field(4, ge=0, le=23)
    """At which hour of the shop's `timezone`, for the days that are over."""

    # --- logs -------------------------------------------------------------------------------------------------------
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    @field_validator("database_url")
    @classmethod
    def be_postgresql(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("shop_mail")
    @classmethod
    def be_an_address(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", address):
            raise ValueError("must be one address, name@domain")
        return address

    @field_validator("events_url")
    @classmethod
    def be_http(cls, url: str | None) -> str | None:
        if url is not None:
            told = urlsplit(url)
            if told.scheme not in ("http", "https") or not told.hostname or told.username or told.password:
                raise ValueError("must be http:// or https://, a host, and no user or password")
        return url

    @model_validator(mode="after")
    def sign_events(self) -> Settings:
        """What is sent is signed, and in production nobody else reads it."""
        if self.events_url is not None and self.events_secret is None:
            raise ValueError("CLAIMS_EVENTS_URL needs CLAIMS_EVENTS_SECRET")
        if self.environment == "production" and self.events_url is not None and self.events_url.startswith("http:"):
            raise ValueError("CLAIMS_EVENTS_URL must be https in production")
        return self

    @model_validator(mode="after")
    def refuse_local_secrets(self) -> Settings:
        """A production process never starts on secrets that anyone can read in the source."""
        if self.environment == "production":
            if self.jwt_secret.get_secret_value() == LOCAL_JWT_SECRET:
                raise ValueError("CLAIMS_JWT_SECRET must be set in production")
            if self.service_secret.get_secret_value() == LOCAL_SERVICE_SECRET:
                raise ValueError("CLAIMS_SERVICE_SECRET must be set in production")
        if self.lock_timeout_ms >= self.statement_timeout_ms:
            raise ValueError("CLAIMS_LOCK_TIMEOUT_MS must be below CLAIMS_STATEMENT_TIMEOUT_MS")
        return self

    @property
    def effective_temporal_address(self) -> str:
        return self.temporal_address or f"{self.host}:{self.temporal_port}"

    @property
    def effective_temporal_ui_url(self) -> str:
        return (self.temporal_ui_url or f"http://{self.host}:{self.ui_port}").rstrip("/")

    @property
    def effective_api_url(self) -> str:
        return (self.api_url or f"http://{self.host}:{self.api_port}").rstrip("/")

    @property
    def effective_sandbox_url(self) -> str:
        return (self.sandbox_url or f"http://{self.host}:{self.sandbox_port}").rstrip("/")

    @property
    def effective_smtp_url(self) -> str:
        return self.smtp_url or f"smtp://{self.host}:{self.smtp_port}"

    @property
    def effective_alimtalk(self) -> AlimTalk | None:
        """Who carries AlimTalk; None: nobody does."""
        return self.alimtalk or (None if self.environment == "production" else SandboxAlimTalk())

    @property
    def effective_notice_look_after(self) -> float:
        return self.notice_look_after or (10 if self.environment == "local" else 300)

    @property
    def effective_merchants(self) -> Mapping[str, Merchant]:
        """The accounts set, and in the local stack those at the stand-ins, where no account has that name."""
        return self.merchants if self.environment == "production" else {**self._local_merchants(), **self.merchants}

    def _local_merchants(self) -> Mapping[str, Merchant]:
        sandbox = SandboxMerchant(settling=self.sandbox_settling, key_life_hours=self.sandbox_key_life_hours)
        url = self.effective_sandbox_url
        return {
            "sandbox": sandbox,
            "toss": TossMerchant(
                secret_key=SecretStr("test_sk_sandbox"),
                base_url=f"{url}/toss",
                settling=self.sandbox_settling,
            ),
            "stripe": StripeMerchant(
                secret_key=SecretStr("sk_test_sandbox"),
                webhook_secret=SecretStr("whsec_sandbox"),
                base_url=f"{url}/stripe",
                settling=self.sandbox_settling,
            ),
            "portone": PortOneMerchant(
                api_secret=SecretStr("portone_sandbox"),
                store_id="store-sandbox",
                webhook_secret=SecretStr("whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3g="),
                base_url=f"{url}/portone",
                settling=self.sandbox_settling,
            ),
            "kakaopay": KakaoPayMerchant(
                secret_key=SecretStr("DEV_sandbox"),
                cid="TC0ONETIME",
                base_url=f"{url}/kakaopay",
                settling=self.sandbox_settling,
            ),
        }

    @property
    def effective_gateway_read_timeout(self) -> float:
        return self.gateway_read_timeout or (10 if self.environment == "local" else 60)

    @property
    def effective_gateway_attempts(self) -> int:
        return self.gateway_attempts or (6 if self.environment == "local" else 10)

    @property
    def effective_gateway_first_retry(self) -> float:
        return self.gateway_first_retry or (1 if self.environment == "local" else 120)

    @property
    def effective_gateway_longest_retry(self) -> float:
        return self.gateway_longest_retry or (10 if self.environment == "local" else 6 * 3600)

    @property
    def effective_notice_attempts(self) -> int:
        return self.notice_attempts or (4 if self.environment == "local" else 10)


@lru_cache(maxsize=1)
def load() -> Settings:
    """The settings of this process, read once from its environment. A ValidationError names a wrong one."""
    return Settings()
