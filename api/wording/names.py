"""What the facts of a refusal are called that are words of the code."""

from __future__ import annotations

from collections.abc import Mapping

LINE_STATUSES: Mapping[str, tuple[str, str]] = {
    "awaiting_deposit": ("입금 대기", "awaiting payment"),
    "placed": ("주문 완료", "ordered"),
    "ship_instructed": ("출고 지시", "being prepared for shipping"),
    "ship_waiting": ("출고 대기", "waiting to be shipped"),
    "shipped": ("배송 중", "shipped"),
    "delivered": ("배송 완료", "delivered"),
    "collected": ("회수 완료", "collected"),
    "returned": ("반품 완료", "returned"),
    "cancelled": ("취소 완료", "cancelled"),
}

ORDER_PARTS: Mapping[str, str] = {
    "member_no": "mbrNo",
    "currency": "currency",
    "ordered_at": "ordDtm",
    "groups": "deliGrpList",
    "lines": "ordDtlList",
    "benefits": "benefitList",
    "payments": "payList",
    "buyer_name": "ordManNm",
    "email": "email",
    "phone": "phone",
    "medium": "ordMediaCd",
    "password_hash": "umemPwd",
}
"""The parts of a fed order, as who fed it calls them."""
