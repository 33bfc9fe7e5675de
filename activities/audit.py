"""What the sweeper looks for: claims that nobody carries on, refunds that came late, money that does not add up.

Each activity keeps what it found (`store.findings`) and answers how many such findings are open. Nothing is mended.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from operator import attrgetter

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import database_errors
from activities.refunds import RefundActivities
from activities.undisturbed import HEARTBEAT, beating
from domain.findings import FindingKind
from store import conservation, findings, private, receipts, refunds
from store.claims import OpenClaim
from store.database import Engine, each_alone
from store.findings import Finding

_STARTED = timedelta(seconds=10)
"""A younger claim may have a workflow that no list shows yet."""

_LOOKS_AT_ONCE = 50

_DIFFERENCES_AT_ONCE = 1000


class AuditActivities:
    """`quiet`: how long a claim may stand still unseen. `keep_private`: how long its private parts are kept."""

    def __init__(
        self,
        engine: Engine,
        temporal: Client,
        refunds: RefundActivities,
        *,
        quiet: timedelta,
        keep_private: timedelta = timedelta(days=90),
    ) -> None:
        self._engine = engine
        self._temporal = temporal
        self._refunds = refunds
        self._quiet = quiet
        self._keep_private = keep_private

    @activity.defn
    async def find_claims_without_workflow(self) -> int:
        """Claims with something left to do, and whose workflow was terminated, forgotten or never started."""
        async with beating(HEARTBEAT):
            with database_errors():
                async with self._engine.connect() as conn:
                    unfinished = await findings.unfinished_claims(conn, older_than=_STARTED)
                    unfinished += await receipts.left_over(conn, older_than=_STARTED)
            lost = [claim for claim in unfinished if not await self._alive(claim)]
            return await self._report(FindingKind.NO_WORKFLOW, lost)

    async def _alive(self, claim: OpenClaim) -> bool:
        try:
            described = await self._temporal.get_workflow_handle(claim.workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return described.status is WorkflowExecutionStatus.RUNNING

    @activity.defn
    async def find_quiet_claims(self) -> int:
        async with beating(HEARTBEAT):
            with database_errors():
                async with self._engine.connect() as conn:
                    quiet = await findings.quiet_claims(conn, self._quiet)
            return await self._report(FindingKind.QUIET, quiet)

    async def _report(self, kind: FindingKind, found: list[OpenClaim]) -> int:
        with database_errors():
            async with self._engine.begin() as conn:
                return await findings.report(
                    conn,
                    kind,
                    [
                        Finding(
                            kind, claim.claim_no, claim.order_no, claim.claim_no, {"workflow_id": claim.workflow_id}
                        )
                        for claim in found
                    ],
                )

    @activity.defn
    async def find_attempts_of_final_claims(self) -> int:
        with database_errors():
            async with beating(HEARTBEAT), self._engine.begin() as conn:
                suspects = await refunds.sent_of_final(conn)
                kind = FindingKind.SENT_OF_FINAL
                found = [Finding(kind, one.leg_id, one.order_no, one.claim_no, {}) for one in suspects]
                return await findings.report(conn, kind, found)

    @activity.defn
    async def look_again(self) -> int:
        """Ask the gateways again about undone claims whose refund was ever unknown: one found now needs a person."""
        async with beating(HEARTBEAT):
            with database_errors():
                async with self._engine.connect() as conn:
                    suspects = await refunds.to_look_at_again(conn, _LOOKS_AT_ONCE)
            for suspect in suspects:
                await self._refunds.look_again(suspect)
            with database_errors():
                async with self._engine.begin() as conn:
                    return await findings.report(conn, FindingKind.LATE_REFUND, [], complete=False)

    @activity.defn
    async def erase_private_parts(self) -> int:
        """Erase refund accounts, tokens and free texts that nobody needs any more; answers how many."""
        with database_errors():
            async with beating(HEARTBEAT), self._engine.begin() as conn:
                return await private.erase_unneeded(conn, self._keep_private)

    @activity.defn
    async def find_unbalanced_orders(self) -> int:
        """Orders of which some sum doesn't come out; each finding says which, by how much, and both sides."""
        async with beating(HEARTBEAT):
            with database_errors():
                async with each_alone(self._engine) as conn:
                    wrong = await conservation.differences(conn, limit=_DIFFERENCES_AT_ONCE)
            found = [findings.unbalanced(order_no, rows) for order_no, rows in groupby(wrong, key=_ORDER)]
            complete = len(wrong) < _DIFFERENCES_AT_ONCE
            with database_errors():
                async with self._engine.begin() as conn:
                    return await findings.report(conn, FindingKind.CONSERVATION, found, complete=complete)


_ORDER = attrgetter("order_no")
