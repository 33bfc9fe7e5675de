"""Which field of a request a refusal is about: a rule names a line or a payment, a caller looks for its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.schemas.feed_orders import FedOrderWire
from api.schemas.feed_shop import StoredMeansWire
from domain.refusals import Code, Refusal

ASKED: Mapping[str, str] = {
    "reason.unknown": "claimCausCd",
    "selection.empty": "claimGoodsList",
    "line.unknown": "claimGoodsList",
    "line.repeated": "claimGoodsList",
    "quantity.not_positive": "claimGoodsList",
    "quote.forged": "quoteToken",
    "quote.other_request": "quoteToken",
    "payment.other_amount": "addPayInfo.payAmt",
    "payment.not_needed": "addPayInfo",
    "payment.means": "addPayInfo.payWayCd",
    "payment.balance": "addPayInfo.payWayCd",
    "payment.gateway_missing": "addPayInfo.gateway",
    "payment.gateway_unknown": "addPayInfo.gateway",
    "payment.stored_unknown": "addPayInfo.stPayNo",
    "payment.token_missing": "addPayInfo.token",
    "payment.token_unneeded": "addPayInfo.token",
    "payment.two_tokens": "addPayInfo.stPayNo",
    "payment.extra": "addPayInfo",
    "payment.needs_quote": "quoteToken",
    "payment.account": "rfdActnNo",
    "whatif.staff_only": "whatIf",
}
"""By reason, the field of a cancel or a quote."""


def asked_field(refusal: Refusal) -> str | None:
    """The field of a cancel or a quote that the refusal is about. What is not there at all is about no field."""
    return None if refusal.code is Code.NOT_FOUND else ASKED.get(refusal.reason)


_LINES = ("ordDtlList", "line_no", "ordSeq")
_GROUPS = ("deliGrpList", "group_no", "deliGrpNo")
_COUPONS = ("benefitList", "coupon_no", "cpnNo")
_PAYMENTS = ("payList", "payment_no", "payNo")

FED: Mapping[str, tuple[tuple[str, str, str] | None, str]] = {
    "order.currency_unknown": (None, "currency"),
    "order.no_lines": (None, "ordDtlList"),
    "order.amount": (None, "ordDtlList"),
    "order.sum": (None, "payList"),
    "line.repeated": (_LINES, "ordSeq"),
    "line.group_unknown": (_LINES, "deliGrpNo"),
    "line.quantity": (_LINES, "ordQty"),
    "line.amount": (_LINES, "salePrc"),
    "line.gift": (_LINES, "giftYn"),
    "line.points": (_LINES, "earnPntAmt"),
    "line.cancelled": (_LINES, "ordDtlStatCd"),
    "line.discount": (_LINES, "salePrc"),
    "gift.flag": (_LINES, "giftYn"),
    "gift.two_conditions": (_LINES, "giftMinAmt"),
    "gift.minimum": (_LINES, "giftMinAmt"),
    "gift.line_unknown": (_LINES, "giftOfOrdSeq"),
    "gift.points": (_LINES, "earnPntAmt"),
    "move.backward": (_LINES, "ordDtlStatCd"),
    "move.cancelled": (_LINES, "ordDtlStatCd"),
    "move.units_gone": (_LINES, "ordDtlStatCd"),
    "group.repeated": (_GROUPS, "deliGrpNo"),
    "group.no_lines": (_GROUPS, "deliGrpNo"),
    "group.amount": (_GROUPS, "dlexAmt"),
    "group.collect": (_GROUPS, "deliPayCd"),
    "group.gifts_only": (_GROUPS, "paidDlexAmt"),
    "coupon.repeated": (_COUPONS, "cpnNo"),
    "coupon.amount": (_COUPONS, "dcAmt"),
    "coupon.kind": (_COUPONS, "promoTypCd"),
    "coupon.no_shares": (_COUPONS, "shareList"),
    "coupon.one_line": (_COUPONS, "shareList"),
    "coupon.line_unknown": (_COUPONS, "shareList"),
    "coupon.sum": (_COUPONS, "dcAmt"),
    "coupon.below_minimum": (_COUPONS, "blwMinCd"),
    "coupon.used_elsewhere": (_COUPONS, "cpnNo"),
    "payment.repeated": (_PAYMENTS, "payNo"),
    "payment.amount": (_PAYMENTS, "payAmt"),
    "payment.gateway": (_PAYMENTS, "gateway"),
    "payment.expiry": (_PAYMENTS, "expDtm"),
    "payment.tax": (_PAYMENTS, "taxFreeAmt"),
    "guest.coupon": (_COUPONS, "cpnNo"),
    "guest.means": (_PAYMENTS, "payWayCd"),
}
"""By reason: the list of the fed order, with the fact and the field that tell which entry of it; and the field."""


def in_order(refusal: Refusal, order: FedOrderWire) -> str | None:
    """The place in a fed order, such as ``ordDtlList[0].giftYn``; None when the refusal is about no field of it."""
    if refusal.reason == "item.unknown":
        return _of_item(refusal, order)
    if refusal.reason == "line.repeated" and "coupon_no" in refusal.facts:
        found = _entry(_rows(order, _COUPONS), "cpnNo", refusal.facts["coupon_no"])
        return f"benefitList[{found}].shareList"
    listed, field = FED.get(refusal.reason, (None, ""))
    if not field:
        return None
    if listed is None:
        return field
    name, fact, key = listed
    found = _entry(_rows(order, listed), key, refusal.facts.get(fact))
    if found is None and listed is _COUPONS:
        # A shipping coupon is named by the group that it freed.
        found = _entry(_rows(order, _GROUPS), "cpnNo", refusal.facts.get(fact))
        return None if found is None else f"deliGrpList[{found}].cpnNo"
    return name if found is None else f"{name}[{found}].{field}"


_STORED = {"stored_means.repeated": "stPayNo", "stored_means.own": "payWayCd", "stored_means.token": "token"}


def in_stored(refusal: Refusal, stored: Sequence[StoredMeansWire]) -> str | None:
    """The place among a member's stored means, such as ``storedPayList[1].token``."""
    field = _STORED.get(refusal.reason)
    wanted = refusal.facts.get("stored_no")
    found = next((at for at in reversed(range(len(stored))) if stored[at].stored_no == wanted), None)
    return None if field is None or found is None else f"storedPayList[{found}].{field}"


def _of_item(refusal: Refusal, order: FedOrderWire) -> str | None:
    wanted = (refusal.facts.get("goods_no"), refusal.facts.get("variant_no"))
    found = next((at for at, line in enumerate(order.lines) if (line.goods_no, line.variant_no) == wanted), None)
    return None if found is None else f"ordDtlList[{found}].itmNo"


def _rows(order: FedOrderWire, listed: tuple[str, str, str]) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = order.model_dump(by_alias=True, include=_INCLUDED)[listed[0]]
    return rows


_INCLUDED = {"lines", "groups", "benefits", "payments"}


def _entry(rows: Sequence[Mapping[str, Any]], key: str, wanted: object) -> int | None:
    """The last entry of this number: of two with one number the second is the one too many."""
    return next((at for at in reversed(range(len(rows))) if rows[at][key] == wanted), None)
