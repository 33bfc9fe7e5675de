"""What the rows of a quote or a claim are called, and why each amount is what it is."""

from __future__ import annotations

from collections.abc import Mapping

COST_RULES: Mapping[str, tuple[str, str]] = {
    "units": ("취소 상품 금액", "Price of the units cancelled"),
    "coupon_share": ("취소 상품에 적용된 쿠폰 할인", "Share of the coupon's discount"),
    "coupon_minimum": (
        "쿠폰 최소 금액 미달로 회수되는 할인",
        "What is left misses the coupon's minimum: its discount is taken back",
    ),
    "shipping_threshold": (
        "무료배송 기준 미달로 부과되는 배송비",
        "What is left misses the minimum for free shipping",
    ),
    "group_cancelled": ("배송그룹 전체 취소로 돌려받는 배송비", "Shipping given back: its group is wholly cancelled"),
    "remote_surcharge": (
        "배송그룹 전체 취소로 돌려받는 도서산간 추가 배송비",
        "The remote area's surcharge given back: its group is wholly cancelled",
    ),
    "gift": ("상품과 함께 취소되는 사은품", "A gift, cancelled with the goods that it came for"),
    "waiting_payment": ("입금되지 않은 금액", "What was never paid"),
    "returned_outside": ("이미 환불된 금액", "What was returned already"),
}

EARLIER_FEE_RETURNED = ("이전 취소에서 부과된 배송비 반환", "Shipping that an earlier cancel charged, given back")

EXPLANATIONS: Mapping[str, tuple[str, str]] = {
    "units": ("{price} × {quantity}개", "{price} × {quantity}"),
    "coupon_share": (
        "쿠폰 할인 {share} 중 취소하는 수량({ordered}개 중 {quantity}개)의 몫 {amount} 차감",
        "{amount} of the coupon's {share} is the share of the units cancelled ({quantity} of {ordered})",
    ),
    "coupon_minimum": (
        "쿠폰 최소 주문금액 {minimum} 미달({bought}): 남은 상품의 할인 {amount} 회수",
        "The coupon's minimum of {minimum} is missed ({bought}): the rest loses its discount of {amount}",
    ),
    "shipping_threshold": (
        "무료배송 기준 {free_from} 미달({bought}, {missing} 부족): 배송비 {fee} 부과",
        "The minimum of {free_from} for free shipping is missed ({bought}, {missing} short): the fee is {fee}",
    ),
    "fee_returned": (
        "배송그룹 전체 취소: 이전 취소에서 부과된 배송비 {charged} 반환",
        "Nothing is left of the delivery group: the fee of {charged} that an earlier cancel charged is given back",
    ),
    "group_cancelled": (
        "배송그룹 전체 취소: 결제한 배송비 {fee_paid} 반환",
        "Nothing is left of the delivery group: the {fee_paid} paid for shipping is given back",
    ),
    "remote_surcharge": (
        "배송그룹 전체 취소: 도서산간 추가 배송비 {surcharge} 반환",
        "Nothing is left of the delivery group: the remote area's surcharge of {surcharge} is given back",
    ),
    "gift_minimum": (
        "사은품 기준 금액 {minimum} 미달({bought}): 사은품 {quantity}개 함께 취소",
        "The gift's minimum of {minimum} is missed ({bought}): it is cancelled too ({quantity})",
    ),
    "gift_of": (
        "주문순번 {gift_of}이(가) 모두 취소됨: 사은품 {quantity}개 함께 취소",
        "Nothing is left of line {gift_of}, which the gift came with: it is cancelled too ({quantity})",
    ),
    "gift": (
        "남은 상품이 없음: 사은품 {quantity}개 함께 취소",
        "Nothing is left of the order: its gift is cancelled too ({quantity})",
    ),
    "waiting_payment": (
        "입금되지 않은 {waiting} 제외: 받지 않은 금액은 돌려주지 않음",
        "{waiting} was never paid, and is not given back",
    ),
    "returned_outside": (
        "이 주문의 결제 중 {returned}은(는) 결제사에서 이미 환불됨: {net} 중 {refundable}만 환불 가능, {amount} 제외",
        "{returned} of the order was returned already, at the payment provider itself: of {net} only {refundable} can "
        "still go back, {amount} is not returned again",
    ),
}
"""Why an amount is what it is, by rule, filled with the numbers that the rule went by."""

LEG_EXPLANATIONS: Mapping[str, tuple[str, str]] = {
    "external_first": (
        "결제 {payment_no}({means})에 {amount} 환불: 외부 결제수단 먼저, 그다음 상품권·예치금·마일리지",
        "{amount} to payment {payment_no} ({means}): what came from outside first, then gift card, deposit, mileage",
    ),
    "proportional": (
        "결제 {payment_no}({means})에 {amount} 환불: 결제별로 남은 금액에 비례",
        "{amount} to payment {payment_no} ({means}): in proportion to what is left on each payment",
    ),
    "sequence": (
        "결제 {payment_no}({means})에 {amount} 환불: 쇼핑몰이 정한 결제수단 순서",
        "{amount} to payment {payment_no} ({means}): in the shop's order of means",
    ),
}
"""Why a refund goes to a payment, by the policy's allocation; `LEG_NOTES` follow where they apply."""

LEG_NOTES: Mapping[str, tuple[str, str]] = {
    "cap": (" (이 결제수단의 한도 {cap})", " (this means is capped at {cap})"),
    "days": (" (만료되었던 마일리지: {days}일 동안 유효)", " (it had expired: valid for {days} days)"),
    "tax_free": (" (면세 {tax_free})", " (tax-free {tax_free})"),
    "vat": (" (부가세 {vat})", " (VAT {vat})"),
}

COUPON_CAUSES: Mapping[str, tuple[str, str]] = {
    "nothing_left": ("할인받은 상품이 모두 취소됨", "Nothing that it discounted is left"),
    "below_minimum": ("쿠폰 최소 금액 미달", "What is left misses its minimum"),
    "in_use": ("남은 상품에 계속 적용됨", "Still used by what is left"),
}

COUPON_RETURNS: Mapping[str, tuple[str, str]] = {
    "restore": ("사용하지 않은 쿠폰으로 돌아옴", "It comes back unused"),
    "extend": ("만료되어 {days}일 동안 유효하게 돌아옴", "It had expired, and comes back valid for {days} days"),
    "reissue": ("새 쿠폰으로 다시 발급됨({days}일 동안 유효)", "A new one is issued for it, valid for {days} days"),
    "forfeit": ("만료되어 돌려받지 못함", "Expired: it does not come back"),
}
