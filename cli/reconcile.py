"""`claims reconcile`: compare a day with the gateways now, and say what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from api.tokens import Role
from cli.output import line
from cli.service import Service
from cli.session import converse
from settings import Settings

_PATIENCE = 300.0
_BETWEEN = 0.5


def reconcile(
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="By default today.")] = None,
    merchant: Annotated[str | None, typer.Option(help="By default every merchant.")] = None,
) -> None:
    """Compare a day with the gateways now; every difference becomes a finding (`claims findings`)."""
    asked = {"day": None if day is None else f"{day:%Y-%m-%d}", "gateway": merchant}

    async def work(service: Service, _: Settings) -> None:
        run = await service.post("/v1/ops/reconciliations", {n: told for n, told in asked.items() if told is not None})
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(ended := await _ended(service, run)) < len(run["gatewayList"]):
                    await asyncio.sleep(_BETWEEN)
        except TimeoutError:
            line(f"It goes on: workflow {run['workflowId']}.")
        for row in ended:
            _print(row)

    converse(Role.OPERATE, work)


async def _ended(service: Service, run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = (await service.get("/v1/ops/reconciliations", day=run["day"]))["reconciliationList"]
    return [row for row in found if row["workflowId"] == run["workflowId"] and row["endDtm"] is not None]


def _print(row: Mapping[str, Any]) -> None:
    told = f"{row['gateway']} {row['day']}: {row['comparedQty']} payments compared, {row['differingQty']} with findings"
    unread = f", {row['unreadQty']} could not be read" if row["unreadQty"] else ""
    limited = ", not all that hold money were read" if row["limitedYn"] == "Y" else ""
    failed = f", not to its end: {row['failCd']}" if row["failCd"] else ""
    line(f"{told}{unread}{limited}{failed}.")
