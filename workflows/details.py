"""What an operator reads of a claim in the Web UI: its current details, in Markdown. No personal data."""

from __future__ import annotations

import json
from collections.abc import Iterable

from activities.parking import Parked
from domain.claims import Action, Step, StuckReason

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
    StuckReason.PAYOUT_OPEN: "A person is paying this refund out by hand, and has not told the result.",
}

_ACTION = {
    Action.RETRY: "try the step again; a refund is looked up first, and sent only if it was not carried out",
    Action.SKIP: "leave this step out; your reason is kept",
    Action.SETTLE: "the money was returned by another way; add `evidence`: where to look that up",
    Action.PROVIDE_ACCOUNT: "pay to another refund account; **not from here**, see below",
    Action.ABORT: "undo the claim; nothing has been given back yet",
}


_MEANING_OF_CHARGE = {
    **_MEANING,
    StuckReason.PSP_DECLINED: "The extra payment was refused for good.",
}

_ACTION_OF_CHARGE = {
    **_ACTION,
    Action.RETRY: "try again; the charge is looked up first, and sent only if it was not carried out",
    Action.SETTLE: "the charge was taken; add `evidence`: the gateway's own number of the payment that it lists for us",
    Action.ABORT: "undo the claim; nothing has been charged",
}


def account_by_api(claim_no: str) -> str:
    """Where a refund account is given, since it must not be sent from the Web UI."""
    return (
        "A refund account is given through the service's API, or by "
        f"`claims resolve {claim_no} --action provideAccount --bank … --holder …`, which asks for its number: what is "
        "sent from here stays readable in the history."
    )


def parked(claim_no: str, parkings: Iterable[Parked]) -> str:
    """What stands still, why, what happened, what is safe, and the command to send."""
    told = list(parkings)
    wants_account = any(Action.PROVIDE_ACCOUNT in parking.actions for parking in told)
    return "\n\n".join(
        [
            f"**Claim {claim_no} needs an operator.**",
            *(_one(parking) for parking in told),
            *([account_by_api(claim_no)] if wants_account else []),
        ]
    )


def _one(parking: Parked) -> str:
    charge = parking.step is Step.CHARGE
    meaning = _MEANING_OF_CHARGE if charge else _MEANING
    action = _ACTION_OF_CHARGE if charge else _ACTION
    money = "charge" if charge else "refund"
    where = f"`{parking.step.value}`" + (f" of `{parking.part}`" if parking.part else "")
    told = [
        f"**Parking {parking.parking_no}**: {where} stands still, cause `{parking.cause.value}`. "
        f"{meaning[parking.cause]}",
        f"Last seen: {parking.detail}",
    ]
    if parking.outcome_unknown:
        told.append(
            f"**Money may have moved**: whether a {money} of this claim was carried out is not known. Until it is, the "
            f"claim can't be undone, and `settle` needs the gateway's own reference of that {money} as `evidence`."
        )
    told.append("What is safe now:")
    told.append("\n".join(f"- `{one.value}`: {action[one]}" for one in parking.actions))
    example = {"parkingNo": parking.parking_no, "action": parking.actions[0].value, "reason": "…", "actor": "your name"}
    told.append(
        "To answer: *More Actions*, *Send an Update*, `resolve`, with this as data:\n\n"
        f"```json\n{json.dumps(example, ensure_ascii=False)}\n```"
    )
    return "\n\n".join(told)
