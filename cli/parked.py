"""The parkings of a claim: why it waits for a person, and the commands that are safe now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.causes import ACTIONS, CAUSES
from cli.output import fields, heading, line, moment


def show_parkings(claim: Mapping[str, Any], timezone: str) -> None:
    """Print every open parking of a claim as operators see it; nothing when it has none."""
    for parking in claim["parkingList"]:
        heading(f"Claim {claim['claimNo']} waits for a person: parking {parking['parkingNo']}")
        cause = parking["stuckReason"]
        fields(
            [
                ("Order", claim["ordNo"]),
                ("Step", f"{parking['step']} {parking['part']}".strip()),
                ("Cause", f"{cause}: {CAUSES[cause]}" if cause in CAUSES else cause),
                ("Detail", parking["detail"]),
                *([("To account", parking["rfdActnMask"])] if parking["rfdActnMask"] else []),
                *([("Payout", f"{parking['payoutNo']}, no result yet")] if parking["payoutNo"] else []),
                ("Outcome", "not known: money may have moved" if parking["outcomeUnknown"] else "known"),
                ("Since", moment(parking["since"], timezone)),
                ("Web UI", claim["workflowUrl"]),
            ]
        )
        line("Safe now:")
        for action in parking["actions"]:
            line(f"  {_command(claim['claimNo'], parking['parkingNo'], action)}")
            line(f"      {ACTIONS.get(action, '')}", style="dim")


def _command(claim_no: str, parking_no: int, action: str) -> str:
    more = _NEEDS.get(action, "")
    return f"claims resolve {claim_no} --parking {parking_no} --action {action} --reason …{more}"


_NEEDS: Mapping[str, str] = {"settle": " --evidence …", "provideAccount": " --bank … --holder …"}
