"""What is safe to command of a claim that stands still. docs/saga.md: parked claims."""

from __future__ import annotations

from activities.settlement import CREDITS_PART
from domain.claims import Action, Direction, Step
from store.fence import ClaimHead

SKIPPABLE = frozenset({Step.COUPONS, Step.RESTOCK})
"""Steps that an operator may leave out, with a reason. Never a refund."""


def safe_actions(
    head: ClaimHead,
    step: Step,
    *,
    money_may_move: bool,
    settles_by_hand: bool,
    takes_account: bool,
    paying_out: bool,
) -> tuple[Action, ...]:
    """What is safe to command of a claim that stands still at `step`.

    Money is never skipped. While an outcome of the claim is unknown, or some leg of it is paid out by hand
    (`money_may_move`), it can't be aborted; a refund of unknown outcome can be settled only with the gateway's own
    reference of it; a charge is never settled otherwise. What stands still because a person is `paying_out` is not
    sent again: it is settled, or the payout is closed as failed first.
    """
    if head.status.final:
        return ()
    forward = head.direction is Direction.FORWARD
    if paying_out:
        return (Action.SETTLE,) if forward else ()
    actions = [Action.RETRY]
    if forward and step in SKIPPABLE:
        actions.append(Action.SKIP)
    if forward and settles_by_hand:
        actions.append(Action.SETTLE)
    if forward and takes_account:
        actions.append(Action.PROVIDE_ACCOUNT)
    if forward and not head.decided and not money_may_move:
        actions.append(Action.ABORT)
    return tuple(actions)


def is_leg(step: Step, part: str) -> bool:
    """Whether a parking is that of a refund at a gateway; `part` is its leg then."""
    return step is Step.REFUND and part not in ("", CREDITS_PART)
