"""Why units or an option are refused to a cancel or an option change, and why a claim was undone."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[str, str]] = {
    # --- the selection and the reason ---------------------------------------------------------------------------------
    "selection.empty": ("취소할 상품을 하나 이상 골라 주세요.", "Choose at least one line to cancel."),
    "line.unknown": (
        "이 주문에는 주문순번 {line_no}이(가) 없습니다.",
        "The order has no line {line_no}.",
    ),
    "line.repeated": (
        "주문순번 {line_no}이(가) 두 번 들어 있습니다. 한 번만 보내 주세요.",
        "Line {line_no} is named twice. Name each line once.",
    ),
    "quantity.not_positive": (
        "주문순번 {line_no}의 수량은 1 이상이어야 합니다.",
        "The quantity of line {line_no} must be at least 1.",
    ),
    "reason.unknown": (
        "없는 사유 코드입니다: {reason_code}. cancelPopupFO의 claimCausList에서 골라 주세요.",
        "There is no reason {reason_code}. Choose one of claimCausList of cancelPopupFO.",
    ),
    # --- what can't be cancelled or changed ---------------------------------------------------------------------------
    "units.gone": (
        "주문순번 {line_no}은(는) 이미 모두 취소되었습니다[ (클레임 {claim_no})].",
        "All units of line {line_no} are cancelled already[ (claim {claim_no})].",
    ),
    "units.held": (
        "주문순번 {line_no}은(는) 이미 취소가 진행 중입니다[ (클레임 {claim_no})].",
        "All units of line {line_no} are being cancelled already[ (claim {claim_no})].",
    ),
    "units.not_enough": (
        "주문순번 {line_no}은(는) {left}개까지만 취소할 수 있습니다[ (클레임 {claim_no}이(가) 나머지를 취소함)].",
        "Only {left} units of line {line_no} can be cancelled[; claim {claim_no} has the others].",
    ),
    "line.status": (
        "주문순번 {line_no}은(는) 지금 상태({status})에서는 취소하거나 변경할 수 없습니다.",
        "Line {line_no} can't be cancelled or changed any more: it is {status}.",
    ),
    "line.changing": (
        "주문순번 {line_no}은(는) 옵션 변경이 진행 중입니다 (클레임 {claim_no}). 끝난 뒤 다시 시도해 주세요.",
        "Line {line_no} is being changed by claim {claim_no}. Try again when that is done.",
    ),
    "line.held": (
        "주문순번 {line_no}은(는) 취소가 진행 중이라 옵션을 바꿀 수 없습니다 (클레임 {claim_no}).",
        "Line {line_no} can't be changed while claim {claim_no} cancels units of it.",
    ),
    "line.moved_on": (
        "주문순번 {line_no}은(는) 그사이 배송이 시작되어 바꿀 수 없습니다.",
        "Line {line_no} has moved on to shipping meanwhile and can't be changed.",
    ),
    "gift.with_goods": (
        "주문순번 {line_no}은(는) 사은품이라 따로 취소할 수 없습니다. 조건이 된 상품을 취소하면 함께 취소됩니다.",
        "Line {line_no} is a gift: it can't be cancelled by itself, and leaves with the goods that it came for.",
    ),
    "order.unpaid": (
        "입금 대기 중인 주문은 전체 취소만 됩니다. 남은 상품 전체를 선택해 주세요.",
        "An order that waits for its payment can only be cancelled whole. Select all that is left.",
    ),
    "claim.undecided": (
        "이 주문의 다른 취소(클레임 {claim_no})가 진행 중입니다. 끝난 뒤 다시 시도해 주세요.",
        "Another cancel of this order, claim {claim_no}, is under way. Try again in a moment.",
    ),
    "order.whole_only": (
        "이 주문의 결제는 부분 취소가 되지 않습니다. 남은 상품 전체를 선택해 주세요.",
        "A payment of this order can't be refunded in part. Select all that is left.",
    ),
    "order.whole_blocked": (
        "이 주문은 전체 취소만 되는데, 주문순번 {line_no}을(를) 취소할 수 없습니다. 고객센터에 문의해 주세요.",
        "This order can only be cancelled whole, and line {line_no} can't be cancelled. Ask the shop.",
    ),
    "order.rounding": (
        "할인 단수 때문에 주문순번 {line_no}은(는) 이 수량만 취소할 수 없습니다. 남은 {left}개를 모두 선택해 주세요.",
        "The discounts' rounding leaves no way to cancel these units of line {line_no} alone. Select all {left} left.",
    ),
    "coupon.forbids_partial": (
        "쿠폰 {coupon_no}은(는) 최소 주문금액 {minimum}보다 적게({bought}) 남기는 부분 취소를 허용하지 않습니다."
        " 수량을 줄이거나 남은 상품 전체를 선택해 주세요.",
        "Coupon {coupon_no} allows no cancel that leaves less than its minimum of {minimum}; {bought} would be left."
        " Cancel less, or select all that is left.",
    ),
    # --- the new option -----------------------------------------------------------------------------------------------
    "variant.unknown": ("없는 옵션입니다. 다른 옵션을 골라 주세요.", "There is no such option. Choose another."),
    "variant.same": ("지금과 같은 옵션입니다. 다른 옵션을 골라 주세요.", "This is the present option. Choose another."),
    "variant.other_goods": (
        "같은 상품의 옵션으로만 바꿀 수 있습니다.",
        "Only another option of the same goods is possible.",
    ),
    "variant.not_on_sale": (
        "판매 중이 아닌 옵션입니다. 다른 옵션을 골라 주세요.",
        "This option is not on sale. Choose another.",
    ),
    "variant.reservation": (
        "예약 판매 옵션으로는 바꿀 수 없습니다. 다른 옵션을 골라 주세요.",
        "A reservation item is not possible. Choose another option.",
    ),
    "variant.other_price": (
        "가격이 다른 옵션으로는 바꿀 수 없습니다. 다른 옵션을 골라 주세요.",
        "This option costs another price. Choose one of the same price.",
    ),
    "variant.sold_out": (
        "재고가 부족한 옵션입니다. 다른 옵션을 골라 주세요.",
        "There is not enough of this option in stock. Choose another.",
    ),
    # --- claims that were undone --------------------------------------------------------------------------------------
    "refund.*": (
        "결제사에서 환불을 받아 주지 않아 취소가 모두 되돌려졌습니다. 고객센터에 문의해 주세요.",
        "The refund was not possible, and everything was undone. Ask the shop.",
    ),
    "charge.declined": (
        "추가 결제가 승인되지 않아 취소가 모두 되돌려졌습니다. 다른 결제수단으로 다시 시도해 주세요.",
        "The extra payment was declined, and everything was undone. Try again with another means.",
    ),
    "claim.aborted": (
        "담당자가 중단하여 진행된 것이 모두 되돌려졌습니다.",
        "It was stopped by the shop, and everything was undone.",
    ),
    "change.undone": ("옵션 변경이 되돌려졌습니다.", "The option change was undone."),
}
