"""Cash receipts that were issued by themselves, cancelled once their money went back. docs/gateways.md: cash receipts.

A follow-up: it holds no refund up and undoes none. What fails for good is a finding for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import FailureType, database_errors, retryable
from activities.messages import ClaimRef, Message
from activities.undisturbed import HEARTBEAT, Stop, undisturbed
from domain.claims import ReceiptState
from domain.findings import FindingKind
from gateways.payments.port import (
    Done,
    Misconfigured,
    NewKey,
    NotSent,
    PaymentGateway,
    ReceiptCancel,
    ReceiptGateway,
    Rejected,
    Retry,
    Undetermined,
    Unknown,
)
from store import findings, receipts
from store.database import Engine
from store.fence import enter
from store.findings import Finding
from store.receipts import DueReceipt


class GiveUpReceipts(Message):
    """`code`: why, in a line."""

    claim_no: str
    code: str


class ReceiptActivities:
    def __init__(self, engine: Engine, gateways: Mapping[str, PaymentGateway]) -> None:
        self._engine = engine
        self._gateways = gateways

    @activity.defn
    async def cancel_receipts(self, claim: ClaimRef) -> None:
        """Cancel of each receipt what the claim gave back, once, however often this runs.

        Raises retryable failures (GatewayDown, OutcomeUnknown) once every receipt had its turn.
        """

        async def all_of_them(stop: Stop) -> None:
            failed: ApplicationError | None = None
            for receipt in await self._due(claim.claim_no):
                stop.check()
                failed = await self._cancel(receipt) or failed
            if failed is not None:
                raise failed

        await undisturbed(all_of_them, heartbeat=HEARTBEAT)

    @activity.defn
    async def give_up_receipts(self, asked: GiveUpReceipts) -> None:
        """Leave what is not done to a person."""
        for receipt in await self._due(asked.claim_no):
            await self._end(receipt, ReceiptState.FAILED, asked.code)

    async def _due(self, claim_no: str) -> list[DueReceipt]:
        with database_errors():
            async with self._engine.connect() as conn:
                return await receipts.due(conn, claim_no)

    async def _cancel(self, receipt: DueReceipt) -> ApplicationError | None:
        """None once it has ended; else why it is to be tried again."""
        gateway = _with_receipts(self._gateways.get(receipt.gateway))
        if gateway is None:
            await self._end(receipt, ReceiptState.FAILED, "receipts_unsupported")
            return None
        if receipt.sent and receipt.since is not None:
            listed = await gateway.receipt_cancels(receipt.receipt_ref, receipt.since)
            if isinstance(listed, Undetermined):
                return retryable(FailureType.GATEWAY_DOWN, f"{receipt.gateway}: {listed.code}")
            # No reference of ours is in the list. One more of this amount than we know of is taken for ours: somebody
            # else's would leave the receipt too high, sending again could leave it too low.
            if listed.count(receipt.amount) > receipt.done:
                await self._end(receipt, ReceiptState.DONE, None)
                return None
        if not await self._arm(receipt):
            return retryable(FailureType.GATEWAY_DOWN, f"another cancel of the receipt of {receipt.leg_id} is sent")
        return await self._send(gateway, receipt)

    async def _send(self, gateway: ReceiptGateway, receipt: DueReceipt) -> ApplicationError | None:
        match await gateway.cancel_receipt(ReceiptCancel(receipt.receipt_ref, receipt.amount, receipt.key)):
            case Done():
                await self._end(receipt, ReceiptState.DONE, None)
            case Rejected(code):
                await self._end(receipt, ReceiptState.FAILED, code)
            case NotSent(code) | Retry(code):
                return await self._again(receipt, FailureType.GATEWAY_DOWN, code, new_key=False)
            case Misconfigured(code):
                return await self._again(receipt, FailureType.GATEWAY_DOWN, code, new_key=True)
            case NewKey(code, after):
                return await self._again(receipt, FailureType.GATEWAY_DOWN, code, new_key=True, after=after)
            case Unknown(code, answered):
                return await self._again(receipt, FailureType.OUTCOME_UNKNOWN, code, new_key=answered)
        return None

    async def _arm(self, receipt: DueReceipt) -> bool:
        with database_errors():
            async with self._engine.begin() as conn:
                return await enter(conn, receipt.claim_no) is not None and await receipts.arm(conn, receipt)

    async def _again(
        self, receipt: DueReceipt, kind: FailureType, code: str, *, new_key: bool, after: timedelta | None = None
    ) -> ApplicationError:
        with database_errors():
            async with self._engine.begin() as conn:
                if await enter(conn, receipt.claim_no) is not None:
                    await receipts.not_done_yet(conn, receipt, code, new_key=new_key)
        return retryable(kind, f"{receipt.gateway}: {code}", after=after)

    async def _end(self, receipt: DueReceipt, state: ReceiptState, code: str | None) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, receipt.claim_no)
                if head is None:
                    return
                await receipts.end(conn, head, receipt, state, code)
                if state is ReceiptState.FAILED:
                    kind = FindingKind.RECEIPT_NOT_CANCELLED
                    detail = {"gateway": receipt.gateway, "amount": receipt.amount, "code": code}
                    finding = Finding(kind, receipt.leg_id, receipt.order_no, receipt.claim_no, detail)
                    await findings.report(conn, kind, [finding], complete=False)


def _with_receipts(gateway: object) -> ReceiptGateway | None:
    return gateway if isinstance(gateway, ReceiptGateway) else None
