"""Random orders, policies and cancels, for property tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from domain.orders import (
    BelowMinimum,
    Benefit,
    DeliveryGroup,
    Fault,
    Line,
    LineStatus,
    Means,
    Order,
    Payment,
    PaymentStatus,
    Promotion,
)
from domain.policy import Allocation, BelowThreshold, EarnedPoints, ExpiredMileage, Policy, Returning
from tests.support.orders import NOW, POLICY, Story, gift, group, line, order, payment, total

FAULTS = st.sampled_from(Fault)
CURRENCIES = st.sampled_from(["KRW", "JPY", "USD", "EUR", "KWD"])
_EXPIRIES = st.sampled_from([None, NOW - timedelta(days=1), NOW, NOW + timedelta(seconds=1), NOW + timedelta(days=9)])
_FRACTION = st.integers(0, 1_000_000)
_DIVISORS = st.sampled_from([1, 4, 10])
_PRICES = st.one_of(st.integers(1, 9), st.integers(1, 30_000))
_SELDOM = st.sampled_from([False] * 9 + [True])
_SOMETIMES = st.sampled_from([False, False, True])


def _tested(lines: Sequence[Line], benefits: Sequence[Benefit]) -> int:
    """What thresholds and minimums of these lines are tested with at purchase."""
    single = [of for of in benefits if of.promotion is not Promotion.BASKET]
    discounts = sum(of.shares.get(one.line_no, 0) for of in single for one in lines)
    return sum(one.price * one.quantity for one in lines) - discounts


def _near(draw: st.DrawFn, amount: int) -> int:
    """Up to `amount`, and often so near to it that one unit less misses it."""
    share = draw(st.sampled_from([0, 1, 1, 3])) * draw(_FRACTION)
    return amount - amount * share // 3_000_000


def _upto(draw: st.DrawFn, amount: int) -> int:
    """From 0 to `amount`. One strategy for all amounts: making one for each costs more than drawing from it."""
    return amount * draw(_FRACTION) // 1_000_000


def _group(draw: st.DrawFn, group_no: str, tested: int) -> DeliveryGroup:
    """Free by its threshold most of all; or shipped for a fee, by a coupon in whole or in part, or paid at the door."""
    fee = draw(st.sampled_from([3_000, 2_500, 1, 0]))
    surcharge = draw(st.sampled_from([0, 0, 0, 1, 4_000]))
    threshold = _near(draw, tested)
    match draw(st.sampled_from(["threshold", "threshold", "threshold", "fee", "coupon", "any", "collect"])):
        case "threshold":
            return group(group_no, fee=fee, free_from=threshold, surcharge=surcharge)
        case "fee":
            return group(group_no, fee=fee, free_from=tested + 1, paid=fee, surcharge=surcharge)
        case "coupon":
            discount = fee if draw(st.booleans()) else _upto(draw, fee)
            coupon = draw(st.sampled_from([f"S-{group_no}", "S-shared"]))
            return group(group_no, fee=fee, free_from=threshold, paid=fee - discount, discount=discount, coupon=coupon)
        case "collect":
            return group(group_no, fee=fee, free_from=threshold, collect=True)
        case _:
            paid = _upto(draw, fee)
            return group(group_no, fee=fee, free_from=_upto(draw, 60_000), paid=paid, surcharge=surcharge)


def _benefits(draw: st.DrawFn, lines: Sequence[Line], *, forbidding: bool) -> tuple[Benefit, ...]:
    """Goods, double and basket coupons that discount no line below nothing; some make a line free together."""
    rest = {one.line_no: one.price * one.quantity for one in lines}
    made = _coupons_that_make_free(draw, draw(st.sampled_from(lines)), rest) if draw(_SOMETIMES) else []
    for number in range(draw(st.integers(0, 2))):
        line_no = draw(st.sampled_from(sorted(rest)))
        amount = _upto(draw, rest[line_no] // draw(_DIVISORS))
        rest[line_no] -= amount
        promotion = draw(st.sampled_from([Promotion.GOODS, Promotion.DOUBLE]))
        made.append(Benefit(f"A-{number}", promotion, amount, 0, {line_no: amount}))
    below = [None, None, BelowMinimum.TAKE_BACK, BelowMinimum.KEEP] + [BelowMinimum.FORBID] * forbidding
    for number in range(draw(st.integers(0, 2))):
        line_nos = draw(st.permutations(sorted(rest)))[: draw(st.integers(1, len(lines)))]
        shares = {}
        for line_no in line_nos:
            shares[line_no] = _upto(draw, rest[line_no] // draw(_DIVISORS))
            rest[line_no] -= shares[line_no]
        minimum = _near(draw, _tested([one for one in lines if one.line_no in shares], made))
        declared = draw(st.sampled_from(below))
        made.append(Benefit(f"B-{number}", Promotion.BASKET, sum(shares.values()), minimum, shares, declared))
    return tuple(made)


def _coupons_that_make_free(draw: st.DrawFn, of: Line, rest: dict[int, int]) -> list[Benefit]:
    """Two or three coupons, each rounded by itself, that leave a line to be paid with nothing or next to nothing."""
    left = rest[of.line_no] - draw(st.integers(0, 1))
    parts = [draw(st.integers(0, left))]
    parts.append(draw(st.integers(0, left - parts[0])))
    parts.append(left - sum(parts))
    rest[of.line_no] -= left
    return [Benefit(f"F-{number}", Promotion.GOODS, part, 0, {of.line_no: part}) for number, part in enumerate(parts)]


def _payments(draw: st.DrawFn, amount: int) -> tuple[Payment, ...]:
    """`amount` over one to four means, some of them perhaps with nothing; some told of their tax parts."""
    means = draw(st.lists(st.sampled_from(Means), min_size=1, max_size=4))
    parts: list[int] = []
    for _ in means[1:]:
        parts.append(_upto(draw, amount - sum(parts)))
    parts.append(amount - sum(parts))
    return tuple(
        _told(draw, payment(str(number), part, one))
        for number, (one, part) in enumerate(zip(means, parts, strict=True))
    )


def _told(draw: st.DrawFn, made: Payment) -> Payment:
    if made.means is Means.MILEAGE:
        return replace(made, expires_at=draw(_EXPIRIES))
    if not made.means.external or draw(st.booleans()):
        return made
    free = _upto(draw, made.amount) if draw(st.booleans()) else None
    vat = _upto(draw, made.amount - (free or 0)) if draw(st.booleans()) else None
    return replace(made, tax_free=free, vat=vat)


def _gifts(draw: st.DrawFn, lines: Sequence[Line]) -> tuple[Line, ...]:
    """Gifts of a line or from an amount, in the groups of the goods or in one of their own."""
    listed = sum(one.price * one.quantity for one in lines)
    group_nos = [*sorted({one.group_no for one in lines}), "G-gifts"]
    made = []
    for number in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
        by_line = draw(st.booleans())
        made.append(
            gift(
                len(lines) + number + 1,
                draw(st.integers(1, 3)),
                of=draw(st.sampled_from(lines)).line_no if by_line else None,
                minimum=None if by_line else max(1, _near(draw, listed)),
                group=draw(st.sampled_from(group_nos)),
            )
        )
    return tuple(made)


def _coupons_of_gifts(draw: st.DrawFn, lines: Sequence[Line], gifts: Sequence[Line]) -> list[Benefit]:
    """Sometimes a coupon that lists a gift with nothing off, alone or beside goods."""
    if not gifts or not draw(_SOMETIMES):
        return []
    listed = [draw(st.sampled_from(lines)), gifts[0]] if draw(st.booleans()) else [gifts[0]]
    promotion = Promotion.BASKET if len(listed) > 1 else draw(st.sampled_from([Promotion.GOODS, Promotion.BASKET]))
    minimum = _near(draw, _tested(listed, ()))
    return [Benefit("C-gift", promotion, 0, minimum, {one.line_no: 0 for one in listed})]


def _held_together(draw: st.DrawFn, payments: Sequence[Payment]) -> tuple[Payment, ...]:
    """Now and then a payment that is still awaited, or one that can't be returned in part."""
    number = draw(st.integers(0, len(payments) - 1))
    changed = replace(payments[number], partial_cancel=False)
    if draw(st.booleans()):
        changed = replace(payments[number], means=Means.VIRTUAL_ACCOUNT, status=PaymentStatus.WAITING, expires_at=None)
    return tuple(changed if one is payments[number] else one for one in payments)


@st.composite
def orders(draw: st.DrawFn, max_lines: int = 6, max_quantity: int = 6, *, everything: bool = False) -> Order:
    """A member's order that adds up, of which everything can still be cancelled.

    With `everything` it may have gifts, coupons that forbid partial cancels, and payments that hold it together.
    """
    group_nos = [f"G{number}" for number in range(draw(st.integers(1, 3)))]
    lines = tuple(
        line(
            line_no,
            draw(_PRICES),
            draw(st.integers(1, max_quantity)),
            group=group_nos[(line_no - 1) % len(group_nos)],
            tax_free=draw(st.booleans()),
            points=draw(st.sampled_from([0, 0, 1, 7, 300])),
        )
        for line_no in range(1, draw(st.integers(len(group_nos), max(max_lines, len(group_nos)))) + 1)
    )
    benefits = _benefits(draw, lines, forbidding=everything)
    groups = tuple(
        _group(draw, group_no, _tested([one for one in lines if one.group_no == group_no], benefits))
        for group_no in group_nos
    )
    payments = _payments(draw, total(lines, groups, benefits))
    gifts: tuple[Line, ...] = ()
    if everything:
        gifts = _gifts(draw, lines)
        payments = _held_together(draw, payments) if draw(_SELDOM) else payments
    if any(one.group_no == "G-gifts" for one in gifts):
        groups = (*groups, group("G-gifts", fee=3_000, free_from=20_000))
        benefits = (*benefits, *_coupons_of_gifts(draw, lines, gifts))
    return order(*lines, *gifts, groups=groups, benefits=benefits, payments=payments, currency=draw(CURRENCIES))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """The shop's rules, or any others for shipping, coupons and refunds."""
    if not draw(_SOMETIMES):
        return POLICY
    allocation = draw(st.sampled_from(Allocation))
    caps = draw(st.dictionaries(st.sampled_from(Means), st.integers(0, 20_000), max_size=2))
    expired = st.sampled_from([Returning.EXTEND, Returning.REISSUE, Returning.FORFEIT])
    parts = {
        "shipping": {"below_threshold": draw(st.sampled_from([BelowThreshold.CHARGE, *BelowThreshold]))},
        "coupons": {
            "below_minimum": draw(st.sampled_from([BelowMinimum.TAKE_BACK, *BelowMinimum])),
            "unexpired": draw(st.sampled_from([Returning.RESTORE, Returning.REISSUE])),
            "expired_customer_fault": draw(expired),
            "expired_seller_fault": draw(expired),
        },
        "refund": {
            "allocation": allocation,
            "sequence": draw(st.permutations(list(Means))) if allocation is Allocation.SEQUENCE else (),
            "caps": caps,
            "expired_mileage": draw(st.sampled_from(ExpiredMileage)),
            "earned_points": draw(st.sampled_from(EarnedPoints)),
        },
    }
    return Policy.model_validate({**POLICY.model_dump(), **parts})


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A random order before its first claim, whose coupons may have expired, under a random policy."""
    made = draw(orders(everything=True))
    numbers = [one.coupon_no for one in made.benefits] + [one.coupon_no for one in made.groups if one.coupon_no]
    expiries = {number: draw(_EXPIRIES) for number in numbers}
    known = {number: at for number, at in expiries.items() if at}
    return Story.of(made, expiries=known, policy=draw(policies()))


@st.composite
def free_lines(draw: st.DrawFn) -> Story:
    """An order with a line that several coupons make free or all but free, beside goods that were paid for."""
    free = line(1, draw(st.integers(1, 4)), draw(st.integers(2, 7)))
    rest = {1: free.price * free.quantity}
    coupons = _coupons_that_make_free(draw, free, rest)
    if draw(st.booleans()):
        coupons[-1] = replace(coupons[-1], promotion=Promotion.BASKET, minimum=draw(st.integers(0, 20)))
    made = order(
        free, line(2, 1_000, 2), benefits=coupons, groups=[group(fee=1, free_from=draw(st.integers(0, 2_000)))]
    )
    return Story.of(made)


@st.composite
def partial_cancels(draw: st.DrawFn, left: Mapping[int, int]) -> dict[int, int]:
    """Some of the units left, at least one; most often a few of one line, seldom all that there is."""
    if draw(_SELDOM):
        return dict(left)
    line_nos = draw(st.lists(st.sampled_from(sorted(left)), min_size=1, max_size=2, unique=True))
    return {line_no: draw(st.integers(1, left[line_no])) for line_no in line_nos}


def shipped(story: Story, line_no: int) -> None:
    """The shop sends off what is left of a line."""
    made = story.state.order
    lines = tuple(replace(one, status=LineStatus.SHIPPED) if one.line_no == line_no else one for one in made.lines)
    story.state = replace(story.state, order=replace(made, lines=lines))
