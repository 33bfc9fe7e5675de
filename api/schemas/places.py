"""Which field of a request a refusal is about: a rule names a line or a payment, a caller looks for its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
    "account.bank": "rfdBankCd",
    "account.number": "rfdActnNo",
    "account.holder": "rfdActnDepositorNm",
    "whatif.staff_only": "whatIf",
}
"""By reason, the field of a cancel or a quote."""


def asked_field(refusal: Refusal) -> str | None:
    """The field of a cancel or a quote that the refusal is about. What is not there at all is about no field."""
    return None if refusal.code is Code.NOT_FOUND else ASKED.get(refusal.reason)


class _List(NamedTuple):
    """A list of a fed order: its `name`, and which fact of a refusal and which field of an entry tell the entry."""

    name: str
    fact: str
    key: str


_LINES = _List("ordDtlList", "line_no", "ordSeq")
_GROUPS = _List("deliGrpList", "group_no", "deliGrpNo")
_COUPONS = _List("benefitList", "coupon_no", "cpnNo")
_PAYMENTS = _List("payList", "payment_no", "payNo")

FED: Mapping[str, tuple[_List | None, str]] = {
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
"""By reason: the list of the fed order that has it, None for the order itself, and the field."""


def in_order(refusal: Refusal, order: FedOrderWire) -> str | None:
    """The place in a fed order, such as ``ordDtlList[0].giftYn``; None when the refusal is about no field of it."""
    if refusal.reason == "item.unknown":
        return _of_item(refusal, order)
    if refusal.reason == "line.repeated" and "coupon_no" in refusal.facts:
        return f"benefitList[{_entry(order, _COUPONS, refusal)}].shareList"
    if refusal.reason not in FED:
        return None
    listed, field = FED[refusal.reason]
    if listed is None:
        return field
    found = _entry(order, listed, refusal)
    if found is None and listed is _COUPONS:
        # A shipping coupon is named by the group that it freed.
        found = _entry(order, _SHIPPING_COUPONS, refusal)
        return None if found is None else f"deliGrpList[{found}].cpnNo"
    return listed.name if found is None else f"{listed.name}[{found}].{field}"


_SHIPPING_COUPONS = _List("deliGrpList", "coupon_no", "cpnNo")


def _entry(order: FedOrderWire, listed: _List, refusal: Refusal) -> int | None:
    """The last entry of this number: of two with one number the second is the one too many."""
    rows: Sequence[Mapping[str, Any]] = order.model_dump(by_alias=True, include=_INCLUDED)[listed.name]
    wanted = refusal.facts.get(listed.fact)
    return next((at for at in reversed(range(len(rows))) if rows[at][listed.key] == wanted), None)


_INCLUDED = {"lines", "groups", "benefits", "payments"}

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
