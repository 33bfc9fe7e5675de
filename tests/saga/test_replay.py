"""Recorded histories, replayed: claims under way go on under the workflows as they are now."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

import bootstrap
from tests.support.extra import TOKEN
from tests.support.record_histories import FOLDER, OUTCOMES
from workflows.cancel_order import CancelOrderWorkflow
from workflows.change_option import ChangeOptionWorkflow
from workflows.messages import CancelOrder, ChangeOption, ClaimOutcome

KEPT = sorted(FOLDER.glob("*.json"))

NO_CLAIM = ("swept", "hint_followed", "reconciled", "events_published")
"""How histories begin that are of no claim."""


def history_of(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def replayer(*workflows: type, sandbox: bool = True) -> Replayer:
    return Replayer(
        workflows=workflows,
        data_converter=pydantic_data_converter,
        workflow_runner=bootstrap.workflow_runner(sandbox=sandbox),
    )


def named(path: Path) -> str:
    return path.stem


def test_every_outcome_is_kept() -> None:
    assert {path.stem for path in KEPT} == {scenario.__name__ for scenario in OUTCOMES}


@pytest.mark.parametrize(("name", "status"), [(one.__name__, status) for one, status in OUTCOMES.items()])
def test_kept_history_ends_as_its_name_says(name: str, status: str | None) -> None:
    last = history_of(FOLDER / f"{name}.json").events[-1]
    assert last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
    [result] = last.workflow_execution_completed_event_attributes.result.payloads
    assert json.loads(result.data or "{}").get("status") == status


@pytest.mark.parametrize("path", KEPT, ids=named)
async def test_kept_history_replays(path: Path) -> None:
    await replayer(*bootstrap.WORKFLOWS).replay_workflow(history_of(path))


# --- a change of the workflows that claims under way would not survive ------------------------------------------------


@workflow.defn(name="CancelOrderWorkflow")
class HesitantCancel(CancelOrderWorkflow):
    """Waits a second before anything else."""

    @workflow.init
    def __init__(self, asked: CancelOrder) -> None:
        super().__init__(asked)

    @workflow.run
    async def run(self, asked: CancelOrder) -> ClaimOutcome:
        await workflow.sleep(1)
        return await super().run(asked)


@workflow.defn(name="ChangeOptionWorkflow")
class HesitantChange(ChangeOptionWorkflow):
    @workflow.init
    def __init__(self, asked: ChangeOption) -> None:
        super().__init__(asked)

    @workflow.run
    async def run(self, asked: ChangeOption) -> ClaimOutcome:
        await workflow.sleep(1)
        return await super().run(asked)


@pytest.mark.parametrize("path", [path for path in KEPT if not path.stem.startswith(NO_CLAIM)], ids=named)
async def test_changed_workflow_does_not_replay(path: Path) -> None:
    with pytest.raises(NondeterminismError):
        await replayer(HesitantCancel, HesitantChange, sandbox=False).replay_workflow(history_of(path))


# --- what a history must not tell -------------------------------------------------------------------------------------

PERSONAL = ("kim", "example.test", "01012345678", "1234-5678", "argon2", "password", TOKEN)
"""Of whoever ordered in the recorded claims: parts of name, address, telephone number, password, and a card's token."""


def texts(kept: Any) -> Iterator[str]:
    """Every text in a history, payloads decoded."""
    if isinstance(kept, dict):
        if isinstance(kept.get("data"), str) and "metadata" in kept:
            yield base64.b64decode(kept["data"]).decode(errors="replace")
        for key, value in kept.items():
            if key != "data":
                yield from texts(value)
    elif isinstance(kept, list):
        for one in kept:
            yield from texts(one)
    elif isinstance(kept, str):
        yield kept


@pytest.mark.parametrize("path", KEPT, ids=named)
def test_kept_history_tells_no_personal_data(path: Path) -> None:
    told = "\n".join(texts(json.loads(path.read_text()))).lower()
    assert path.stem.startswith(NO_CLAIM) or "claim_no" in told, "payloads were not decoded"
    assert [part for part in PERSONAL if part in told] == []


@pytest.mark.parametrize("path", KEPT, ids=named)
def test_kept_history_tells_nothing_of_the_machine(path: Path) -> None:
    told = path.read_text()
    assert '"stackTrace"' not in told
    assert set(_values(json.loads(told), "identity")) <= {"recorder", "history-service"}


def _values(kept: Any, name: str) -> Iterator[Any]:
    if isinstance(kept, dict):
        if name in kept:
            yield kept[name]
        for value in kept.values():
            yield from _values(value, name)
    elif isinstance(kept, list):
        for one in kept:
            yield from _values(one, name)


def test_ordinary_claim_keeps_to_its_budget() -> None:
    """At most 5 workflow tasks, 40 events and 16 KB: what it costs to carry a claim, and to read it."""
    history = history_of(FOLDER / "completed.json")
    tasks = [one for one in history.events if one.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    assert len(tasks) <= 5
    assert len(history.events) <= 40
    assert sum(one.ByteSize() for one in history.events) <= 16 * 1024
