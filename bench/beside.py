"""Starting what the service is measured beside."""

from __future__ import annotations

from uuid import uuid4

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from bench.bare import TASK_QUEUE, NothingWorkflow, StepsWorkflow


async def start_nothing(client: Client) -> WorkflowHandle[NothingWorkflow, None]:
    """An update-with-start that does nothing: returns when the workflow has answered."""
    workflow_id = f"nothing/{uuid4()}"
    start = WithStartWorkflowOperation(
        NothingWorkflow.run,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
    )
    await client.execute_update_with_start_workflow(NothingWorkflow.accepted, start_workflow_operation=start)
    return await start.workflow_handle()


async def run_steps(client: Client) -> None:
    """A workflow of seven regular activities, from its start to its end."""
    await client.execute_workflow(StepsWorkflow.run, id=f"steps/{uuid4()}", task_queue=TASK_QUEUE)
