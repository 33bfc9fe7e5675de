"""How a refund is spread over the payments of an order, by each policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.allocation import spread
from domain.costs import PlannedLeg
from domain.orders import Means, Payment, PaymentStatus
from domain.policy import Allocation, ExpiredMileage, RefundPolicy
from tests.support.orders import NOW, Story, line, order, payment

EXTERNAL_FIRST = RefundPolicy()
PROPORTIONAL = RefundPolicy(allocation=Allocation.PROPORTIONAL)
BALANCES_FIRST = (
    Means.MILEAGE,
    Means.DEPOSIT,
    Means.GIFT_CARD,
    Means.SIMPLE_PAY,
    Means.CARD,
    Means.BANK_TRANSFER,
    Means.VIRTUAL_ACCOUNT,
)
SEQUENCE = RefundPolicy(allocation=Allocation.SEQUENCE, sequence=BALANCES_FIRST)

EVERY_MEANS = [
    payment("1", 1_000, Means.MILEAGE),
    payment("2", 1_000, Means.DEPOSIT),
    payment("3", 1_000, Means.GIFT_CARD),
    payment("4", 1_000, Means.CARD),
    payment("5", 1_000, Means.SIMPLE_PAY),
]


def capped(policy: RefundPolicy, **caps: int) -> RefundPolicy:
    """The policy with caps, by the names of means."""
    return policy.model_copy(update={"caps": {Means(means): most for means, most in caps.items()}})


def told(legs: Sequence[PlannedLeg]) -> dict[str, int]:
    return {leg.payment_no: leg.amount for leg in legs}


# --- examples: the order of payments ----------------------------------------------------------------------------------


def test_external_means_first_in_their_order_then_gift_card_deposit_mileage() -> None:
    assert [leg.payment_no for leg in spread(5_000, EVERY_MEANS, EXTERNAL_FIRST)] == ["4", "5", "3", "2", "1"]


def test_means_in_the_shops_own_sequence_and_alike_ones_as_they_were_paid() -> None:
    twice = [*EVERY_MEANS, payment("6", 1_000, Means.MILEAGE)]
    assert told(spread(3_500, twice, SEQUENCE)) == {"1": 1_000, "6": 1_000, "2": 1_000, "3": 500}


def test_in_proportion_to_what_is_left() -> None:
    used = [payment("1", 9_000), replace(payment("2", 9_000, Means.MILEAGE), refunding=6_000)]
    assert told(spread(4_000, used, PROPORTIONAL)) == {"1": 3_000, "2": 1_000}


def test_the_unit_that_does_not_divide_goes_to_one_of_them() -> None:
    """P13: a rounding residue that can never be returned."""
    three = [payment(number, 1_000, means) for number, means in zip("123", BALANCES_FIRST, strict=False)]
    parts = told(spread(1_000, three, PROPORTIONAL))
    assert sorted(parts.values()) == [333, 333, 334]
    rest = [replace(one, refunding=parts[one.payment_no]) for one in three]
    assert told(spread(2_000, rest, PROPORTIONAL)) == {one.payment_no: one.left for one in rest}


def test_each_payment_up_to_what_is_left_on_it() -> None:
    used = [replace(EVERY_MEANS[3], refunding=700), *EVERY_MEANS[:1]]
    assert spread(400, used, EXTERNAL_FIRST) == (
        PlannedLeg("4", Means.CARD, 300),
        PlannedLeg("1", Means.MILEAGE, 100),
    )


@pytest.mark.parametrize("policy", [EXTERNAL_FIRST, PROPORTIONAL, SEQUENCE])
def test_no_leg_is_zero(policy: RefundPolicy) -> None:
    assert spread(0, EVERY_MEANS, policy) == ()
    empty = [replace(EVERY_MEANS[3], refunding=1_000), EVERY_MEANS[4]]
    assert [leg.payment_no for leg in spread(1_000, empty, policy)] == ["5"]


@pytest.mark.parametrize("policy", [EXTERNAL_FIRST, PROPORTIONAL, SEQUENCE])
def test_waiting_payments_give_nothing_back(policy: RefundPolicy) -> None:
    waiting = payment("1", 1_000, Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING)
    assert [leg.payment_no for leg in spread(500, [waiting, payment("2", 500)], policy)] == ["2"]


@pytest.mark.parametrize("policy", [EXTERNAL_FIRST, PROPORTIONAL, SEQUENCE, capped(EXTERNAL_FIRST, card=500)])
def test_more_than_the_payments_hold_is_a_defect(policy: RefundPolicy) -> None:
    with pytest.raises(ValueError, match=r"^1 of a refund of 1001 is more than the payments hold$"):
        spread(1_001, [payment("1", 1_000)], policy)


# --- examples: caps ---------------------------------------------------------------------------------------------------


def test_what_a_cap_keeps_from_a_means_goes_to_the_others() -> None:
    paid = [payment("1", 1_000), payment("2", 1_000, Means.DEPOSIT)]
    assert told(spread(900, paid, capped(EXTERNAL_FIRST, card=400))) == {"1": 400, "2": 500}


def test_a_cap_is_of_the_means_whatever_its_payments() -> None:
    paid = [payment("1", 1_000), payment("2", 1_000), payment("3", 1_000, Means.DEPOSIT)]
    assert told(spread(1_500, paid, capped(EXTERNAL_FIRST, card=1_200))) == {"1": 1_000, "2": 200, "3": 300}


def test_a_cap_never_keeps_money_back() -> None:
    paid = [payment("1", 1_000), payment("2", 200, Means.MILEAGE)]
    assert told(spread(1_200, paid, capped(EXTERNAL_FIRST, card=400))) == {"1": 1_000, "2": 200}
    assert told(spread(700, paid, capped(EXTERNAL_FIRST, card=0, mileage=0))) == {"1": 700}


def test_in_proportion_what_a_cap_keeps_is_divided_in_proportion_too() -> None:
    paid = [payment("1", 6_000), payment("2", 3_000, Means.SIMPLE_PAY), payment("3", 3_000, Means.MILEAGE)]
    assert told(spread(4_000, paid, PROPORTIONAL)) == {"1": 2_000, "2": 1_000, "3": 1_000}
    assert told(spread(4_000, paid, capped(PROPORTIONAL, mileage=400))) == {"1": 2_400, "2": 1_200, "3": 400}


# --- examples: what a leg carries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "needed"), [(1, False), (2, True)])
def test_an_account_is_needed_only_when_a_virtual_account_is_touched(quantity: int, needed: bool) -> None:
    paid = [payment("1", 1_000), payment("2", 1_000, Means.VIRTUAL_ACCOUNT)]
    costs = Story.of(order(line(1, 1_000, 2), payments=paid)).quote({1: quantity})
    assert costs.needs_account is needed


@pytest.mark.parametrize(
    ("policy", "expired_for", "days"),
    [
        (RefundPolicy(mileage_days=14), timedelta(0), 14),
        (RefundPolicy(mileage_days=14), timedelta(days=400), 14),
        (RefundPolicy(mileage_days=14), timedelta(seconds=-1), None),
        (RefundPolicy(expired_mileage=ExpiredMileage.KEEP_EXPIRY), timedelta(days=400), None),
    ],
)
def test_mileage_that_had_expired_comes_back_valid_by_policy(
    policy: RefundPolicy, expired_for: timedelta, days: int | None
) -> None:
    paid = [payment("1", 500, Means.MILEAGE, expires=NOW - expired_for)]
    assert spread(300, paid, policy, at=NOW) == (PlannedLeg("1", Means.MILEAGE, 300, valid_days=days),)


def test_only_gateways_that_were_told_parts_are_told_parts() -> None:
    paid = [payment("1", 1_000), payment("2", 1_100, Means.SIMPLE_PAY, tax_free=0, vat=100)]
    plain, taxed = spread(1_550, paid, EXTERNAL_FIRST, tax_free=1_000)
    assert (plain.tax_free, plain.vat) == (None, None)
    assert (taxed.amount, taxed.tax_free, taxed.vat) == (550, 0, 50)


def test_a_tax_free_part_is_told_as_far_as_it_was_paid() -> None:
    paid = [payment("1", 2_000, tax_free=300)]
    assert spread(900, paid, EXTERNAL_FIRST, tax_free=900) == (PlannedLeg("1", Means.CARD, 900, tax_free=300),)
    assert spread(900, paid, EXTERNAL_FIRST, tax_free=-50) == (PlannedLeg("1", Means.CARD, 900, tax_free=0),)
    [rest] = spread(1_900, paid, EXTERNAL_FIRST, tax_free=0)
    assert rest.tax_free == 200  # 1,700 were taxable


def test_what_one_gateway_is_told_to_be_free_of_tax_no_other_is_told_again() -> None:
    paid = [payment("1", 600, tax_free=200), payment("2", 600, Means.SIMPLE_PAY, tax_free=400)]
    legs = spread(1_000, paid, EXTERNAL_FIRST, tax_free=300)
    assert [(leg.payment_no, leg.amount, leg.tax_free) for leg in legs] == [("1", 600, 200), ("2", 400, 200)]
    small = [payment("1", 600, tax_free=200), payment("2", 600, Means.SIMPLE_PAY, tax_free=300)]
    assert [leg.tax_free for leg in spread(800, small, EXTERNAL_FIRST, tax_free=250)] == [200, 50]


# --- properties -------------------------------------------------------------------------------------------------------

AMOUNTS = st.one_of(st.integers(0, 12), st.integers(0, 100_000))
CAPS = st.dictionaries(st.sampled_from(Means), AMOUNTS, max_size=4)
SEQUENCES = st.permutations(list(Means)).map(
    lambda means: RefundPolicy(allocation=Allocation.SEQUENCE, sequence=tuple(means))
)
UNCAPPED = st.one_of(st.just(EXTERNAL_FIRST), st.just(PROPORTIONAL), SEQUENCES)
POLICIES = st.builds(lambda policy, caps: policy.model_copy(update={"caps": caps}), UNCAPPED, CAPS)


@st.composite
def payments(draw: st.DrawFn) -> list[Payment]:
    """Up to six payments of any means, some of it returned before, some still awaited."""
    made = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        amount = draw(AMOUNTS)
        one = payment(str(number), amount, draw(st.sampled_from(Means)))
        waits = draw(st.integers(0, 9)) == 0
        returned = draw(st.integers(0, amount))
        made.append(replace(one, status=PaymentStatus.WAITING) if waits else replace(one, refunding=returned))
    return made


def held(paid: Sequence[Payment]) -> dict[str, Payment]:
    """What can be given back to."""
    return {one.payment_no: one for one in paid if one.status is PaymentStatus.PAID and one.left}


def by_means(amounts: Mapping[str, int], paid: Mapping[str, Payment]) -> dict[Means, int]:
    sums: dict[Means, int] = {}
    for number, amount in amounts.items():
        sums[paid[number].means] = sums.get(paid[number].means, 0) + amount
    return sums


@given(st.data(), payments(), POLICIES)
def test_all_of_it_goes_back_and_nowhere_more_than_is_left(
    data: st.DataObject, paid: list[Payment], policy: RefundPolicy
) -> None:
    takers = held(paid)
    amount = data.draw(st.integers(0, sum(one.left for one in takers.values())))
    legs = spread(amount, paid, policy)
    assert sum(leg.amount for leg in legs) == amount
    assert len(told(legs)) == len(legs)
    assert all(0 < leg.amount <= takers[leg.payment_no].left for leg in legs)
    assert all(leg.means is takers[leg.payment_no].means for leg in legs)
    assert spread(amount, paid, policy) == legs


@given(st.data(), payments(), POLICIES)
def test_a_cap_gives_way_only_when_nothing_else_can_take_more(
    data: st.DataObject, paid: list[Payment], policy: RefundPolicy
) -> None:
    takers = held(paid)
    amount = data.draw(st.integers(0, sum(one.left for one in takers.values())))
    parts = told(spread(amount, paid, policy))
    given_back, left = by_means(parts, takers), by_means({no: one.left for no, one in takers.items()}, takers)
    overridden = [means for means, most in policy.caps.items() if given_back.get(means, 0) > most]
    if overridden:
        for means, most in left.items():
            assert given_back.get(means, 0) >= min(most, policy.caps.get(means, most)), means


@given(st.data(), payments(), st.one_of(st.just(EXTERNAL_FIRST), SEQUENCES), CAPS)
def test_a_later_payment_gets_nothing_while_an_earlier_one_could_take_it(
    data: st.DataObject, paid: list[Payment], policy: RefundPolicy, caps: dict[Means, int]
) -> None:
    policy = policy.model_copy(update={"caps": caps})
    takers = held(paid)
    own = (Means.GIFT_CARD, Means.DEPOSIT, Means.MILEAGE)

    def place(one: Payment) -> tuple[int, int]:
        if policy.sequence:
            return policy.sequence.index(one.means), paid.index(one)
        return own.index(one.means) + 1 if one.means in own else 0, paid.index(one)

    amount = data.draw(st.integers(0, sum(one.left for one in takers.values())))
    parts = told(spread(amount, paid, policy))
    given_back = by_means(parts, takers)
    if any(given_back.get(means, 0) > most for means, most in caps.items()):
        return  # the caps gave way: told above
    ordered = sorted(takers.values(), key=place)
    assert list(parts) == [one.payment_no for one in ordered if one.payment_no in parts]
    last = max((ordered.index(takers[no]) for no in parts), default=0)
    for one in ordered[:last]:
        full = parts.get(one.payment_no, 0) == one.left
        assert full or given_back.get(one.means, 0) == caps.get(one.means), one


@given(st.data(), payments())
def test_in_proportion_every_part_is_right_to_the_unit(data: st.DataObject, paid: list[Payment]) -> None:
    takers = held(paid)
    total = sum(one.left for one in takers.values())
    amount = data.draw(st.integers(0, total))
    parts = told(spread(amount, paid, PROPORTIONAL))
    for number, one in takers.items():
        assert abs(parts.get(number, 0) - Fraction(amount * one.left, total)) < 1


@given(st.data(), payments(), CAPS)
def test_in_proportion_the_means_without_a_cap_share_what_the_caps_keep(
    data: st.DataObject, paid: list[Payment], caps: dict[Means, int]
) -> None:
    takers = held(paid)
    amount = data.draw(st.integers(0, sum(one.left for one in takers.values())))
    parts = told(spread(amount, paid, PROPORTIONAL.model_copy(update={"caps": caps})))
    free = {number: one for number, one in takers.items() if one.means not in caps}
    total, shared = sum(one.left for one in free.values()), sum(parts.get(number, 0) for number in free)
    for number, one in free.items():
        # Each round of dividing may round once.
        assert abs(parts.get(number, 0) - Fraction(shared * one.left, total)) < len(caps) + 1


@st.composite
def taxed_payments(draw: st.DrawFn) -> list[Payment]:
    """Payments whose gateways were told a tax-free part, the VAT, both or neither."""
    made = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        amount = draw(AMOUNTS)
        free = draw(st.none() | st.integers(0, amount))
        vat = draw(st.none() | st.integers(0, amount - (free or 0)))
        made.append(payment(str(number), amount, draw(st.sampled_from(Means)), tax_free=free, vat=vat))
    return made


@given(st.data(), taxed_payments(), POLICIES)
def test_in_whatever_pieces_the_tax_parts_come_back_whole(
    data: st.DataObject, paid: list[Payment], policy: RefundPolicy
) -> None:
    standing = {one.payment_no: one for one in paid}
    vat = dict.fromkeys(standing, 0)
    while total := sum(one.left for one in standing.values()):
        amount = data.draw(st.integers(1, total))
        # How much of it is for goods that are free of tax: what a cancel takes back may even exceed them.
        for leg in spread(amount, list(standing.values()), policy, tax_free=data.draw(st.integers(-50, 2 * amount))):
            one = standing[leg.payment_no]
            assert (leg.tax_free is None, leg.vat is None) == (one.tax_free is None, one.vat is None)
            assert 0 <= (leg.tax_free or 0) <= leg.amount
            assert 0 <= (leg.vat or 0) <= leg.amount - (leg.tax_free or 0)
            vat[leg.payment_no] += leg.vat or 0
            standing[leg.payment_no] = replace(
                one,
                refunding=one.refunding + leg.amount,
                refunding_tax_free=one.refunding_tax_free + (leg.tax_free or 0),
            )
    for one in standing.values():
        assert one.refunding_tax_free == (one.tax_free or 0)
        assert vat[one.payment_no] == (one.vat or 0)
