"""Orders for tests: terse builders, and the story of an order through its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from domain.claims import LegState
from domain.conservation import Books, Leg, books
from domain.costs import CostKind, Costs, CouponCause, Selection
from domain.gifts import goods_only
from domain.orders import (
    BelowMinimum,
    Benefit,
    Coupon,
    DeliveryGroup,
    Fault,
    Held,
    Item,
    Line,
    LineStatus,
    Means,
    Order,
    OrderState,
    Payment,
    PaymentStatus,
    PriorClaim,
    Promotion,
    SaleMethod,
    SaleStatus,
)
from domain.policy import Policy
from domain.pricing import price
from domain.units import take
from policies import reading

NOW = datetime(2023, 8, 8, 3, 0, tzinfo=UTC)
"""When everything happens, unless a test says otherwise."""

POLICY = reading.default()
"""The rules by which everything is reckoned, unless a test brings its own."""

# --- builders --------------------------------------------------------------------------------------------------------


def line(
    line_no: int,
    unit_price: int,
    quantity: int = 1,
    *,
    group: str = "G1",
    status: LineStatus = LineStatus.PLACED,
    tax_free: bool = False,
    points: int = 0,
) -> Line:
    return Line(
        line_no=line_no,
        goods_no=f"GOODS{line_no}",
        goods_name=f"Goods {line_no}",
        variant_no="001",
        variant_name="Red",
        quantity=quantity,
        price=unit_price,
        group_no=group,
        status=status,
        tax_free=tax_free,
        earned_points=points,
    )


def gift(
    line_no: int,
    quantity: int = 1,
    *,
    of: int | None = None,
    minimum: int | None = None,
    group: str = "G1",
    status: LineStatus = LineStatus.PLACED,
) -> Line:
    """A gift that comes with the line `of`, or from the amount `minimum`."""
    return replace(line(line_no, 0, quantity, group=group, status=status), gift_of=of, gift_minimum=minimum)


def group(
    group_no: str = "G1",
    *,
    fee: int = 0,
    free_from: int = 0,
    paid: int = 0,
    discount: int = 0,
    coupon: str | None = None,
    surcharge: int = 0,
    collect: bool = False,
) -> DeliveryGroup:
    return DeliveryGroup(group_no, f"P-{group_no}", free_from, fee, discount, paid, coupon, surcharge, collect)


def basket_coupon(
    coupon_no: str, shares: Mapping[int, int], *, minimum: int = 0, below: BelowMinimum | None = None
) -> Benefit:
    return Benefit(coupon_no, Promotion.BASKET, sum(shares.values()), minimum, dict(shares), below)


def goods_coupon(coupon_no: str, line_no: int, amount: int, *, minimum: int = 0) -> Benefit:
    return Benefit(coupon_no, Promotion.GOODS, amount, minimum, {line_no: amount})


def double_coupon(coupon_no: str, line_no: int, amount: int, *, minimum: int = 0) -> Benefit:
    return Benefit(coupon_no, Promotion.DOUBLE, amount, minimum, {line_no: amount})


def payment(
    payment_no: str,
    amount: int,
    means: Means = Means.CARD,
    *,
    status: PaymentStatus = PaymentStatus.PAID,
    partial: bool = True,
    tax_free: int | None = None,
    vat: int | None = None,
    expires: datetime | None = None,
) -> Payment:
    gateway = "sandbox" if means.external else None
    return Payment(
        payment_no,
        means,
        amount,
        status,
        gateway,
        f"pg-{payment_no}" if gateway else None,
        partial,
        tax_free=tax_free,
        vat=vat,
        expires_at=expires,
    )


def item(variant_no: str = "002", **changes: object) -> Item:
    """A variant of the goods of line 1 that could be chosen, unless `changes` say otherwise."""
    present = Item(
        goods_no="GOODS1",
        variant_no=variant_no,
        goods_name="Goods 1",
        variant_name="Blue",
        options=(("Colour", "Blue"),),
        price=10_000,
        sale_status=SaleStatus.ON_SALE,
        sale_method=SaleMethod.ORDINARY,
        stock=5,
    )
    return replace(present, **changes)  # type: ignore[arg-type]


def total(lines: Sequence[Line], groups: Sequence[DeliveryGroup], benefits: Sequence[Benefit]) -> int:
    """What the checkout took for these."""
    goods = sum(one.price * one.quantity for one in lines)
    return goods - sum(one.amount for one in benefits) + sum(one.fee_paid + one.surcharge for one in groups)


def order(
    *lines: Line,
    groups: Sequence[DeliveryGroup] = (),
    benefits: Sequence[Benefit] = (),
    payments: Sequence[Payment] = (),
    member_no: str | None = "M1",
    currency: str = "KRW",
) -> Order:
    """An order that adds up. Without `groups` everything ships free together; without `payments` one card paid it."""
    shipped = tuple(groups) or (group(),)
    return Order(
        order_no="20230808O000001",
        member_no=member_no,
        currency=currency,
        ordered_at=NOW - timedelta(days=1),
        groups=shipped,
        lines=lines,
        benefits=tuple(benefits),
        payments=tuple(payments) or (payment("1", total(lines, shipped, benefits)),),
    )


def fresh(of: Order, *, expiries: Mapping[str, datetime] | None = None) -> OrderState:
    """The state of an order without claims; a coupon expires when `expiries` says so, else never."""
    numbers = [one.coupon_no for one in of.benefits] + [one.coupon_no for one in of.groups if one.coupon_no]
    ends = expiries or {}
    return OrderState(of, (), {number: Coupon(number, ends.get(number), of.order_no) for number in numbers})


def select(wanted: Mapping[int, int]) -> tuple[Selection, ...]:
    return tuple(Selection(line_no, quantity) for line_no, quantity in wanted.items())


# --- the story of an order -------------------------------------------------------------------------------------------


@dataclass
class Story:
    """An order going through its claims, as the store keeps them: what a claim held, charged, freed and sent back."""

    state: OrderState
    policy: Policy = POLICY
    legs: dict[str, list[Leg]] = field(default_factory=dict)
    costs: dict[str, Costs] = field(default_factory=dict)
    extra_paid: int = 0
    extra_owed: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Order, *, expiries: Mapping[str, datetime] | None = None, policy: Policy = POLICY) -> Story:
        return cls(fresh(made, expiries=expiries), policy)

    def quote(self, wanted: Mapping[int, int], fault: Fault = Fault.CUSTOMER, at: datetime = NOW) -> Costs:
        return price(self.state, select(wanted), fault, at, self.policy)

    def cancel(
        self,
        wanted: Mapping[int, int],
        fault: Fault = Fault.CUSTOMER,
        *,
        at: datetime = NOW,
        decided: bool = True,
        legs: LegState = LegState.SETTLED,
    ) -> Costs:
        """Quotes and carries out. An extra payment is taken by `decide`, at once for a claim that is decided."""
        costs = self.quote(wanted, fault, at)
        claim_no = f"C{len(self.legs) + 1}"
        self.legs[claim_no] = [Leg(leg.payment_no, leg.amount, legs) for leg in costs.legs]
        self.costs[claim_no] = costs
        self.state = replace(
            self.state,
            order=_with_claim(self.state.order, costs),
            claims=(*self.state.claims, _standing(self.state, wanted, fault, costs, claim_no)),
        )
        if costs.extra:
            self.extra_owed[claim_no] = costs.extra
        if decided:
            self.decide(claim_no)
        return costs

    def decide(self, claim_no: str) -> None:
        """The claim can't be undone any more; what it charges has been taken and is one more payment of the order."""
        claims = [replace(of, decided=True, final=True) if of.claim_no == claim_no else of for of in self.state.claims]
        self.state = replace(self.state, claims=tuple(claims))
        if extra := self.extra_owed.pop(claim_no, 0):
            taken = replace(payment(f"extra-{claim_no}", extra), extra=True)
            made = self.state.order
            self.state = replace(self.state, order=replace(made, payments=(*made.payments, taken)))
            self.extra_paid += extra

    def undo(self, claim_no: str) -> None:
        """The claim was rejected: its units are free, its legs void. Only before it is decided."""
        self.state = replace(
            self.state,
            order=_without_claim(self.state.order, self.costs[claim_no]),
            claims=tuple(claim for claim in self.state.claims if claim.claim_no != claim_no),
        )
        self.legs[claim_no] = [replace(leg, state=LegState.VOID) for leg in self.legs[claim_no]]
        self.extra_owed.pop(claim_no, None)

    def return_outside(self, amounts: Mapping[str, int]) -> None:
        """Somebody returns amounts, by payment, past any claim; a negative one came to nothing after all."""
        made = self.state.order
        payments = [
            replace(one, returned_outside=one.returned_outside + amounts.get(one.payment_no, 0))
            for one in made.payments
        ]
        self.state = replace(self.state, order=replace(made, payments=tuple(payments)))

    def units_left(self) -> dict[int, int]:
        """Per line that has units left, how many; gifts are not asked for."""
        counted = {one.line_no: self.state.units_left(one) for one in self.state.order.lines if not one.gift}
        return {line_no: left for line_no, left in counted.items() if left}

    def gifts_left(self) -> dict[int, int]:
        counted = {one.line_no: self.state.units_left(one) for one in self.state.order.lines if one.gift}
        return {line_no: left for line_no, left in counted.items() if left}

    def refunded(self) -> int:
        return sum(leg.amount for legs in self.legs.values() for leg in legs if leg.state is not LegState.VOID)

    def reckoned_outside(self) -> int:
        """What claims that stand returned less, because it had gone back past any claim."""
        return sum(claim.returned_outside for claim in self.state.cancels)

    def standing_costs(self) -> list[Costs]:
        """What the claims that stand came to, in their order."""
        return [self.costs[claim.claim_no] for claim in self.state.cancels]

    def books(self) -> Books:
        legs = [leg for legs in self.legs.values() for leg in legs]
        return books(self.state, legs, self.extra_paid, sum(self.extra_owed.values()))


def held_claim(claim_no: str, held: Mapping[int, int], *, decided: bool = True, final: bool = True) -> PriorClaim:
    """A cancel claim that holds the first units of lines."""
    units = tuple(Held(line_no, 1, quantity) for line_no, quantity in held.items())
    return PriorClaim(claim_no, False, decided, final, Fault.CUSTOMER, units)


def option_claim(claim_no: str, held: Mapping[int, int], *, decided: bool = False, final: bool = False) -> PriorClaim:
    """An option change of the first units of lines."""
    return replace(held_claim(claim_no, held, decided=decided, final=final), option_change=True)


def _standing(state: OrderState, wanted: Mapping[int, int], fault: Fault, costs: Costs, claim_no: str) -> PriorClaim:
    return PriorClaim(
        claim_no=claim_no,
        option_change=False,
        decided=False,
        final=False,
        fault=fault,
        held=take(state, (*goods_only(state, select(wanted)), *costs.gifts)),
        fees_charged=_by_group(costs, CostKind.FEE_CHARGED, -1),
        fees_returned=_by_group(costs, CostKind.FEE_RETURNED, 1),
        coupons_taken_back=frozenset(
            freed.coupon_no for freed in costs.coupons if freed.cause is CouponCause.BELOW_MINIMUM
        ),
        coupons_freed=frozenset(freed.coupon_no for freed in costs.coupons),
        returned_outside=-sum(row.amount for row in costs.rows if row.kind is CostKind.RETURNED_OUTSIDE),
    )


def _by_group(costs: Costs, kind: CostKind, sign: int) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for row in costs.rows:
        if row.kind is kind and row.group_no is not None:
            amounts[row.group_no] = amounts.get(row.group_no, 0) + sign * row.amount
    return amounts


def _with_claim(of: Order, costs: Costs) -> Order:
    """The payments once the claim holds what it returns of them, and has closed those that are awaited."""
    return _moved(of, costs, 1)


def _without_claim(of: Order, costs: Costs) -> Order:
    return _moved(of, costs, -1)


def _moved(of: Order, costs: Costs, sign: int) -> Order:
    sent = {leg.payment_no: leg for leg in costs.legs}
    payments = []
    for one in of.payments:
        leg = sent.get(one.payment_no)
        payments.append(
            replace(
                one,
                refunding=one.refunding + sign * (leg.amount if leg else 0),
                refunding_tax_free=one.refunding_tax_free + sign * ((leg.tax_free or 0) if leg else 0),
                closed=sign > 0 if one.payment_no in costs.closed else one.closed,
            )
        )
    return replace(of, payments=tuple(payments))
