"""Comparing our ledger with the gateways', a merchant's day at a time. docs/reconciliation.md tells which payments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.comparing import AskedPayment, Compared, Comparison, Reopened
from activities.errors import FailureType, database_errors, retryable
from activities.messages import Message, Pace
from activities.undisturbed import HEARTBEAT, Stop, undisturbed
from domain.findings import FindingKind
from gateways.payments.port import PaymentGateway, Touched, Undetermined, Unlisted
from store import clock, findings, reconciliation
from store.database import Engine
from store.findings import Finding


class Reconcile(Message):
    """What to compare: one day, or the days that are over and not compared yet; of one merchant, or of all."""

    gateway: str | None = None
    day: date | None = None


class MerchantDay(Message):
    """A day of a merchant, by the shop's time zone."""

    gateway: str
    day: date


class Due(Message):
    """What there is to compare, the oldest first, and how patiently gateways are asked."""

    days: tuple[MerchantDay, ...]
    pace: Pace


class BeginDay(MerchantDay):
    """`run_ref`: the workflow that was asked for it."""

    run_ref: str


class Stage(StrEnum):
    """Payments of which something of ours moved; those that the gateway lists; where it lists none, all with money."""

    OURS = "OURS"
    LISTED = "LISTED"
    HELD = "HELD"


class Position(Message):
    """Where the comparison of a day is: behind a payment, or at a page of the gateway's list."""

    stage: Stage = Stage.OURS
    after: str = ""


class BatchAsked(MerchantDay):
    position: Position


class Batch(Message):
    """What came of some payments, and where to go on; None: that was all."""

    next: Position | None
    compared: int = 0
    unread: int = 0
    differing: int = 0
    limited: bool = False
    reopened: tuple[Reopened, ...] = ()


class EndDay(MerchantDay):
    """The counts of a day; `code`: why it did not come to its end."""

    compared: int
    unread: int
    differing: int
    limited: bool
    code: str | None = None


DAYS_BACK = 7
"""A day that was missed is made up for within a week."""

AGES = (0, 1, 3, 7, 14, 30)
"""Ages in days at which what moved on a day is compared: a refund can fail for a month, and no webhook may tell it."""

AT_ONCE = 20
"""Payments of one batch."""


class ReconciliationActivities:
    """`timezone`: the shop's, in which its days begin. `heartbeat`: seconds between heartbeats."""

    def __init__(
        self,
        engine: Engine,
        gateways: Mapping[str, PaymentGateway],
        comparison: Comparison,
        pace: Pace,
        *,
        timezone: str,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._engine = engine
        self._gateways = gateways
        self._comparison = comparison
        self._pace = pace
        self._zone = ZoneInfo(timezone)
        self._heartbeat = heartbeat

    @activity.defn
    async def days_to_reconcile(self, asked: Reconcile) -> Due:
        """The day that was asked for; else the whole days of the last week that are not compared to their end."""
        gateways = [asked.gateway] if asked.gateway else sorted(self._gateways)
        if asked.day is not None:
            found = [MerchantDay(gateway=name, day=asked.day) for name in gateways]
            return Due(days=tuple(found), pace=self._pace)
        with database_errors():
            async with self._engine.connect() as conn:
                today = (await clock.now(conn)).astimezone(self._zone).date()
                over = [today - timedelta(days=age) for age in range(DAYS_BACK, 0, -1)]
                rows = await reconciliation.days(conn, since=over[0])
        done = {(row.gateway, row.day) for row in rows if row.done and row.started_at >= self._span(row.day)[1]}
        return Due(
            days=tuple(
                MerchantDay(gateway=name, day=day) for day in over for name in gateways if (name, day) not in done
            ),
            pace=self._pace,
        )

    @activity.defn
    async def begin_day(self, asked: BeginDay) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                await reconciliation.begin(conn, asked.gateway, asked.day, asked.run_ref)

    @activity.defn
    async def reconcile_batch(self, asked: BatchAsked) -> Batch:
        """Compare the next payments of a merchant's day. Harmless to repeat.

        A payment that can't be read is a case, and the others are compared. Raises the retryable failure GatewayDown
        when the gateway tells of none of them, or does not list.
        """

        async def work(stop: Stop) -> Batch:
            refs, following, limited = await self._page(asked)
            found: list[Compared] = []
            lost: list[tuple[AskedPayment, ApplicationError]] = []
            for ref in refs:
                stop.check()
                payment = AskedPayment(gateway=asked.gateway, payment_ref=ref)
                try:
                    found.append(await self._comparison.compare(payment))
                except ApplicationError as failed:
                    if failed.type != FailureType.GATEWAY_DOWN:
                        raise
                    lost.append((payment, failed))
            if lost and not found:
                raise lost[0][1]
            for payment, why in lost:
                found.append(await self._comparison.not_compared(payment, why.message))
            return Batch(
                next=following,
                compared=sum(not one.unread for one in found),
                unread=sum(one.unread for one in found),
                differing=sum(one.cases > 0 for one in found),
                limited=limited,
                reopened=tuple(claim for one in found for claim in one.reopened),
            )

        return await undisturbed(work, heartbeat=self._heartbeat)

    @activity.defn
    async def end_day(self, asked: EndDay) -> None:
        """Keep what came of it; one that did not come to its end is a case until the day is compared."""
        kind = FindingKind.NOT_RECONCILED
        subject = f"{asked.gateway}/{asked.day}"
        detail = {"gateway": asked.gateway, "day": str(asked.day), "code": asked.code}
        with database_errors():
            async with self._engine.begin() as conn:
                await reconciliation.end(conn, **asked.model_dump())
                if asked.code is None:
                    await findings.clear(conn, f"{kind}/{subject}")
                else:
                    await findings.keep(conn, [Finding(kind, subject, None, None, detail)])

    async def _page(self, asked: BatchAsked) -> tuple[list[str], Position | None, bool]:
        """References of the next payments, where to go on, and whether some are left out."""
        stage, after = asked.position.stage, asked.position.after
        gateway = self._gateways.get(asked.gateway)
        spans = [self._span(asked.day - timedelta(days=age)) for age in AGES]
        if stage is Stage.OURS:
            with database_errors():
                async with self._engine.connect() as conn:
                    refs = await reconciliation.touched(conn, asked.gateway, spans, after=after, limit=AT_ONCE)
            more = len(refs) == AT_ONCE
            return refs, Position(after=refs[-1]) if more else Position(stage=Stage.LISTED), False
        if stage is Stage.HELD:
            with database_errors():
                async with self._engine.connect() as conn:
                    refs = await reconciliation.holding(conn, asked.gateway, after=after, limit=AT_ONCE)
                    limited = await reconciliation.too_many_holding(conn, asked.gateway)
            return refs, Position(stage=Stage.HELD, after=refs[-1]) if len(refs) == AT_ONCE else None, limited
        if gateway is None:
            raise retryable(FailureType.GATEWAY_DOWN, f"{asked.gateway}: gateway_unknown")
        match await gateway.list_touched(*self._span(asked.day), after or None):
            case Unlisted():
                return [], Position(stage=Stage.HELD), False
            case Undetermined(code):
                raise retryable(FailureType.GATEWAY_DOWN, f"{asked.gateway}: {code}")
            case Touched(listed, cursor):
                with database_errors():
                    async with self._engine.connect() as conn:
                        refs = await reconciliation.untouched(conn, asked.gateway, listed, spans)
                return refs, None if cursor is None else Position(stage=Stage.LISTED, after=cursor), False

    def _span(self, day: date) -> tuple[datetime, datetime]:
        """A day's beginning and end."""
        begins = datetime.combine(day, time(), self._zone)
        return begins.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), self._zone).astimezone(UTC)
