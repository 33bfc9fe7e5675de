"""Whoever learns that a claim was reopened, as a workflow of the tests."""

from __future__ import annotations

from temporalio import workflow

from activities.reconciliation import Reopened
from workflows.reopening import carry_on


@workflow.defn
class CarryOn:
    """Has the claim carried on."""

    @workflow.run
    async def run(self, reopened: Reopened) -> bool:
        return await carry_on(reopened)
