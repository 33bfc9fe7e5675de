"""What may be cancelled or changed, by whom, and why not: the gates in front of every claim.

The same gates answer the buttons of the order query and, under the order's lock, the opening of a claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.claims import Actor
from domain.costs import Costs, Selection
from domain.gifts import goods_only
from domain.orders import Line, OrderState, PriorClaim
from domain.policy import Button, Policy
from domain.refusals import Code, Refusal


@dataclass(frozen=True, slots=True)
class Possible:
    """How many units of a line an action may take now; when none, `why_not` says why, ready to be raised."""

    units: int
    why_not: Refusal | None = None


class Gates:
    """The gates of one order for one actor. Looks the claims up once: asking for every line costs no more than one."""

    def __init__(self, state: OrderState, actor: Actor, policy: Policy) -> None:
        self._state = state
        self._actor = actor
        self._policy = policy
        self._cancelling = _holders(claim for claim in state.cancels)
        self._changing = _holders(claim for claim in state.claims if claim.option_change and not claim.decided)
        self._unfinished = _holders(claim for claim in state.claims if not claim.final)
        self._undecided = next((claim for claim in state.cancels if not claim.decided), None)
        self._indivisible = next((payment for payment in state.order.payments if not payment.partial_cancel), None)
        self._waiting = next((payment for payment in state.order.payments if payment.waiting), None)
        self._blocked = self._first_blocked() if self._indivisible or self._waiting else None

    def cancellable(self, line: Line) -> Possible:
        """The units of `line` that can be cancelled now, alone or with all the others."""
        why_not = self._line_refusal(line) or self._order_refusal()
        return Possible(0, why_not) if why_not else Possible(self._state.units_left(line))

    def changeable(self, line: Line) -> Possible:
        """The units of `line` that an option change would change: all that are left, or none."""
        why_not = self._change_refusal(line)
        return Possible(0, why_not) if why_not else Possible(self._state.units_left(line))

    def check_cancel(self, selection: Sequence[Selection]) -> None:
        """Raises the first reason, in the order of codes, why `selection` can't be cancelled now."""
        goods = {wanted.line_no for wanted in goods_only(self._state, selection)}
        for line, quantity in self._known(selection):
            # A gift beside goods is passed over: whether it leaves is decided by what else does.
            accepted = self._line_refusal(line) if line.line_no in goods or not goods else None
            refusal = accepted or self._quantity_refusal(line, quantity)
            if refusal:
                raise refusal
        refusal = self._order_refusal() or self._not_whole(selection)
        if refusal:
            raise refusal

    def _known(self, selection: Sequence[Selection]) -> list[tuple[Line, int]]:
        if not selection:
            raise Refusal(Code.BAD_VALUE, "selection.empty")
        seen: dict[int, tuple[Line, int]] = {}
        for wanted in selection:
            line = self._state.order.line(wanted.line_no)
            if line is None:
                raise Refusal(Code.BAD_VALUE, "line.unknown", line_no=wanted.line_no)
            if wanted.line_no in seen:
                raise Refusal(Code.BAD_VALUE, "line.repeated", line_no=wanted.line_no)
            if wanted.quantity < 1:
                raise Refusal(Code.BAD_VALUE, "quantity.not_positive", line_no=wanted.line_no, quantity=wanted.quantity)
            seen[wanted.line_no] = (line, wanted.quantity)
        return list(seen.values())

    # --- of a line ---------------------------------------------------------------------------------------------------

    def _line_refusal(self, line: Line) -> Refusal | None:
        """Why nothing of this line can be cancelled, whatever the rest of the order."""
        if self._state.units_left(line) == 0:
            return self._units_gone(line)
        if line.gift:
            return Refusal(Code.NOT_CANCELLABLE, "gift.with_goods", line_no=line.line_no)
        if not self._policy.may(self._actor, Button.CANCEL, line.status):
            return _wrong_status(line)
        change = self._changing.get(line.line_no)
        return _being_changed(line, change) if change else None

    def _quantity_refusal(self, line: Line, quantity: int) -> Refusal | None:
        left = self._state.units_left(line)
        if quantity <= left:
            return None
        holder = self._cancelling.get(line.line_no)
        return Refusal(
            Code.NOT_CANCELLABLE,
            "units.not_enough",
            line_no=line.line_no,
            left=left,
            asked=quantity,
            claim_no=holder.claim_no if holder else None,
        )

    def _units_gone(self, line: Line) -> Refusal:
        holder = self._cancelling.get(line.line_no)
        reason = "units.gone" if holder is None or holder.decided else "units.held"
        claim_no = holder.claim_no if holder else None
        return Refusal(Code.NOT_CANCELLABLE, reason, line_no=line.line_no, left=0, claim_no=claim_no)

    def _change_refusal(self, line: Line) -> Refusal | None:
        if self._state.units_left(line) == 0:
            return self._units_gone(line)
        if line.gift:
            return Refusal(Code.NOT_CANCELLABLE, "gift.with_goods", line_no=line.line_no)
        if not self._policy.may(self._actor, Button.OPTION_CHANGE, line.status):
            return _wrong_status(line)
        holder = self._unfinished.get(line.line_no)
        if holder is None:
            return None
        if holder.option_change:
            return _being_changed(line, holder)
        return Refusal(Code.NOT_CANCELLABLE, "line.held", line_no=line.line_no, claim_no=holder.claim_no)

    # --- of the order ------------------------------------------------------------------------------------------------

    def _order_refusal(self) -> Refusal | None:
        """Why nothing of the order can be cancelled, although the line itself could."""
        if self._undecided:
            return Refusal(Code.OTHER_CLAIM_UNDECIDED, "claim.undecided", claim_no=self._undecided.claim_no)
        whole = self._indivisible or self._waiting
        if whole and self._blocked:
            return Refusal(
                Code.WHOLE_ONLY, "order.whole_blocked", payment_no=whole.payment_no, line_no=self._blocked.line_no
            )
        return None

    def _not_whole(self, selection: Sequence[Selection]) -> Refusal | None:
        if self._indivisible is None and self._waiting is None:
            return None
        wanted = {one.line_no: one.quantity for one in selection}
        if all(wanted.get(line.line_no, 0) == self._state.units_left(line) for line in self._goods()):
            return None
        if self._indivisible:
            return Refusal(Code.WHOLE_ONLY, "order.whole_only", payment_no=self._indivisible.payment_no)
        payment_no = self._waiting.payment_no if self._waiting else None
        return Refusal(Code.WHOLE_ONLY, "order.unpaid", payment_no=payment_no)

    def _goods(self) -> list[Line]:
        return [line for line in self._state.order.lines if not line.gift]

    def _first_blocked(self) -> Line | None:
        """The first line with units left of which nothing can be cancelled."""
        lines = (line for line in self._goods() if self._state.units_left(line))
        return next((line for line in lines if self._line_refusal(line)), None)


def cancellable(state: OrderState, line: Line, actor: Actor, policy: Policy) -> Possible:
    """See `Gates.cancellable`; for many lines build `Gates` once."""
    return Gates(state, actor, policy).cancellable(line)


def changeable(state: OrderState, line: Line, actor: Actor, policy: Policy) -> Possible:
    """See `Gates.changeable`; for many lines build `Gates` once."""
    return Gates(state, actor, policy).changeable(line)


def check_cancel(state: OrderState, selection: Sequence[Selection], actor: Actor, policy: Policy) -> None:
    """Raises the first `Refusal`, in the order of codes, why `actor` can't cancel `selection` now.

    BAD_VALUE for an empty selection, an unknown line, a line named twice, a quantity below 1; then NOT_CANCELLABLE,
    OTHER_CLAIM_UNDECIDED, WHOLE_ONLY. The facts name the claim that holds the units, where one does.
    """
    Gates(state, actor, policy).check_cancel(selection)


def check_payable(costs: Costs, *, payment: int | None, quoted: bool, account: bool) -> None:
    """Raises PAYMENT_NEEDED when the claim needs an extra payment or a refund account that the caller did not bring.

    `payment` is the amount that the caller offers to pay; BAD_VALUE when it isn't exactly what is owed. Nobody pays
    what was not quoted: an extra payment needs a quote.
    """
    if payment is not None and payment != costs.extra:
        reason = "payment.other_amount" if costs.extra else "payment.not_needed"
        raise Refusal(Code.BAD_VALUE, reason, offered=payment, extra=costs.extra, currency=costs.currency)
    if costs.extra > 0 and payment is None:
        raise Refusal(Code.PAYMENT_NEEDED, "payment.extra", extra=costs.extra, currency=costs.currency)
    if costs.extra > 0 and not quoted:
        raise Refusal(Code.PAYMENT_NEEDED, "payment.needs_quote", extra=costs.extra, currency=costs.currency)
    if costs.needs_account and not account:
        raise Refusal(Code.PAYMENT_NEEDED, "payment.account")


def has_price(state: OrderState, selection: Sequence[Selection]) -> bool:
    """Whether the selection names goods and units that are there, so that it can be priced, whoever may cancel it.

    Nobody can tell what was paid for a part of an unpaid order: that only has a price as a whole.
    """
    wanted = {one.line_no: one.quantity for one in selection}
    lines = [line for line_no in wanted if (line := state.order.line(line_no))]
    if len(lines) < len(selection) or all(line.gift for line in lines):
        return False
    if any(wanted[line.line_no] > state.units_left(line) for line in lines):
        return False
    goods = [line for line in state.order.lines if not line.gift]
    unpaid = any(payment.waiting for payment in state.order.payments)
    return not unpaid or all(wanted.get(line.line_no, 0) == state.units_left(line) for line in goods)


def only_whole(state: OrderState) -> bool:
    """Whether a payment can't be refunded in part, so that the order can only be cancelled whole."""
    return any(not payment.partial_cancel for payment in state.order.payments)


def _holders(claims: Iterable[PriorClaim]) -> dict[int, PriorClaim]:
    """Per line a claim that holds units of it: one that isn't decided before any other, else the latest."""
    holders: dict[int, PriorClaim] = {}
    for claim in sorted(claims, key=lambda one: not one.decided):
        for held in claim.held:
            holders[held.line_no] = claim
    return holders


def _wrong_status(line: Line) -> Refusal:
    return Refusal(Code.NOT_CANCELLABLE, "line.status", line_no=line.line_no, status=line.status.value)


def _being_changed(line: Line, change: PriorClaim) -> Refusal:
    return Refusal(Code.NOT_CANCELLABLE, "line.changing", line_no=line.line_no, claim_no=change.claim_no)
