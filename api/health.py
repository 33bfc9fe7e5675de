"""`GET /health`: which of the service's parts answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import Field
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from api.envelope import Envelope, RefusedWith, ok
from api.schemas.fields import Wire
from api.temporal import Temporal
from domain.refusals import Code, Refusal
from gateways.payments.port import PaymentGateway, Undetermined
from store.database import AWAY, Database

router = APIRouter(tags=["health"])

_PATIENCE = 2.0
_POLLED_LATELY = timedelta(seconds=70)
"""A worker's poll is held by the server for a minute, and counted when it began."""
_NO_PAYMENT = "health"
_AWAY: tuple[type[Exception], ...] = (*AWAY, TimeoutError, RPCError, Refusal)


class Health(Wire):
    """`up` or `down` of each part. The service needs the first three; a gateway that is down only delays refunds."""

    postgres: str = Field(alias="postgres", examples=["up"])
    temporal: str = Field(alias="temporal", examples=["up"])
    worker: str = Field(alias="worker", description="Whether a worker polls for claims.", examples=["up"])
    gateways: Mapping[str, str] = Field(alias="gateways", examples=[{"sandbox": "up"}])

    @property
    def well(self) -> bool:
        return self.postgres == self.temporal == self.worker == "up"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Asks the parts side by side, each for two seconds at most."""

    database: Database
    temporal: Temporal
    namespace: str
    task_queue: str
    gateways: Mapping[str, PaymentGateway]

    async def run(self) -> Health:
        names = sorted(self.gateways)
        postgres, worker, *answering = await asyncio.gather(
            _answers(self._postgres()),
            _answers(self._worker_polls()),
            *(_answers(self._gateway(self.gateways[name])) for name in names),
        )
        return Health(
            postgres=_word(postgres),
            temporal=_word(worker is not None),
            worker=_word(worker),
            gateways={name: _word(answer) for name, answer in zip(names, answering, strict=True)},
        )

    async def _postgres(self) -> bool:
        await self.database.ping()
        return True

    async def _worker_polls(self) -> bool:
        client = await self.temporal.client()
        described = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self.namespace,
                task_queue=TaskQueue(name=self.task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
        since = datetime.now(UTC) - _POLLED_LATELY
        return any(poller.last_access_time.ToDatetime(tzinfo=UTC) > since for poller in described.pollers)

    async def _gateway(self, gateway: PaymentGateway) -> bool:
        answer = await gateway.read(_NO_PAYMENT)
        return not isinstance(answer, Undetermined) or answer.answered


@router.get(
    "/health",
    summary="Which parts answer",
    responses={503: {"model": Envelope[Health], "description": "9001: Postgres, Temporal or every worker is away."}},
)
async def health(request: Request) -> Envelope[Health]:
    """200 when Postgres, Temporal and a polling worker do, else 503; a gateway is only reported."""
    check: HealthCheck = request.app.state.health
    found = await check.run()
    if not found.well:
        raise RefusedWith(Refusal(Code.UNAVAILABLE, "service.parts_away"), found)
    return ok(found)


async def _answers(asked: Awaitable[bool]) -> bool | None:
    """What a part answers; None when it does not answer in time."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await asked
    except _AWAY:
        return None


def _word(answer: bool | None) -> str:
    return "up" if answer else "down"
