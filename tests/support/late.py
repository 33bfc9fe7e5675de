"""Refunds that succeed, and fail days later: at the gateway, in our ledger, and for the claim's workflow."""

from __future__ import annotations

import uuid

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from activities.comparing import AskedPayment
from activities.notices import NoticePlanner
from activities.reopening import refund_failed_later
from gateways.notices.texts import NoticeTexts
from store.fence import enter
from tests.support.house import House
from workflows.following import Followed, FollowPaymentWorkflow


async def fails_at_gateway(house: House, claim_no: str, payment_no: str = "1") -> tuple[str, str]:
    """The refund of a payment, which the ledger has as settled, fails; answers the leg and the gateway's reference."""
    [leg] = await house.rows(
        "SELECT * FROM refund_legs WHERE claim_no = :no AND payment_no = :of", no=claim_no, of=payment_no
    )
    settle = f"/refunds/{leg['refund_ref']}/settle"
    path = settle if leg["gateway"] == "sandbox" else f"/control/{leg['gateway']}{settle}"
    (await house.gateway.post(path, json={"status": "failed"})).raise_for_status()
    return leg["leg_id"], leg["refund_ref"]


async def fails_late(house: House, claim_no: str, payment_no: str = "1") -> None:
    """As `fails_at_gateway`, and the ledger learns of it, but nobody carries the claim on."""
    leg_id, refund_ref = await fails_at_gateway(house, claim_no, payment_no)
    planner = NoticePlanner(NoticeTexts(house.settings.timezone), house.policy)
    async with house.engine.begin() as conn:
        head = await enter(conn, claim_no, None)
        assert head is not None
        assert await refund_failed_later(conn, planner, head, leg_id, refund_ref)


async def followed(
    house: House, claim_no: str, payment_no: str = "1"
) -> WorkflowHandle[FollowPaymentWorkflow, Followed]:
    """Somebody looks after the payment, as when its gateway told something of it."""
    [payment] = await house.rows(
        "SELECT gateway, gateway_ref AS payment_ref FROM refund_legs WHERE claim_no = :no AND payment_no = :of",
        no=claim_no,
        of=payment_no,
    )
    return await house.temporal.start_workflow(
        FollowPaymentWorkflow.run,
        AskedPayment(**payment),
        id=f"follow-{uuid.uuid4()}",
        task_queue=house.settings.task_queue,
    )


async def has_signalled(handle: WorkflowHandle[FollowPaymentWorkflow, Followed]) -> bool:
    """Whether it has told a claim's run to look again."""
    signalled = EventType.EVENT_TYPE_EXTERNAL_WORKFLOW_EXECUTION_SIGNALED
    return any(event.event_type == signalled for event in (await handle.fetch_history()).events)
