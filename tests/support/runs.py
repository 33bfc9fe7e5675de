"""Runs of a workflow as an operator treats them: resetting one, and the events that it can be reset to."""

from __future__ import annotations

import uuid

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client


async def completed_tasks(temporal: Client, workflow_id: str, run_id: str | None = None) -> list[int]:
    """The ids of the events that completed a workflow task of the run, the newest run by default; oldest first."""
    history = await temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    completed = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    return [event.event_id for event in history.events if event.event_type == completed]


async def reset(temporal: Client, workflow_id: str, event_id: int, run_id: str | None = None) -> str:
    """Have the workflow forget that it completed this task of the run, the newest run by default, and all since.

    A run that is under way is terminated. What the run was told by updates since is told to the new run again. Answers
    the new run's id.
    """
    answer = await temporal.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=temporal.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id or ""),
            reason="test",
            workflow_task_finish_event_id=event_id,
            request_id=uuid.uuid4().hex,
        )
    )
    return answer.run_id
