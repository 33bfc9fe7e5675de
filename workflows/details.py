"""What an operator reads of a claim in the Web UI: its current details, in Markdown. No personal data."""

from __future__ import annotations

import json
from collections.abc import Iterable

from activities.parking import Parked
from domain.claims import Action, StuckReason

_MEANING = {
    StuckReason.PSP_DOWN: "The payment gateway does not answer.",
    StuckReason.PSP_UNKNOWN: "The gateway was asked, and whether it acted could not be found out.",
    StuckReason.PSP_DECLINED: "The gateway refuses this refund for good.",
    StuckReason.PSP_CONFLICT: "The payment does not hold what our ledger says: somebody else moved money.",
    StuckReason.PSP_MISCONFIGURED: "Our credentials or our request to the gateway are wrong.",
    StuckReason.PAYMENT_BUSY: "Another refund of this payment has had no answer for too long.",
    StuckReason.ACCOUNT_NEEDED: "The money can't go back without a refund account.",
    StuckReason.DATABASE: "Our database did not carry the step out.",
    StuckReason.COMPENSATION_STUCK: "Undoing a step failed.",
    StuckReason.BUG: "An error in our own program.",
}

_ACTION = {
    Action.RETRY: "look at the gateway first where that matters, then try again with the same safety",
    Action.SKIP: "leave this step out; your reason is kept",
    Action.SETTLE: "the money was returned by another way; `evidence` says where to look it up",
    Action.PROVIDE_ACCOUNT: "give a refund account",
    Action.ABORT: "undo the claim; nothing has been given back yet",
}


def parked(claim_no: str, parkings: Iterable[Parked]) -> str:
    """What stands still, why, what was tried, what is safe, and the command to send."""
    return "\n\n".join([f"**Claim {claim_no} needs an operator.**", *(_one(parking) for parking in parkings)])


def _one(parking: Parked) -> str:
    where = f"{parking.step.value}" + (f" ({parking.part})" if parking.part else "")
    told = [
        f"**Parking {parking.parking_no}**: step `{where}`, cause `{parking.cause.value}`. {_MEANING[parking.cause]}",
        f"What was tried: {parking.detail}",
    ]
    if parking.outcome_unknown:
        told.append(
            "The outcome of a refund is **unknown**: the claim can't be undone meanwhile. "
            "`settle` needs the gateway's own reference of that refund."
        )
    told.append("Safe now:")
    told.append("\n".join(f"- `{action.value}`: {_ACTION[action]}" for action in parking.actions))
    example = {"parkingNo": parking.parking_no, "action": parking.actions[0].value, "reason": "…", "actor": "your name"}
    told.append(f"Send the update `resolve` with:\n\n```json\n{json.dumps(example, ensure_ascii=False)}\n```")
    return "\n\n".join(told)
