"""Comparing a payment with its gateway. docs/reconciliation.md tells what comes of each difference.

A webhook, the daily run and an operator's command all end here: a read of the gateway, then each difference in a
transaction of its own, under the order's lock and against our ledger as it stands there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType, database_errors, retryable
from activities.messages import Message, Pace
from activities.notices import NoticePlanner
from activities.refunds import RefundLeg
from activities.reopening import refund_failed_later
from activities.undisturbed import HEARTBEAT, Stop, undisturbed
from domain.reconciliation import (
    NOT_THERE,
    Difference,
    DifferenceKind,
    OurPayment,
    Shown,
    ShownPayment,
    ShownRefund,
    compare,
)
from gateways.payments.port import NoSuchPayment, PaymentGateway, PaymentSnapshot, Touched, Undetermined, Unlisted
from store import clock, findings, late_money, reconciliation, refunds, reopening
from store.database import Connection, Engine, each_alone
from store.fence import enter, lock_order
from store.findings import Finding, FindingKind
from store.reconciliation import BookedPayment


class AskedPayment(Message):
    """A payment by its merchant's name (`order_payments.gateway`) and the gateway's own reference of it."""

    gateway: str
    payment_ref: str


class Reopened(Message):
    """A claim that a difference has opened again: its workflow is to be started again under the same id."""

    claim_no: str
    order_no: str
    workflow_id: str


class Compared(Message):
    """What came of comparing. `cases`: findings of this payment that are open for a person now.

    `unread`: it could not be compared.
    """

    reopened: tuple[Reopened, ...] = ()
    cases: int = 0
    unread: bool = False


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
    """`planner` plans what a customer is told of a refund that failed late. `timezone`: the shop's.

    `heartbeat`: seconds between heartbeats.
    """

    def __init__(
        self,
        engine: Engine,
        gateways: Mapping[str, PaymentGateway],
        planner: NoticePlanner,
        pace: Pace,
        *,
        timezone: str,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._engine = engine
        self._gateways = gateways
        self._planner = planner
        self._pace = pace
        self._zone = ZoneInfo(timezone)
        self._heartbeat = heartbeat
        self._acts: Mapping[DifferenceKind, Callable[[Connection, BookedPayment, Difference], Awaitable[None]]] = {
            DifferenceKind.REFUND_FAILED_LATE: self._failed_late,
            DifferenceKind.FOREIGN_REFUND: self._made_outside,
            DifferenceKind.REFUND_OF_UNDONE: self._made_outside,
            DifferenceKind.REFUND_UNBOOKED: self._made_again,
            DifferenceKind.CAPTURED_LATE: self._captured_late,
            DifferenceKind.OUTSIDE_REFUND_GONE: self._outside_gone,
        }

    @activity.defn
    async def compare_payment(self, asked: AskedPayment) -> Compared:
        """Read a payment at its gateway and keep every difference from our ledger as a finding. Sends nothing.

        A payment that is not ours has none. Raises the retryable failure GatewayDown when the gateway does not tell.
        Repeating it changes nothing but what has changed at the gateway.
        """

        async def work(_: Stop) -> Compared:
            return await self._compare(asked)

        return await undisturbed(work, heartbeat=self._heartbeat)

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
                    found.append(await self._compare(payment))
                except ApplicationError as failed:
                    if failed.type != FailureType.GATEWAY_DOWN:
                        raise
                    lost.append((payment, failed))
            if lost and not found:
                raise lost[0][1]
            for payment, why in lost:
                found.append(await self._not_reconciled(payment, await self._booked(payment), why.message))
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

    @activity.defn
    async def compare_payment_of(self, leg: RefundLeg) -> Compared:
        """As `compare_payment`, of the payment that a refund leg goes back to."""

        async def work(_: Stop) -> Compared:
            with database_errors():
                async with each_alone(self._engine) as conn:
                    of = (await refunds.read(conn, leg.leg_id)).leg
            return await self._compare(AskedPayment(gateway=of.gateway, payment_ref=of.payment_ref))

        return await undisturbed(work, heartbeat=self._heartbeat)

    async def _compare(self, asked: AskedPayment) -> Compared:
        before = await self._booked(asked)
        if not before:
            return Compared()
        match await self._read(asked):
            case Undetermined(code):
                return await self._not_reconciled(asked, before, code)
            case NoSuchPayment():
                shown = NOT_THERE
            case PaymentSnapshot() as read:
                shown = shown_by(read)
        if len(before) > 1:
            return await self._not_reconciled(asked, before, "payment_of_several_orders")
        for difference in compare(before[0].payment, shown):
            if difference.kind in self._acts:
                await self._act(asked, before[0], shown, difference)
        with database_errors():
            async with self._engine.begin() as conn:
                booked = await self._as_it_stands(conn, asked, before[0])
                found = [finding(asked, booked, difference) for difference in compare(booked.payment, shown)]
                cases = await findings.report_about(conn, asked.gateway, asked.payment_ref, found)
                # Also those that a former try has reopened, whose answer was lost.
                claims = await reopening.failed_on(conn, asked.gateway, asked.payment_ref)
                claims += await late_money.to_give_back(conn, asked.gateway, asked.payment_ref)
        return Compared(reopened=tuple(Reopened(**asdict(claim)) for claim in claims), cases=cases)

    async def _act(
        self, asked: AskedPayment, before: BookedPayment, shown: ShownPayment, difference: Difference
    ) -> None:
        """Write in our ledger what a difference proves, and keep it as a case, unless it is gone by now."""
        with database_errors():
            async with self._engine.begin() as conn:
                booked = await self._as_it_stands(conn, asked, before)
                if difference in compare(booked.payment, shown):
                    await self._acts[difference.kind](conn, booked, difference)
                    await findings.keep(conn, [finding(asked, booked, difference)])

    async def _as_it_stands(self, conn: Connection, asked: AskedPayment, before: BookedPayment) -> BookedPayment:
        """The payment by our ledger, under the order's lock."""
        await lock_order(conn, before.order_no)
        [now] = await reconciliation.payments_by_ref(conn, asked.gateway, asked.payment_ref)
        return replace(now, payment=settled_meanwhile(before.payment, now.payment))

    async def _failed_late(self, conn: Connection, _: BookedPayment, difference: Difference) -> None:
        """The leg is open again, and so is its claim."""
        if difference.claim_no is None or difference.leg_id is None or difference.refund_ref is None:
            raise RuntimeError("a refund that failed late is one of ours")
        if (head := await enter(conn, difference.claim_no, None)) is not None:
            await refund_failed_later(conn, self._planner, head, difference.leg_id, difference.refund_ref)

    async def _made_outside(self, conn: Connection, booked: BookedPayment, difference: Difference) -> None:
        """So much less is left of the payment."""
        if difference.refund_ref is None or difference.shown is None:
            raise RuntimeError("a refund that is shown has a reference and an amount")
        await late_money.book_foreign_refund(
            conn, booked.order_no, booked.payment_no, difference.refund_ref, difference.shown
        )

    async def _made_again(self, conn: Connection, booked: BookedPayment, difference: Difference) -> None:
        """Less is left, if the leg has its money from another refund. Else its workflow, or a person, adopts it."""
        if any(leg.leg_id == difference.leg_id and leg.returned for leg in booked.payment.legs):
            await self._made_outside(conn, booked, difference)

    async def _captured_late(self, conn: Connection, booked: BookedPayment, difference: Difference) -> None:
        """It goes back under the claim that closed it, unless somebody gave of it back already: that is a person's."""
        if difference.claim_no is None or difference.shown is None:
            raise RuntimeError("a payment captured late was closed by a claim")
        head = await enter(conn, difference.claim_no, None)
        if head is not None and not booked.payment.outside:
            await late_money.book_late_capture(conn, head, booked.payment_no, difference.shown)

    async def _outside_gone(self, conn: Connection, booked: BookedPayment, difference: Difference) -> None:
        """It counts no longer."""
        if difference.refund_ref is None:
            raise RuntimeError("a refund that is booked has a reference")
        await late_money.forget_foreign_refund(conn, booked.order_no, booked.payment_no, difference.refund_ref)

    async def _read(self, asked: AskedPayment) -> PaymentSnapshot | NoSuchPayment | Undetermined:
        """As the port's `read`. Raises the retryable failure GatewayDown when asking again may help."""
        gateway = self._gateways.get(asked.gateway)
        if gateway is None:
            return Undetermined("gateway_unknown", answered=True)
        read = await gateway.read(asked.payment_ref)
        if isinstance(read, Undetermined) and not read.answered:
            raise retryable(FailureType.GATEWAY_DOWN, f"{asked.gateway}: {read.code}")
        return read

    async def _not_reconciled(self, asked: AskedPayment, booked: Sequence[BookedPayment], code: str) -> Compared:
        """What can't be compared keeps the cases that it has, and is one more."""
        detail = {"gateway": asked.gateway, "payment_ref": asked.payment_ref, "code": code}
        subject = f"{asked.gateway}/{asked.payment_ref}"
        found = [Finding(FindingKind.NOT_RECONCILED, subject, booked[0].order_no, None, detail)]
        with database_errors():
            async with self._engine.begin() as conn:
                cases = await findings.report_about(conn, asked.gateway, asked.payment_ref, found, complete=False)
        return Compared(cases=cases, unread=True)

    async def _booked(self, asked: AskedPayment) -> tuple[BookedPayment, ...]:
        with database_errors():
            async with self._engine.connect() as conn:
                return await reconciliation.payments_by_ref(conn, asked.gateway, asked.payment_ref)


def shown_by(read: PaymentSnapshot) -> ShownPayment:
    """What was read, in the words of the comparison."""
    return ShownPayment(
        captured=read.captured,
        balance=read.balance,
        refunds=tuple(
            ShownRefund(one.refund_ref, one.amount, Shown(one.status.value), one.reference) for one in read.refunds
        ),
    )


def settled_meanwhile(before: OurPayment, now: OurPayment) -> OurPayment:
    """Our payment as it stands now. A leg that moved since `before` is under way: perhaps it did after the read."""
    known = set(before.legs)
    return replace(now, legs=tuple(leg if leg in known else replace(leg, under_way=True) for leg in now.legs))


def finding(asked: AskedPayment, booked: BookedPayment, difference: Difference) -> Finding:
    """The case that a difference is. Its detail has the facts alone, so the same facts give the same case again."""
    part = difference.refund_ref or difference.leg_id
    subject = "/".join(name for name in (asked.gateway, asked.payment_ref, part) if name)
    facts = {
        "gateway": asked.gateway,
        "payment_ref": asked.payment_ref,
        "payment_no": booked.payment_no,
        "currency": booked.currency,
        "refund_ref": difference.refund_ref,
        "leg_id": difference.leg_id,
        "ours": difference.ours,
        "shown": difference.shown,
    }
    kind = FindingKind(difference.kind.value)
    return Finding(
        kind,
        subject,
        booked.order_no,
        difference.claim_no,
        {name: fact for name, fact in facts.items() if fact is not None},
    )
