"""What becomes of a claim of which a refund had succeeded and failed later. docs/saga.md: reopening."""

from __future__ import annotations

from activities.notices import NoticePlanner
from domain.claims import FAILED_LATER, NoticeEvent
from store import reopening
from store.database import Connection
from store.fence import ClaimHead


async def refund_failed_later(
    conn: Connection, planner: NoticePlanner, head: ClaimHead, leg_id: str, refund_ref: str
) -> bool:
    """Write that the refund `refund_ref` of a settled leg has failed: open leg and claim, and plan a correction.

    The transaction must have been let in by the fence (`store.fence.enter`). False, and nothing is written, when that
    is known already. Afterwards the claim must be carried on (`workflows.reopening.carry_on`); which ones,
    `store.reopening.failed_on` tells also to one whose former try was lost after this.
    """
    if not await reopening.refund_failed(conn, head, leg_id, refund_ref):
        return False
    if await reopening.reopen(conn, head, FAILED_LATER):
        await planner.plan(conn, head.claim_no, NoticeEvent.REFUND_FAILED)
    return True
