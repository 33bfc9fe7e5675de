"""The golden cases of tests/golden: each step comes to what its case says, and the books balance after each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain.claims import Actor, LegState
from domain.costs import CostKind, CostRow, Costs, FreedCoupon, PlannedLeg, Rule
from domain.eligibility import check_cancel, check_payable
from domain.orders import Fault, Means
from domain.policy import Allocation, Policy, Returning
from domain.quotes import QuoteTerms, check_request, check_terms, fingerprint
from domain.refusals import Refusal
from tests.support.explained import check_explained
from tests.support.golden import (
    DIRECTORY,
    AnyStep,
    Asked,
    Cancel,
    Case,
    ChangePolicy,
    CouponEnd,
    Decide,
    Golden,
    GoldenError,
    Move,
    OptionChange,
    Provided,
    Quote,
    ReturnOutside,
    Stage,
    Step,
    Undo,
    load,
    overriding,
)
from tests.support.orders import Story, option_claim, select

GOLDEN = load()
QUOTE_LIFE = timedelta(minutes=30)
LEGS = {Stage.UNDECIDED: LegState.PLANNED, Stage.PENDING: LegState.PENDING, Stage.DONE: LegState.SETTLED}


@pytest.mark.parametrize("golden", GOLDEN, ids=str)
def test_golden(golden: Golden) -> None:
    Teller(golden.case).tell()


class Teller:
    """Takes an order through the steps of its case."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._story = Story.of(case.order(), expiries=case.expires, policy=overriding(case.policy))
        self._quotes: dict[str, QuoteTerms] = {}

    def tell(self) -> None:
        self._check_books(Step(), "before the first step")
        for number, step in enumerate(self._case.steps, start=1):
            where = f"step {number}"
            self._take(step, where)
            self._check_books(step, where)
        if not self._story.units_left():
            books = self._story.books()
            back = self._story.refunded() + self._story.reckoned_outside()
            assert back == books.paid + books.extra_paid, "nothing is left, so all must be back"

    def _take(self, step: AnyStep, where: str) -> None:
        match step:
            case Quote():
                self._ask(step, where, lambda: self._quote(step))
            case Cancel():
                self._ask(step, where, lambda: self._cancel(step))
            case Decide():
                self._story.decide(step.decide)
            case Undo():
                self._story.undo(step.undo)
            case ChangePolicy():
                self._story.policy = overriding(step.policy)
            case Move():
                self._move(step)
            case OptionChange():
                self._change_option(step)
            case ReturnOutside():
                self._story.return_outside(step.return_outside)

    def _ask(self, step: Quote | Cancel, where: str, act: Callable[[], Costs]) -> None:
        try:
            came = _priced(act(), step, self._story.policy)
        except Refusal as refusal:
            facts = {name: refusal.facts.get(name) for name in step.facts}
            came = {"refused": f"{refusal.code.value} {refusal.reason}", "facts": facts}
        assert came == _expected(step), where

    # --- steps -------------------------------------------------------------------------------------------------------

    def _quote(self, step: Quote) -> Costs:
        wanted = self._selected(step)
        fault = self._fault(step)
        check_cancel(self._story.state, select(wanted), self._actor(step), self._story.policy)
        costs = self._story.quote(wanted, fault, step.at)
        if step.token:
            self._quotes[step.token] = QuoteTerms(
                nonce=step.token,
                order_no=self._story.state.order.order_no,
                selection=select(wanted),
                reason_code=self._reason_code(step),
                quoted_at=step.at,
                expires_at=step.at + QUOTE_LIFE,
                refund=costs.refund,
                extra=costs.extra,
                fingerprint=fingerprint(costs),
            )
        return costs

    def _cancel(self, step: Cancel) -> Costs:
        """The gates in the order in which the opening of a claim asks them, then the claim itself."""
        state, wanted, fault = self._story.state, self._selected(step), self._fault(step)
        terms = self._quotes[step.token] if step.token else None
        if terms:
            check_request(terms, state.order.order_no, select(wanted), self._reason_code(step))
        check_cancel(state, select(wanted), self._actor(step), self._story.policy)
        priced_at = terms.quoted_at if terms else step.at
        costs = self._story.quote(wanted, fault, priced_at)
        if terms:
            check_terms(terms, costs, step.at)
        self._check_payable(step, costs)
        return self._story.cancel(
            wanted, fault, at=priced_at, decided=step.stage is not Stage.UNDECIDED, legs=LEGS[step.stage]
        )

    def _check_payable(self, step: Cancel, costs: Costs) -> None:
        needed = {Provided.PAYMENT: costs.extra > 0, Provided.ACCOUNT: costs.needs_account}
        if step.provides is not None:
            assert needed[step.provides], f"a {step.provides} is provided and not needed"
        pays = costs.extra if step.provides is Provided.PAYMENT else step.pays
        quoted = step.token is not None or step.provides is Provided.PAYMENT
        check_payable(costs, payment=pays, quoted=quoted, account=step.provides is Provided.ACCOUNT)

    def _move(self, step: Move) -> None:
        state = self._story.state
        lines = tuple(replace(line, status=step.move.get(line.line_no, line.status)) for line in state.order.lines)
        self._story.state = replace(state, order=replace(state.order, lines=lines))

    def _change_option(self, step: OptionChange) -> None:
        held = {step.option_change: self._story.units_left()[step.option_change]}
        done = step.stage is Stage.DONE
        number = sum(claim.option_change for claim in self._story.state.claims) + 1
        change = option_claim(f"O{number}", held, decided=done, final=done)
        self._story.state = replace(self._story.state, claims=(*self._story.state.claims, change))

    # --- what a step leaves open -------------------------------------------------------------------------------------

    def _selected(self, step: Quote | Cancel) -> dict[int, int]:
        selected = step.quote if isinstance(step, Quote) else step.cancel
        return self._story.units_left() if isinstance(selected, str) else selected

    def _actor(self, step: Asked) -> Actor:
        return step.by or (Actor.GUEST if self._case.guest else Actor.MEMBER)

    def _reason_code(self, step: Asked) -> str:
        """The reason given, else the shop's first one at that fault; change of mind when nothing is said."""
        fault = step.fault or Fault.CUSTOMER
        return step.reason or next(reason.code for reason in self._story.policy.reasons if reason.fault is fault)

    def _fault(self, step: Asked) -> Fault:
        return self._story.policy.reason(self._reason_code(step), self._actor(step)).fault

    def _check_books(self, step: Step, where: str) -> None:
        books = self._story.books()
        assert books.difference == 0, where
        stated = step.books.model_dump(exclude_none=True)
        assert {name: amount for name, amount in asdict(books).items() if name in stated} == stated, where


# --- what came, in the words of a case -------------------------------------------------------------------------------


def _expected(step: Asked) -> dict[str, object]:
    if step.refused is not None:
        return {"refused": step.refused, "facts": step.facts}
    expected: dict[str, object] = {
        "refund": step.refund or 0,
        "extra": step.extra or 0,
        "coupons": step.coupons,
        "gifts": step.gifts,
        "points": step.points,
        "closed": step.closed,
        "valid_days": step.valid_days,
        "account": step.account,
    }
    told = {"rows": step.rows, "legs": step.legs, "tax_free": step.tax_free, "vat": step.vat}
    return expected | {name: value for name, value in told.items() if value is not None}


def _priced(costs: Costs, step: Asked, policy: Policy) -> dict[str, object]:
    """Rows, legs and tax parts where the case tells them, all the rest always; and that the explanation adds up."""
    check_explained(costs)
    assert costs.policy_version == policy.version
    came: dict[str, object] = {
        "refund": costs.refund,
        "extra": costs.extra,
        "coupons": {freed.coupon_no: _end(freed, policy) for freed in costs.coupons},
        "gifts": {gift.line_no: gift.quantity for gift in costs.gifts},
        "points": {points.line_no: points.amount for points in costs.points},
        "closed": list(costs.closed),
        "valid_days": _by_payment(costs, lambda leg: leg.valid_days),
        "account": costs.needs_account,
    }
    if step.rows is not None:
        came["rows"] = _by_name(costs.rows)
    if step.legs is not None:
        came["legs"] = _by_payment(costs, lambda leg: leg.amount)
    if step.tax_free is not None:
        came["tax_free"] = _by_payment(costs, lambda leg: leg.tax_free)
    if step.vat is not None:
        came["vat"] = _by_payment(costs, lambda leg: leg.vat)
    return came


def _by_payment(costs: Costs, of: Callable[[PlannedLeg], int | None]) -> dict[str, int]:
    return {leg.payment_no: value for leg in costs.legs if (value := of(leg)) is not None}


def _by_name(rows: tuple[CostRow, ...]) -> dict[str, int]:
    named = {_name(row): row.amount for row in rows}
    assert len(named) == len(rows), "two rows say the same"
    return named


def _name(row: CostRow) -> str:
    """``goods 1``, ``discount_forfeited 1 B1``, ``fee_charged G1``; of a gift and a fee given back also the rule."""
    rule = row.rule if row.kind is CostKind.FEE_RETURNED or row.rule is Rule.GIFT else None
    parts = (row.kind, row.line_no, row.group_no, row.coupon_no, rule)
    return " ".join(str(part) for part in parts if part is not None)


ENDS = {
    Returning.RESTORE: CouponEnd.RETURNED,
    Returning.EXTEND: CouponEnd.RENEWED,
    Returning.REISSUE: CouponEnd.REISSUED,
    Returning.FORFEIT: CouponEnd.LOST,
}


def _end(freed: FreedCoupon, policy: Policy) -> CouponEnd:
    end = ENDS[freed.returning]
    renewed = end in (CouponEnd.RENEWED, CouponEnd.REISSUED)
    assert freed.valid_days == (policy.coupons.extension_days if renewed else None)
    return end


# --- the collection --------------------------------------------------------------------------------------------------


def test_every_kind_rule_means_and_currency_is_told() -> None:
    steps = [step for golden in GOLDEN for step in golden.case.steps if isinstance(step, Asked)]
    words = {word for step in steps for key in step.rows or {} for word in key.split(" ")}
    shipping = {Rule.GROUP_CANCELLED, Rule.SHIPPING_THRESHOLD, Rule.REMOTE_SURCHARGE}
    assert words >= {kind.value for kind in CostKind} | shipping | {Rule.GIFT}
    paid = {one.means for golden in GOLDEN for one in golden.case.order().payments}
    assert paid == set(Means)
    assert {end for step in steps for end in step.coupons.values()} == set(CouponEnd)
    assert {overriding(golden.case.policy).refund.allocation for golden in GOLDEN} == set(Allocation)
    assert {golden.case.currency for golden in GOLDEN} == {"KRW", "JPY", "USD", "EUR", "KWD"}
    codes = {step.refused.split(" ")[0] for step in steps if step.refused}
    assert codes == {"1002", "2001", "2002", "2003", "2005", "2006", "2007"}
    assert len(GOLDEN) >= 160


def test_the_example_of_the_description_holds(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (DIRECTORY / "README.md").read_text(), re.DOTALL)
    (tmp_path / "example.yaml").write_text(example)
    (golden,) = load(tmp_path)
    Teller(golden.case).tell()


CASE = """
- name: one unit is cancelled again
  lines: {1: 1000}
  steps:
    - {cancel: {1: 1}, refund: 1000}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("refund: 1000", "refund: 1000, colour: red", "cancel.colour: Extra inputs are not permitted"),
        ("refund: 1000", "refund: 1000, refund: 1000", "refund is given twice"),
        ("refund: 1000", "refund: '1000'", "cancel.refund: Input should be a valid integer"),
        ("refund: 1000", "legs: {card: 1000}", "exactly one of refund, extra and refused"),
        ("refund: 1000", "refused: 2001 line.status, legs: {}", "a refused step has no legs"),
        ("refund: 1000", "refund: 1000, rows: {good 1: 1000}", "'good' is not a valid CostKind"),
        ("refund: 1000", "refund: 1000, at: 2023-08-08 12:00:00", "timezone"),
        ("refund: 1000", "refund: 1000, token: Q1", "no quote before has the token Q1"),
        ("cancel: {1: 1}", "kancel: {1: 1}", "a step is one of quote, cancel"),
        ("{1: 1000}", "{1: 1000}\n  payments: {card: 999}", "order.sum"),
        ("{1: 1000}", "{1: 1000}\n  payments: {first: 1000}", "payment first needs its means"),
        ("{1: 1000}", "{1: 1000}\n  expires: {B1: 2023-08-08T00:00:00Z}", "expires names B1"),
        ("name: one unit", "title: one unit", "each case begins with its name"),
    ],
)
def test_a_case_that_is_told_wrongly_is_refused_with_its_place(
    tmp_path: Path, right: str, wrong: str, problem: str
) -> None:
    (tmp_path / "right.yaml").write_text(CASE)
    assert [str(golden) for golden in load(tmp_path)] == ["right.yaml: one unit is cancelled again"]
    (tmp_path / "wrong.yaml").write_text(CASE.replace("again", "wrongly").replace(right, wrong))
    with pytest.raises(GoldenError) as caught:
        load(tmp_path)
    assert problem in str(caught.value)
    assert "wrong.yaml" in str(caught.value)


def test_an_unknown_key_is_refused_with_its_case(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(CASE.replace("lines:", "rows:"))
    with pytest.raises(GoldenError, match=r"^wrong\.yaml: one unit is cancelled again: .*rows: Extra inputs"):
        load(tmp_path)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text(CASE + CASE)
    with pytest.raises(GoldenError, match="told twice"):
        load(tmp_path)
