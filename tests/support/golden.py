"""Golden cases: orders and their claims told in YAML, read strictly. tests/golden/README.md describes the form.

Amounts are integer minor units of the case's currency; times are aware.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from domain.claims import Actor
from domain.costs import CostKind
from domain.feeding import check_order
from domain.orders import BelowMinimum, Benefit, Fault, Line, LineStatus, Means, Order, PaymentStatus, Promotion
from domain.policy import Policy
from domain.refusals import Code, Refusal
from tests.support.orders import NOW, POLICY, gift, group, line, order, payment, total

DIRECTORY = Path(__file__).parent.parent / "golden"


class GoldenError(Exception):
    """A golden file that can't be read as it stands; the message names the file and, where there is one, the case."""


Amount = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[int, Field(strict=True)]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _short(name: str) -> BeforeValidator:
    """A bare number stands for the one field that is always needed."""
    return BeforeValidator(lambda value: {name: value} if isinstance(value, int) else value)


# --- the order -------------------------------------------------------------------------------------------------------


class LineForm(Form):
    """`gift_of` (a line) or `gift_from` (an amount) makes it a gift, which has no price."""

    price: Amount = 0
    quantity: Amount = 1
    group: str = "G1"
    status: LineStatus = LineStatus.PLACED
    tax_free: bool = False
    points: Amount = 0
    gift_of: Number | None = None
    gift_from: Amount | None = None

    @model_validator(mode="after")
    def _gift_or_goods(self) -> Self:
        if self.gift_of is None and self.gift_from is None and not self.price:
            raise ValueError("a line needs its price, or gift_of or gift_from")
        return self


class GroupForm(Form):
    fee: Amount = 0
    free_from: Amount = 0
    paid: Amount = 0
    discount: Amount = 0
    coupon: str | None = None
    surcharge: Amount = 0
    collect: bool = False


class CouponForm(Form):
    """Shares by line number, of a coupon of one line (`goods`, `double`) or of one over several (`basket`)."""

    goods: dict[Number, Amount] | None = None
    double: dict[Number, Amount] | None = None
    basket: dict[Number, Amount] | None = None
    minimum: Amount = 0
    below_minimum: BelowMinimum | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.goods, self.double, self.basket)) != 1:
            raise ValueError("a coupon is either goods, double or basket")
        return self


class PaymentForm(Form):
    """`expires`: when mileage would have expired. `tax_free` and `vat`: the parts that its gateway was told."""

    amount: Amount
    means: Means | None = None
    status: PaymentStatus = PaymentStatus.PAID
    partial: bool = True
    tax_free: Amount | None = None
    vat: Amount | None = None
    expires: AwareDatetime | None = None


# --- the steps -------------------------------------------------------------------------------------------------------


class Stage(StrEnum):
    """How far a claim has come when the next step is taken."""

    UNDECIDED = "undecided"
    PENDING = "pending"
    DONE = "done"


class Provided(StrEnum):
    """What the customer brings beside the wish to cancel: exactly the payment just quoted, or an account."""

    PAYMENT = "payment"
    ACCOUNT = "account"


class CouponEnd(StrEnum):
    """What becomes of a coupon that a claim frees."""

    RETURNED = "returned"
    RENEWED = "renewed"
    REISSUED = "reissued"
    LOST = "lost"


class BooksForm(Form):
    paid: Number | None = None
    extra_paid: Number | None = None
    refunded: Number | None = None
    due: Number | None = None
    bought: Number | None = None
    fees: Number | None = None


class Step(Form):
    books: BooksForm = BooksForm()


def _known_kind(key: str) -> str:
    CostKind(key.split(" ", 1)[0])
    return key


RowKey = Annotated[str, BeforeValidator(_known_kind)]


PRICED = frozenset({"rows", "legs", "tax_free", "vat", "valid_days", "coupons", "gifts", "points", "closed", "account"})
"""What may be expected beside an amount."""


class Asked(Step):
    """What a quote and a cancel have in common: who asks when, and what must come of it."""

    reason: str | None = None
    fault: Fault | None = None
    by: Actor | None = None
    at: AwareDatetime = NOW
    token: str | None = None

    refund: Amount | None = None
    extra: Annotated[int, Field(strict=True, gt=0)] | None = None
    rows: dict[RowKey, Number] | None = None
    legs: dict[str, Amount] | None = None
    tax_free: dict[str, Amount] | None = None
    vat: dict[str, Amount] | None = None
    valid_days: dict[str, Amount] = {}
    coupons: dict[str, CouponEnd] = {}
    gifts: dict[Number, Amount] = {}
    points: dict[Number, Amount] = {}
    closed: list[str] = []
    account: bool = False
    refused: Annotated[str, Field(pattern=r"^\d{4} [a-z_]+\.[a-z_]+$")] | None = None
    facts: dict[str, int | str] = {}

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if sum(outcome is not None for outcome in (self.refund, self.extra, self.refused)) != 1:
            raise ValueError("exactly one of refund, extra and refused must be expected")
        priced = PRICED & self.model_fields_set
        if self.refused is not None and priced:
            raise ValueError(f"a refused step has no {', '.join(sorted(priced))}")
        if self.refused is None and self.facts:
            raise ValueError("only a refused step has facts")
        if self.refused is not None:
            Code(self.refused.split(" ")[0])
        if self.reason is not None and self.fault is not None:
            raise ValueError("a reason decides the fault: give one of them")
        return self


def _all_or_units(value: object) -> object:
    if value == "all" or isinstance(value, dict):
        return value
    raise ValueError("expected units by line number, or all")


Selected = Annotated[dict[Number, Number] | str, BeforeValidator(_all_or_units)]
"""Units by line number; ``all`` is everything that is left."""


class Quote(Asked):
    quote: Selected


class Cancel(Asked):
    cancel: Selected
    stage: Stage = Stage.DONE
    provides: Provided | None = None
    pays: Amount | None = None


class Decide(Step):
    decide: str


class ChangePolicy(Step):
    policy: dict[str, Any]


class Undo(Step):
    undo: str


class Move(Step):
    move: dict[Number, LineStatus]


class OptionChange(Step):
    option_change: Number
    stage: Stage = Stage.DONE


class ReturnOutside(Step):
    """Amounts by payment; a negative one came to nothing after all."""

    return_outside: dict[str, Number]


_STEPS = ("quote", "cancel", "decide", "undo", "move", "option_change", "policy", "return_outside")


def _kind_of_step(raw: object) -> str | None:
    return next((kind for kind in _STEPS if kind in raw), None) if isinstance(raw, dict) else None


AnyStep = Annotated[
    Annotated[Quote, Tag("quote")]
    | Annotated[Cancel, Tag("cancel")]
    | Annotated[Decide, Tag("decide")]
    | Annotated[Undo, Tag("undo")]
    | Annotated[Move, Tag("move")]
    | Annotated[OptionChange, Tag("option_change")]
    | Annotated[ReturnOutside, Tag("return_outside")]
    | Annotated[ChangePolicy, Tag("policy")],
    Discriminator(
        _kind_of_step,
        custom_error_type="step",
        custom_error_message=f"a step is one of {', '.join(_STEPS)}",
    ),
]


# --- the case --------------------------------------------------------------------------------------------------------


class Case(Form):
    name: Annotated[str, Field(min_length=10)]
    currency: str = "KRW"
    guest: bool = False
    policy: dict[str, Any] = {}
    lines: dict[Number, Annotated[LineForm, _short("price")]]
    groups: dict[str, GroupForm] = {"G1": GroupForm()}
    coupons: dict[str, CouponForm] = {}
    payments: dict[str, Annotated[PaymentForm, _short("amount")]] = {}
    expires: dict[str, AwareDatetime] = {}
    steps: Annotated[list[AnyStep], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_hold(self) -> Self:
        coupons = set(self.coupons) | {of.coupon for of in self.groups.values() if of.coupon}
        if unknown := set(self.expires) - coupons:
            raise ValueError(f"expires names {', '.join(sorted(unknown))}, no coupon of the order")
        quoted: set[str] = set()
        overriding(self.policy)
        for step in self.steps:
            if isinstance(step, ChangePolicy):
                overriding(step.policy)
            if isinstance(step, Quote) and step.token:
                quoted.add(step.token)
            if isinstance(step, Cancel) and step.token and step.token not in quoted:
                raise ValueError(f"no quote before has the token {step.token}")
        for name, paid in self.payments.items():
            if paid.means is None and name not in set(Means):
                raise ValueError(f"payment {name} needs its means")
        return self

    def order(self) -> Order:
        """The order told; one card paid for it unless `payments` say otherwise."""
        lines = tuple(_line(number, of) for number, of in self.lines.items())
        groups = [group(number, **of.model_dump()) for number, of in self.groups.items()]
        benefits = [_benefit(number, of) for number, of in self.coupons.items()]
        payments = [
            payment(number, of.amount, of.means or Means(number), **of.model_dump(exclude={"amount", "means"}))
            for number, of in self.payments.items()
        ]
        return order(
            *lines,
            groups=groups,
            benefits=benefits,
            payments=payments or [payment("card", total(lines, groups, benefits))],
            member_no=None if self.guest else "M1",
            currency=self.currency,
        )


def _line(number: int, of: LineForm) -> Line:
    if of.gift_of is None and of.gift_from is None:
        told = of.model_dump(exclude={"price", "quantity", "gift_of", "gift_from"})
        return line(number, of.price, of.quantity, **told)
    made = gift(number, of.quantity, of=of.gift_of, minimum=of.gift_from, group=of.group, status=of.status)
    return replace(made, price=of.price, tax_free=of.tax_free, earned_points=of.points)


def _benefit(number: str, of: CouponForm) -> Benefit:
    kinds = {Promotion.GOODS: of.goods, Promotion.DOUBLE: of.double, Promotion.BASKET: of.basket}
    promotion, shares = next((kind, told) for kind, told in kinds.items() if told is not None)
    return Benefit(number, promotion, sum(shares.values()), of.minimum, dict(shares), of.below_minimum)


def overriding(told: Mapping[str, Any]) -> Policy:
    """The default policy, overridden by what is told of each part. `ValidationError` for what no policy has."""
    standing = POLICY.model_dump()
    for part, fields in told.items():
        merged = isinstance(fields, Mapping) and isinstance(standing.get(part), Mapping)
        standing[part] = {**standing[part], **fields} if merged else fields
    return Policy.model_validate(standing)


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Golden:
    """A case and the file that it is told in."""

    file: str
    case: Case

    def __str__(self) -> str:
        return f"{self.file}: {self.case.name}"


_CASE = TypeAdapter(Case)


def load(directory: Path = DIRECTORY) -> list[Golden]:
    """All cases of a directory, files by name. Raises `GoldenError` for anything unknown, missing, or told twice."""
    told = [golden for path in sorted(directory.glob("*.yaml")) for golden in _read(path)]
    names: set[str] = set()
    for golden in told:
        if golden.case.name in names:
            raise GoldenError(f"{golden}: told twice")
        names.add(golden.case.name)
    return told


def _read(path: Path) -> list[Golden]:
    text = path.read_text()
    if re.search(r"^- (?!name: )", text, re.MULTILINE):
        raise GoldenError(f"{path.name}: each case begins with its name")
    try:
        # A safe loader: `_Loader` adds no constructors of objects.
        cases = yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise GoldenError(f"{path.name}: {error}") from error
    if not isinstance(cases, list):
        raise GoldenError(f"{path.name}: expected a list of cases")
    return [Golden(path.name, _case(path, raw)) for raw in cases]


def _case(path: Path, raw: object) -> Case:
    name = raw.get("name") if isinstance(raw, dict) else raw
    try:
        case = _CASE.validate_python(raw)
        check_order(case.order())
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise GoldenError(f"{path.name}: {name}: {problems}") from error
    except Refusal as refusal:
        raise GoldenError(f"{path.name}: {name}: no order: {refusal.reason} {refusal.facts}") from refusal
    return case


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice; plain YAML takes the last one and says nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)
