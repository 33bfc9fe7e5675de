"""Why a customer or the shop cancels: the shop's reasons, and at whose fault each is.

The codes are the shop's own keys; nothing here reads meaning into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.orders import Fault
from domain.refusals import Code, Refusal


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason that a claim may give. `names` is by language, `ko` and `en`."""

    code: str
    fault: Fault
    names: Mapping[str, str]


REASONS: tuple[Reason, ...] = (
    Reason("10", Fault.CUSTOMER, {"ko": "단순 변심", "en": "Change of mind"}),
    Reason("20", Fault.CUSTOMER, {"ko": "주문 실수", "en": "Ordered by mistake"}),
    Reason("30", Fault.CUSTOMER, {"ko": "다른 옵션으로 재주문", "en": "Another option wanted"}),
    Reason("50", Fault.SELLER, {"ko": "상품 품절", "en": "Out of stock"}),
    Reason("60", Fault.SELLER, {"ko": "배송 지연", "en": "Late delivery"}),
    Reason("70", Fault.SELLER, {"ko": "상품 정보 상이", "en": "Wrong product information"}),
)
"""All are offered to every caller."""

_BY_CODE = {reason.code: reason for reason in REASONS}


def lookup(code: str) -> Reason:
    """The reason with this code; raises BAD_VALUE when the shop has none."""
    reason = _BY_CODE.get(code)
    if reason is None:
        raise Refusal(Code.BAD_VALUE, "reason.unknown", reason_code=code)
    return reason
