"""What a cancel would come to with any reason, as anybody, at any time: for staff, who have to answer such questions.

It reads, reckons and forgets; there is no token, so nothing can be cancelled by it.
"""

from __future__ import annotations

from datetime import datetime

from api import texts
from api.quoting import quote_view
from api.schemas.storefront.quote import QuoteView, WhyNot
from api.ways import ways_to_pay
from domain.claims import Actor
from domain.costs import Selection
from domain.eligibility import check_cancel, has_price
from domain.orders import OrderState
from domain.policy import Policy
from domain.pricing import price
from domain.refusals import Refusal
from store.database import Connection


async def what_if(
    conn: Connection,
    policy: Policy,
    state: OrderState,
    selection: tuple[Selection, ...],
    reason_code: str,
    actor: Actor,
    at: datetime,
    language: str,
) -> QuoteView:
    """What the cancel comes to at `at`, aware UTC, and why `actor` could not make it, when they could not.

    Raises the refusal itself where there is no price: a reason that the shop does not have, a selection of units that
    aren't there, a partial cancel that the payments or a coupon forbid.
    """
    reason = policy.reason(reason_code)
    if not has_price(state, selection):
        check_cancel(state, selection, actor, policy)
    why_not = _refusal(policy, state, selection, reason_code, actor)
    costs = price(state, selection, reason.fault, at, policy)
    ways = await ways_to_pay(conn, policy.extra_payment, state.order.member_no, costs.extra)
    return quote_view(
        state, costs, policy, ways, language, why_not=_told(why_not, language) if why_not is not None else None
    )


def _refusal(
    policy: Policy, state: OrderState, selection: tuple[Selection, ...], reason_code: str, actor: Actor
) -> Refusal | None:
    """What the gates would say first, to this actor."""
    try:
        policy.reason(reason_code, actor)
        check_cancel(state, selection, actor, policy)
    except Refusal as refusal:
        return refusal
    return None


def _told(refusal: Refusal, language: str) -> WhyNot:
    return WhyNot(code=refusal.code.value, error=refusal.reason, message=texts.refusal(refusal, language))
