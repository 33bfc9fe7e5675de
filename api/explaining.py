"""Why every amount is what it is, in words: one text per cost row and one per refund, for quotes and claims alike.

A text is the rule's, filled with the numbers that the rule went by; amounts are minor units of the order's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import Protocol

from api import texts, wording
from api.schemas.storefront.costs import INPUTS, Explained, ExplainedRefund
from domain.costs import CostKind, CostRow, Rule
from domain.orders import Means
from domain.policy import RefundPolicy


class Leg(Protocol):
    """What goes back to one payment: planned by a quote, or kept by a claim."""

    @property
    def payment_no(self) -> str: ...
    @property
    def means(self) -> Means: ...
    @property
    def amount(self) -> int: ...
    @property
    def tax_free(self) -> int | None: ...
    @property
    def vat(self) -> int | None: ...
    @property
    def valid_days(self) -> int | None: ...


_COUNTS = frozenset({"quantity", "ordered", "first", "left", "gift_of", "days"})
"""Inputs that are no amounts."""


@dataclass(frozen=True, slots=True)
class Explaining:
    """How amounts are explained: `policy_version` is of the policy that made them, None from before there were any."""

    currency: str
    policy_version: str | None
    language: str

    def rows(self, rows: Iterable[CostRow]) -> list[Explained]:
        """One line per row, in their order; the amounts sum to what the rows sum to."""
        return [
            Explained(
                rule=row.rule.value.upper(),
                amount=row.amount,
                line_no=row.line_no,
                group_no=row.group_no,
                coupon_no=row.coupon_no,
                inputs=_named(row.inputs),
                policy_version=self.policy_version,
                text=self._row_text(row),
            )
            for row in rows
        ]

    def refunds(self, legs: Iterable[Leg], policy: RefundPolicy) -> list[ExplainedRefund]:
        """One line per payment that money goes back to, naming the rule of `policy` that divided it."""
        return [
            ExplainedRefund(
                rule=f"ALLOCATION_{policy.allocation.value.upper()}",
                amount=leg.amount,
                payment_no=leg.payment_no,
                means=leg.means,
                inputs=_named(inputs),
                policy_version=self.policy_version,
                text=self._leg_text(leg, inputs, policy),
            )
            for leg in legs
            for inputs in (_inputs_of(leg, policy),)
        ]

    def _row_text(self, row: CostRow) -> str:
        slug = _slug(row)
        if not row.inputs:
            # Of a claim from before rows kept what they were reckoned from.
            return texts.pick(wording.COST_RULES[row.rule.value], self.language)
        text = texts.pick(wording.EXPLANATIONS[slug], self.language)
        numbers = {"quantity": row.quantity, **row.inputs, "amount": row.amount}
        return text.format_map({name: self._number(name, numbers.get(name)) for name in _names(text)})

    def _leg_text(self, leg: Leg, inputs: Mapping[str, int], policy: RefundPolicy) -> str:
        words = [wording.LEG_EXPLANATIONS[policy.allocation.value], *(wording.LEG_NOTES[name] for name in inputs)]
        told = "".join(texts.pick(one, self.language) for one in words)
        facts = {"means": texts.means(leg.means, self.language), "payment_no": leg.payment_no}
        numbers = {**inputs, "amount": leg.amount}
        return texts.fill(told, {**facts, **{name: self._number(name, number) for name, number in numbers.items()}})

    def _number(self, name: str, number: int | None) -> str:
        if number is None:
            return "?"
        return str(number) if name in _COUNTS else texts.money(abs(number), self.currency, self.language)


@cache
def _names(text: str) -> tuple[str, ...]:
    """The numbers that a text tells: of many rows only these are spelt."""
    return tuple(name for _, name, _, _ in Formatter().parse(text) if name)


def _slug(row: CostRow) -> str:
    """Which text of the rule fits the row."""
    if row.rule is Rule.SHIPPING_THRESHOLD and row.kind is CostKind.FEE_RETURNED:
        return "fee_returned"
    if row.rule is Rule.GIFT:
        minimum = row.inputs.get("minimum")
        if minimum is not None and row.inputs["bought"] < minimum:
            return "gift_minimum"
        return "gift_of" if "gift_of" in row.inputs else "gift"
    return row.rule.value


def _inputs_of(leg: Leg, policy: RefundPolicy) -> dict[str, int]:
    known = {"tax_free": leg.tax_free, "vat": leg.vat, "days": leg.valid_days, "cap": policy.caps.get(leg.means)}
    return {name: number for name, number in known.items() if number is not None}


def _named(inputs: Mapping[str, int]) -> dict[str, int]:
    return {INPUTS.get(name, name): number for name, number in inputs.items()}
