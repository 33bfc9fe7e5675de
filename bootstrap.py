"""Settings made into real things: the database engine, the Temporal client, gateways, channels, activities, the worker.

The only place that builds them. The composition roots (`worker.py`, `api.main`, the console command) call it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime
from temporalio.service import RetryConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.audit import AuditActivities
from activities.charges import ChargeActivities
from activities.claims import ClaimActivities
from activities.closing import ClosingActivities
from activities.comparing import Comparison, ComparisonActivities
from activities.events import EventActivities
from activities.evidence import Evidence
from activities.following import FollowingActivities
from activities.messages import Pace
from activities.notice_deliveries import DeliveryActivities
from activities.notice_sending import NoticeSender
from activities.notices import NoticeActivities, NoticePlanner
from activities.options import OptionActivities
from activities.parking import ParkingActivities
from activities.receipts import ReceiptActivities
from activities.reconciliation import ReconciliationActivities
from activities.refunds import RefundActivities
from activities.settlement import SettlementActivities
from domain.claims import Channel, ClaimKind, NoticeEvent
from domain.notices import text_name
from domain.policy import Policy
from gateways.events.sender import EventSender
from gateways.notices.alimtalk import AlimTalkChannel
from gateways.notices.email import EmailChannel
from gateways.notices.nhn import NhnAccount
from gateways.notices.nhn import NhnAlimTalk as NhnChannel
from gateways.notices.port import NoticeChannel
from gateways.notices.shop import ShopTexts
from gateways.notices.solapi import SolapiAccount, SolapiTexts
from gateways.notices.solapi import SolapiAlimTalk as SolapiChannel
from gateways.notices.texts import NoticeTexts
from gateways.notices.words import LANGUAGES
from gateways.payments.kakaopay import KakaoPayGateway
from gateways.payments.port import PaymentGateway
from gateways.payments.portone import PortOneGateway
from gateways.payments.sandbox import SandboxGateway
from gateways.payments.stripe import StripeGateway
from gateways.payments.toss import TossGateway
from policies import reading
from policies.reading import PolicyError
from settings import (
    AlimTalk,
    KakaoPayMerchant,
    Merchant,
    NhnAlimTalk,
    PortOneMerchant,
    SandboxAlimTalk,
    SandboxMerchant,
    Settings,
    SolapiAlimTalk,
    StripeMerchant,
    TextSender,
    TossMerchant,
)
from store.database import Database
from store.engine import create_engine
from store.policies import PolicyChanged, register
from store.private import Vault
from workflows.cancel_order import CancelOrderWorkflow
from workflows.change_option import ChangeOptionWorkflow
from workflows.following import FollowPaymentWorkflow
from workflows.publishing import PublishEventsWorkflow
from workflows.reconcile import ReconcileDayWorkflow, ReconcileWorkflow
from workflows.sweep import SweepWorkflow

WORKFLOWS = (
    CancelOrderWorkflow,
    ChangeOptionWorkflow,
    FollowPaymentWorkflow,
    PublishEventsWorkflow,
    ReconcileDayWorkflow,
    ReconcileWorkflow,
    SweepWorkflow,
)

PASSED_THROUGH = ("activities", "domain", "workflows.messages", "workflows.attributes", "workflows.budgets")
"""Not loaded anew for each workflow run: they keep no state, and lint keeps clock and randomness out of them."""


class NotConfigured(ValueError):
    """A setting is missing that has no default."""


def policy(settings: Settings) -> Policy:
    """The shop's rules, read once per process. Raises `PolicyError`, which names the file and each wrong field."""
    found = reading.default() if settings.policy_file is None else reading.read(settings.policy_file)
    if unknown := unknown_gateways(settings, found):
        there_are = ", ".join(sorted(settings.effective_merchants)) or "none at all"
        raise PolicyError(
            str(settings.policy_file or reading.DEFAULT),
            [f"extra_payment.gateways: CLAIMS_MERCHANTS names no {' and no '.join(unknown)}, but {there_are}"],
        )
    return found


def unknown_gateways(settings: Settings, policy: Policy) -> list[str]:
    """Those that the policy charges extra payments at, and that this service has no account at."""
    return sorted(set(policy.extra_payment.gateways) - set(settings.effective_merchants))


async def register_policy(settings: Settings, database: Database, policy: Policy) -> None:
    """Keep the policy under its version, before anything goes by it; harmless to repeat.

    Raises `PolicyError` when the version was used with another content, NotConfigured without our tables, and one of
    `store.database.AWAY` when the database doesn't answer.
    """
    try:
        async with database.writing() as conn:
            await register(conn, policy)
    except PolicyChanged as error:
        raise PolicyError(str(settings.policy_file or reading.DEFAULT), [str(error)]) from error
    except ProgrammingError as error:
        raise NotConfigured("the database has no tables of this release: run `claims setup` first") from error


def engine(settings: Settings) -> AsyncEngine:
    """The engine of `settings.database_url`, which the local stack has set by now; NotConfigured when nobody has."""
    if settings.database_url is None:
        raise NotConfigured("CLAIMS_DATABASE_URL is not set, and no local stack is running here: run `claims up` first")
    return create_engine(
        settings.database_url,
        pool_size=settings.database_pool,
        lock_timeout_ms=settings.lock_timeout_ms,
        statement_timeout_ms=settings.statement_timeout_ms,
    )


async def temporal_client(
    settings: Settings, *, retry: RetryConfig | None = None, lazy: bool = False, runtime: Runtime | None = None
) -> Client:
    """A client that speaks pydantic. Raises RuntimeError when the server is not up, unless `lazy`."""
    return await Client.connect(
        settings.effective_temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
        retry_config=retry,
        lazy=lazy,
        runtime=runtime,
    )


def gateways(settings: Settings) -> Mapping[str, PaymentGateway]:
    """The payment gateways by the names that payments give them: one for each merchant of the settings."""
    return {name: _gateway(settings, name, merchant) for name, merchant in settings.effective_merchants.items()}


def _gateway(settings: Settings, name: str, merchant: Merchant) -> PaymentGateway:
    settling = timedelta(seconds=merchant.settling)
    connect, read = settings.gateway_connect_timeout, settings.effective_gateway_read_timeout
    match merchant:
        case SandboxMerchant():
            return SandboxGateway(
                (merchant.base_url or settings.effective_sandbox_url).rstrip("/"),
                name=name,
                connect_timeout=connect,
                read_timeout=read,
                settling=settling,
                key_life=timedelta(hours=merchant.key_life_hours),
            )
        case TossMerchant():
            return TossGateway(
                merchant.base_url.rstrip("/"),
                name=name,
                secret_key=merchant.secret_key,
                connect_timeout=connect,
                read_timeout=read,
                settling=settling,
                key_life=timedelta(hours=merchant.key_life_hours),
                peers=merchant.peers,
            )
        case StripeMerchant(webhook_secret=hooks):
            return StripeGateway(
                merchant.base_url.rstrip("/"),
                merchant.secret_key.get_secret_value(),
                name=name,
                webhook_secret=None if hooks is None else hooks.get_secret_value(),
                connect_timeout=connect,
                read_timeout=read,
                settling=settling,
                key_life=timedelta(hours=merchant.key_life_hours),
            )
        case PortOneMerchant():
            return PortOneGateway(
                merchant.base_url.rstrip("/"),
                name=name,
                api_secret=merchant.api_secret,
                store_id=merchant.store_id,
                webhook_secret=merchant.webhook_secret,
                connect_timeout=connect,
                read_timeout=read,
                settling=settling,
                key_life=timedelta(hours=merchant.key_life_hours),
            )
        case KakaoPayMerchant():
            return KakaoPayGateway(
                merchant.base_url.rstrip("/"),
                name=name,
                secret_key=merchant.secret_key,
                cid=merchant.cid,
                connect_timeout=connect,
                read_timeout=read,
                settling=settling,
            )


@dataclass(frozen=True, slots=True)
class Carriers:
    """What carries notices out; the inbox is a table of ours.

    `texts`: who sends a text message to whom AlimTalk can't reach; None: this service sends none.
    """

    channels: Mapping[Channel, NoticeChannel]
    texts: SolapiTexts | None = None


def carriers(settings: Settings) -> Carriers:
    """Mail, and AlimTalk if the settings say by whom."""
    mail = EmailChannel(settings.effective_smtp_url, settings.mail_from)
    mails: dict[Channel, NoticeChannel] = {Channel.EMAIL: mail}
    if settings.shop_mail is not None:
        mails[Channel.SHOP] = mail
    alimtalk = settings.effective_alimtalk
    if alimtalk is None:
        return Carriers(mails)
    texts = None if isinstance(alimtalk, SandboxAlimTalk) or alimtalk.texts is None else _texts(alimtalk.texts)
    return Carriers({**mails, Channel.ALIMTALK: _alimtalk(settings, alimtalk)}, texts)


def _alimtalk(settings: Settings, alimtalk: AlimTalk) -> NoticeChannel:
    match alimtalk:
        case SandboxAlimTalk():
            return AlimTalkChannel((alimtalk.base_url or settings.effective_sandbox_url).rstrip("/"))
        case NhnAlimTalk():
            account = NhnAccount(
                app_key=alimtalk.app_key,
                secret_key=alimtalk.secret_key,
                sender_key=alimtalk.sender_key,
                templates=alimtalk.templates,
                text_sender=alimtalk.text_sender,
            )
            return NhnChannel(alimtalk.base_url.rstrip("/"), account)
        case SolapiAlimTalk():
            return SolapiChannel(
                alimtalk.base_url.rstrip("/"),
                SolapiAccount(alimtalk.api_key, alimtalk.api_secret, alimtalk.text_sender),
                alimtalk.channel,
                alimtalk.templates,
                texts=alimtalk.sms_fallback == "provider",
                settling=alimtalk.settling,
            )


def _texts(sender: TextSender) -> SolapiTexts:
    account = SolapiAccount(sender.api_key, sender.api_secret, sender.sender)
    return SolapiTexts(sender.base_url.rstrip("/"), account, settling=sender.settling)


def unnamed_texts(settings: Settings, policy: Policy) -> list[str]:
    """The texts told by AlimTalk for which the settings name no template of the provider's."""
    alimtalk = settings.effective_alimtalk
    if alimtalk is None or isinstance(alimtalk, SandboxAlimTalk):
        return []
    told = [event for event in NoticeEvent if Channel.ALIMTALK in policy.told_by(event)]
    names = {f"{text_name(event, kind)}_{language}" for event in told for kind in ClaimKind for language in LANGUAGES}
    return sorted(names - alimtalk.templates.keys())


def pace(settings: Settings) -> Pace:
    """Retry budgets of new runs: about half a minute of calls to a gateway locally, about a day in production."""
    return Pace(
        gateway_attempts=settings.effective_gateway_attempts,
        gateway_first_retry=settings.effective_gateway_first_retry,
        gateway_longest_retry=settings.effective_gateway_longest_retry,
        gateway_call=settings.effective_gateway_read_timeout * 3 + 10,
        notice_attempts=settings.effective_notice_attempts,
        busy_patience=settings.busy_patience,
        poll_first=settings.poll_first,
        poll_longest=settings.poll_longest,
    )


def activities(
    settings: Settings,
    policy: Policy,
    database: AsyncEngine,
    temporal: Client,
    payment_gateways: Mapping[str, PaymentGateway],
    notice_carriers: Carriers,
) -> Sequence[Callable[..., Any]]:
    """Every activity that a worker serves, with what it needs."""
    planner = NoticePlanner(
        NoticeTexts(settings.timezone), policy, tuple(notice_carriers.channels), shop_texts(settings, policy)
    )
    sender = NoticeSender(database, notice_carriers.channels, notice_carriers.texts)
    budgets = pace(settings)
    claims = ClaimActivities(database, budgets, planner, policy)
    settlement = SettlementActivities(database, planner)
    options = OptionActivities(database, budgets, planner, policy)
    service_secret = settings.service_secret.get_secret_value()
    parking = ParkingActivities(database, Evidence(database, payment_gateways), service_secret.encode(), planner)
    notices = NoticeActivities(database, sender)
    look_after = timedelta(seconds=settings.effective_notice_look_after)
    deliveries = DeliveryActivities(database, sender, after=look_after, shop_mail=settings.shop_mail)
    vault = Vault(service_secret)
    send_window = timedelta(seconds=settings.gateway_send_window)
    refunds = RefundActivities(database, payment_gateways, vault, send_window=send_window)
    charges = ChargeActivities(database, payment_gateways, vault, send_window=send_window)
    audit = AuditActivities(
        database,
        temporal,
        refunds,
        quiet=timedelta(seconds=settings.sweep_quiet),
        keep_private=timedelta(days=settings.keep_private_days),
    )
    comparison = Comparison(database, payment_gateways, planner)
    comparing = ComparisonActivities(database, comparison)
    reconciliation = ReconciliationActivities(
        database, payment_gateways, comparison, budgets, timezone=settings.timezone
    )
    following = FollowingActivities(database, temporal, keep_hints=timedelta(days=settings.keep_hints_days))
    receipts = ReceiptActivities(database, payment_gateways)
    events = EventActivities(database, event_sender(settings))
    closing = ClosingActivities(database, payment_gateways)
    ours = (claims, settlement, options, parking, notices, deliveries, audit, following, events)
    outside = (refunds, charges, comparing, reconciliation, closing, receipts)
    return [method for owner in (*ours, *outside) for method in _of(owner)]


def shop_texts(settings: Settings, policy: Policy) -> ShopTexts | None:
    """The words of the shop's own mail; None: it has none."""
    if settings.shop_mail is None:
        return None
    workflows = f"{settings.effective_temporal_ui_url}/namespaces/{settings.temporal_namespace}/workflows"
    return ShopTexts(settings.shop_language, settings.timezone, policy, workflows)


def event_sender(settings: Settings) -> EventSender | None:
    """What sends events to the shop's receiver; None without one. Raises NotConfigured for a secret that is none."""
    if settings.events_url is None or settings.events_secret is None:
        return None
    try:
        return EventSender(settings.events_url, settings.events_secret)
    except ValueError as error:
        raise NotConfigured(f"CLAIMS_EVENTS_SECRET {error}") from None


def _of(owner: object) -> list[Callable[..., Any]]:
    """The activities among an object's methods."""
    methods = (getattr(owner, name) for name in sorted(vars(type(owner))))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]


def workflow_runner(*, sandbox: bool) -> WorkflowRunner:
    """The runner of workflow code: guarded against clock, randomness and environment, or bare and twice as fast."""
    if not sandbox:
        return UnsandboxedWorkflowRunner()
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


def worker(
    settings: Settings, temporal: Client, serving: Sequence[Callable[..., Any]], *, max_cached_workflows: int = 1000
) -> Worker:
    """A worker of this service. Its activities, local ones included, never outnumber the database's connections."""
    local_slots = max(1, settings.database_pool // 3)
    return Worker(
        temporal,
        task_queue=settings.task_queue,
        workflows=list(WORKFLOWS),
        activities=list(serving),
        workflow_runner=workflow_runner(sandbox=settings.workflow_sandbox),
        max_cached_workflows=max_cached_workflows,
        # How long a killed worker's claims wait for it before another one takes them over; the default is ten seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_concurrent_workflow_tasks=100,
        max_concurrent_activities=settings.database_pool - local_slots,
        max_concurrent_local_activities=local_slots,
        graceful_shutdown_timeout=timedelta(seconds=settings.graceful_shutdown),
    )


def close_later(
    stack: AsyncExitStack,
    database: AsyncEngine,
    payment_gateways: Mapping[str, PaymentGateway],
    notice_carriers: Carriers,
) -> None:
    """Have everything that holds connections closed when the stack unwinds."""
    stack.push_async_callback(database.dispose)
    for gateway in payment_gateways.values():
        stack.push_async_callback(gateway.aclose)
    for channel in notice_carriers.channels.values():
        stack.push_async_callback(channel.close)
    if notice_carriers.texts is not None:
        stack.push_async_callback(notice_carriers.texts.close)
