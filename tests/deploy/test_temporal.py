"""The Temporal dev server of the local stack."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from deploy.local.temporal import DevServer, is_polled, ui_answers
from tests.deploy.fakes import Reports, supervisor
from tests.support.ports import free_port
from tests.support.temporal import connect


@pytest.fixture
def server(tmp_path: Path) -> DevServer:
    return DevServer("127.0.0.1", free_port(), free_port(), tmp_path / "temporal.sqlite", "shop", {"Kind": "Keyword"})


@workflow.defn
class Broken:
    """A workflow with a bug."""

    @workflow.run
    async def run(self) -> None:
        raise LookupError("bug")


@workflow.defn
class Waiting:
    """A workflow that waits for ever."""

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


async def test_state_is_kept_and_new_search_attributes_are_known_after_a_restart(
    server: DevServer, tmp_path: Path
) -> None:
    reports = Reports()
    async with supervisor(tmp_path, reports) as running:
        await running.start(server.child())
        client = await connect(server)
        await client.start_workflow(Waiting.run, id="kept", task_queue="nobody")
    assert reports.of("temporal") == ["starting", "ready", "stopping"]
    later = dataclasses.replace(server, search_attributes={"Kind": "Keyword", "Amount": "Int"})
    async with supervisor(tmp_path) as running:
        await running.start(later.child())
        client = await connect(later)
        kept = await client.get_workflow_handle("kept").describe()
        assert kept.status is WorkflowExecutionStatus.RUNNING
        assert (await client.count_workflows("Amount > 3 AND Kind = 'x'")).count == 0


async def test_the_web_ui_answers_for_the_namespace(server: DevServer, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.ui_port}"
    assert not await ui_answers(url, "shop")
    async with supervisor(tmp_path) as running:
        await running.start(server.child())
        async with asyncio.timeout(30):
            while not await ui_answers(url, "shop"):
                await asyncio.sleep(0.1)


async def test_a_worker_counts_only_when_it_asked_after_the_given_time(
    temporal_client: Client, task_queue: str
) -> None:
    before = datetime.now(UTC)
    assert not await is_polled(temporal_client, task_queue, before)
    async with serving(temporal_client, task_queue), asyncio.timeout(15):
        while not await is_polled(temporal_client, task_queue, before):
            await asyncio.sleep(0.05)
        assert not await is_polled(temporal_client, task_queue, datetime.now(UTC) + timedelta(hours=1))


async def test_workflows_whose_code_fails_are_found_in_the_list(temporal_client: Client, task_queue: str) -> None:
    query = f"TemporalReportedProblems IS NOT NULL AND TaskQueue = '{task_queue}'"
    async with serving(temporal_client, task_queue), asyncio.timeout(30):
        handle = await temporal_client.start_workflow(Broken.run, id=f"broken-{task_queue}", task_queue=task_queue)
        while (await temporal_client.count_workflows(query)).count == 0:
            await asyncio.sleep(0.1)
    await handle.terminate()


def serving(client: Client, task_queue: str) -> Worker:
    return Worker(
        client, task_queue=task_queue, workflows=[Broken, Waiting], workflow_runner=UnsandboxedWorkflowRunner()
    )
