"""What a quote promises: exactly these amounts, or a refusal. Signing the promise is the API's business."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from domain.costs import CostRow, Costs, FreedCoupon, PlannedLeg, PointsBack, Selection
from domain.refusals import Code, Refusal


@dataclass(frozen=True, slots=True)
class QuoteTerms:
    """What a quote token carries. `nonce` is unique per quote: a quote opens one claim.

    `quoted_at` prices the claim again as it was priced then; the quote can be executed before `expires_at`.
    `fingerprint` stands for every amount, see `fingerprint`.
    """

    nonce: str
    order_no: str
    selection: tuple[Selection, ...]
    reason_code: str
    quoted_at: datetime
    expires_at: datetime
    refund: int
    extra: int
    fingerprint: str


def fingerprint(costs: Costs) -> str:
    """SHA-256, in hex, over everything that a quote promises: totals, legs, rows, coupons, gifts, points.

    Equal costs, equal print.
    """
    canonical = json.dumps(costs, default=_promised, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_request(terms: QuoteTerms, order_no: str, selection: Sequence[Selection], reason_code: str) -> None:
    """Raises BAD_VALUE when the quote was made for another order, selection or reason. Order of lines is free."""
    asked = (order_no, _sorted(selection), reason_code)
    if asked != (terms.order_no, _sorted(terms.selection), terms.reason_code):
        raise Refusal(Code.BAD_VALUE, "quote.other_request")


def check_terms(terms: QuoteTerms, costs: Costs, now: datetime) -> None:
    """Raises QUOTE_EXPIRED, else QUOTE_CHANGED when `costs` are not those promised.

    `costs` is the present price, reckoned as at ``terms.quoted_at`` so that a coupon that has expired since still
    comes back.
    """
    if now >= terms.expires_at:
        raise Refusal(Code.QUOTE_EXPIRED, "quote.expired", expired_at=terms.expires_at.isoformat())
    if fingerprint(costs) != terms.fingerprint:
        raise Refusal(
            Code.QUOTE_CHANGED,
            "quote.changed",
            currency=costs.currency,
            quoted_refund=terms.refund,
            quoted_extra=terms.extra,
            refund=costs.refund,
            extra=costs.extra,
        )


_PROMISED: Mapping[type[Any], Callable[[Any], Any]] = {
    kind: attrgetter(*(field.name for field in fields(kind) if field.compare))
    for kind in (Costs, CostRow, FreedCoupon, PlannedLeg, PointsBack, Selection)
}
"""Reads what is promised, by kind. What equality passes over (inputs, the policy's version) is no part of it."""


def _promised(value: object) -> Any:
    # Shallow, unlike `dataclasses.astuple`: an order of many lines has thousands of rows, reckoned under its lock.
    return _PROMISED[type(value)](value)


def _sorted(selection: Sequence[Selection]) -> list[tuple[int, int]]:
    return sorted((wanted.line_no, wanted.quantity) for wanted in selection)
