"""Comparing a payment with its gateway. docs/reconciliation.md tells what comes of each difference.

A webhook, the daily run, an operator's command and a claim that finds its payment changed all end here: a read of the
gateway, then each difference in a transaction of its own, under the order's lock and against our ledger as it stands
there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace

from temporalio import activity

from activities.errors import FailureType, database_errors, retryable
from activities.messages import Message
from activities.notices import NoticePlanner
from activities.refunds import RefundLeg
from activities.reopening import refund_failed_later
from activities.undisturbed import HEARTBEAT, Stop, undisturbed
from domain.findings import FindingKind
from domain.reconciliation import (
    NOT_THERE,
    Difference,
    DifferenceKind,
    Shown,
    ShownPayment,
    ShownRefund,
    compare,
    settled_meanwhile,
)
from gateways.payments.port import NoSuchPayment, PaymentGateway, PaymentSnapshot, Undetermined
from store import findings, late_money, reconciliation, refunds, reopening
from store.database import Connection, Engine, each_alone
from store.fence import enter, lock_order
from store.findings import Finding
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


class Comparison:
    """Compares payments, whoever asks. `planner` plans what a customer is told of a refund that failed late."""

    def __init__(self, engine: Engine, gateways: Mapping[str, PaymentGateway], planner: NoticePlanner) -> None:
        self._engine = engine
        self._gateways = gateways
        self._planner = planner
        self._acts: Mapping[DifferenceKind, Callable[[Connection, BookedPayment, Difference], Awaitable[None]]] = {
            DifferenceKind.REFUND_FAILED_LATE: self._failed_late,
            DifferenceKind.FOREIGN_REFUND: self._made_outside,
            DifferenceKind.REFUND_OF_UNDONE: self._made_outside,
            DifferenceKind.REFUND_UNBOOKED: self._made_again,
            DifferenceKind.CAPTURED_LATE: self._captured_late,
            DifferenceKind.OUTSIDE_REFUND_GONE: self._outside_gone,
        }

    async def compare(self, asked: AskedPayment) -> Compared:
        """As the activity `compare_payment`."""
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

    async def not_compared(self, asked: AskedPayment, code: str) -> Compared:
        """Keep that a payment of ours could not be compared; `code`: why."""
        return await self._not_reconciled(asked, await self._booked(asked), code)

    async def _booked(self, asked: AskedPayment) -> tuple[BookedPayment, ...]:
        with database_errors():
            async with self._engine.connect() as conn:
                return await reconciliation.payments_by_ref(conn, asked.gateway, asked.payment_ref)


class ComparisonActivities:
    """`heartbeat`: seconds between heartbeats."""

    def __init__(self, engine: Engine, comparison: Comparison, *, heartbeat: float = HEARTBEAT) -> None:
        self._engine = engine
        self._comparison = comparison
        self._heartbeat = heartbeat

    @activity.defn
    async def compare_payment(self, asked: AskedPayment) -> Compared:
        """Read a payment at its gateway and keep every difference from our ledger as a finding. Sends nothing.

        A payment that is not ours has none. Raises the retryable failure GatewayDown when the gateway does not tell.
        Repeating it changes nothing but what has changed at the gateway.
        """

        async def work(_: Stop) -> Compared:
            return await self._comparison.compare(asked)

        return await undisturbed(work, heartbeat=self._heartbeat)

    @activity.defn
    async def compare_payment_of(self, leg: RefundLeg) -> Compared:
        """As `compare_payment`, of the payment that a refund leg goes back to."""

        async def work(_: Stop) -> Compared:
            with database_errors():
                async with each_alone(self._engine) as conn:
                    of = (await refunds.read(conn, leg.leg_id)).leg
            return await self._comparison.compare(AskedPayment(gateway=of.gateway, payment_ref=of.payment_ref))

        return await undisturbed(work, heartbeat=self._heartbeat)


def shown_by(read: PaymentSnapshot) -> ShownPayment:
    """What was read, in the words of the comparison."""
    return ShownPayment(
        captured=read.captured,
        balance=read.balance,
        refunds=tuple(
            ShownRefund(one.refund_ref, one.amount, Shown(one.status.value), one.reference) for one in read.refunds
        ),
    )


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
