"""`claims stuck`: what waits for a person, and what the sweeper has found."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from api.tokens import Role
from cli.causes import FINDINGS, SWEPT
from cli.differences import print_differences
from cli.output import fields, heading, line, moment
from cli.parked import show_parkings
from cli.service import Service
from cli.session import converse
from settings import Settings


def stuck() -> None:
    """List the claims that wait for a person, with the cause and what is safe to do, and what the sweeper found."""

    async def work(service: Service, settings: Settings) -> None:
        parked = [claim async for claim in _parked(service)]
        findings = (await service.get("/v1/audit"))["findingList"]
        for claim in parked:
            show_parkings(claim, settings.timezone)
        for finding in findings:
            show_finding(finding, settings.timezone)
        if parked or findings:
            line("")
        line(f"Claims that wait for a person: {len(parked)}. Open findings: {len(findings)}.")

    converse(Role.VIEW, work)


async def _parked(service: Service) -> AsyncIterator[Mapping[str, Any]]:
    last: str | None = ""
    while last is not None:
        page = await service.get("/v1/ops/claims", needsOperator="Y", size=200, **({"after": last} if last else {}))
        for claim in page["claimList"]:
            yield claim
        last = page["next"]


def show_finding(finding: Mapping[str, Any], timezone: str) -> None:
    """Print one finding of the sweeper; sums that do not come out as a table."""
    kind = finding["kind"]
    detail = dict(finding["detail"])
    wrong = [{**row, "claimNo": row["claim_no"], "diff": row["difference"]} for row in detail.pop("differences", [])]
    heading(f"Found by the sweeper: {kind}" if kind in SWEPT else f"Found in comparing: {kind}")
    fields(
        [
            *([("Key", finding["findingKey"])] if "findingKey" in finding else []),
            ("What", FINDINGS.get(kind, "")),
            ("Order", finding["ordNo"] or "-"),
            ("Claim", finding["claimNo"] or "-"),
            *([("Detail", json.dumps(detail, ensure_ascii=False))] if detail else []),
            ("Found", moment(finding["foundDtm"], timezone)),
            ("Last seen", moment(finding["seenDtm"], timezone)),
        ]
    )
    print_differences(wrong)
