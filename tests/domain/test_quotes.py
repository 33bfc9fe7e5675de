"""A quote is kept to the last row, or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.costs import Costs
from domain.orders import Fault
from domain.policy import Returning
from domain.quotes import QuoteTerms, check_request, check_terms, fingerprint
from domain.refusals import Code, Refusal
from tests.support.orders import NOW, POLICY, Story, basket_coupon, line, order, select

ORDER = order(line(1, 10_000, 3), line(2, 5_000), benefits=[basket_coupon("B1", {1: 3_000, 2: 500}, minimum=30_000)])
COSTS = Story.of(ORDER).quote({1: 1, 2: 1})
TERMS = QuoteTerms(
    nonce="n-1",
    order_no=ORDER.order_no,
    selection=select({1: 1, 2: 1}),
    reason_code="10",
    quoted_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    refund=COSTS.refund,
    extra=COSTS.extra,
    fingerprint=fingerprint(COSTS),
)


def refused(costs: Costs = COSTS, *, minutes: int = 0) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_terms(TERMS, costs, NOW + timedelta(minutes=minutes))
    return caught.value


def test_the_same_amounts_in_time_are_kept() -> None:
    check_terms(TERMS, Story.of(ORDER).quote({2: 1, 1: 1}), NOW + timedelta(minutes=29))


@pytest.mark.parametrize(
    "changed",
    [
        replace(COSTS, refund=COSTS.refund - 1),
        replace(COSTS, extra=1),
        replace(COSTS, legs=(replace(COSTS.legs[0], payment_no="2"),)),
        replace(COSTS, rows=COSTS.rows[1:]),
        replace(COSTS, coupons=(replace(COSTS.coupons[0], returning=Returning.FORFEIT),)),
        replace(COSTS, currency="USD"),
    ],
)
def test_any_other_amount_leg_row_or_coupon_is_refused(changed: Costs) -> None:
    refusal = refused(changed)
    assert (refusal.code, refusal.reason) == (Code.QUOTE_CHANGED, "quote.changed")
    assert refusal.facts["quoted_refund"] == TERMS.refund


def test_an_expired_quote_is_refused_even_unchanged_and_first_of_all() -> None:
    assert refused(minutes=30).code is Code.QUOTE_EXPIRED
    assert refused(replace(COSTS, refund=0), minutes=31).code is Code.QUOTE_EXPIRED


def test_another_claim_in_between_changes_the_quote() -> None:
    story = Story.of(ORDER)
    story.cancel({1: 1})
    assert refused(story.quote({1: 1, 2: 1})).code is Code.QUOTE_CHANGED


def test_a_coupon_that_expires_after_the_quote_changes_nothing() -> None:
    story = Story.of(ORDER, expiries={"B1": NOW + timedelta(minutes=1)})
    check_terms(TERMS, story.quote({1: 1, 2: 1}, at=TERMS.quoted_at), NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("order_no", "wanted", "reason_code"),
    [("other", {1: 1, 2: 1}, "10"), (ORDER.order_no, {1: 2, 2: 1}, "10"), (ORDER.order_no, {1: 1, 2: 1}, "50")],
)
def test_a_quote_of_another_request(order_no: str, wanted: dict[int, int], reason_code: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_request(TERMS, order_no, select(wanted), reason_code)
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, "quote.other_request")


def test_the_lines_may_be_named_in_any_order() -> None:
    check_request(TERMS, ORDER.order_no, select({2: 1, 1: 1}), "10")


def test_a_reason_says_at_whose_fault() -> None:
    assert [POLICY.reason(code).fault for code in ("10", "20", "30")] == [Fault.CUSTOMER] * 3
    assert [POLICY.reason(code).fault for code in ("50", "60", "70")] == [Fault.SELLER] * 3
    assert all(set(reason.names) == {"ko", "en"} for reason in POLICY.reasons)


def test_an_unknown_reason() -> None:
    with pytest.raises(Refusal) as caught:
        POLICY.reason("40")
    assert (caught.value.code, caught.value.reason) == (Code.BAD_VALUE, "reason.unknown")
