"""Why what the shop's systems feed is refused: orders, coupons, stored means, moves of lines."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[str, str]] = {
    # --- orders and their groups --------------------------------------------------------------------------------------
    "order.currency_unknown": ("없는 통화 코드입니다: {currency}", "There is no currency {currency}: send ISO 4217."),
    "order.no_lines": ("주문에 상품이 하나 이상 있어야 합니다.", "An order needs at least one line."),
    "order.amount": ("주문 금액이 너무 큽니다.", "The order's amount is too large."),
    "order.sum": (
        "금액이 맞지 않습니다: 상품 {goods} − 할인 {discounts} + 배송비 {shipping} ≠ 결제 {payments}",
        "It does not add up: lines {goods} − shares {discounts} + paid shipping {shipping} ≠ payments {payments}.",
    ),
    "order.has_claims": (
        "클레임이 있는 주문은 상품의 상태만 앞으로 옮길 수 있습니다[ ({part}이(가) 다름)].",
        "The order has claims: only a line's status can move forward[; {part} differs].",
    ),
    "group.repeated": ("배송그룹 {group_no}이(가) 두 번 들어 있습니다.", "Delivery group {group_no} is named twice."),
    "group.no_lines": ("배송그룹 {group_no}에 상품이 없습니다.", "Delivery group {group_no} has no line."),
    "group.amount": (
        "배송그룹 {group_no}의 금액이 올바르지 않습니다.",
        "An amount of group {group_no} is not possible.",
    ),
    "group.collect": (
        "착불 배송그룹 {group_no}에는 결제한 배송비, 할인, 쿠폰이 없어야 합니다.",
        "Group {group_no} is collect: the order can't have paid for it, nor a coupon.",
    ),
    "group.gifts_only": (
        "사은품만 있는 배송그룹 {group_no}에는 결제한 배송비, 할인, 쿠폰이 없어야 합니다.",
        "Group {group_no} holds gifts only: the order can't have paid for shipping it, nor a coupon.",
    ),
    # --- lines and gifts ----------------------------------------------------------------------------------------------
    "line.group_unknown": (
        "주문순번 {line_no}의 배송그룹 {group_no}이(가) deliGrpList에 없습니다.",
        "Line {line_no} names delivery group {group_no}, which is not in deliGrpList.",
    ),
    "line.quantity": (
        "주문순번 {line_no}의 수량 {quantity}은(는) 올바르지 않습니다.",
        "Quantity {quantity} of line {line_no} is not possible.",
    ),
    "line.amount": ("주문순번 {line_no}의 금액이 올바르지 않습니다.", "The price of line {line_no} is not possible."),
    "line.points": (
        "주문순번 {line_no}의 적립금이 올바르지 않습니다.",
        "The points of line {line_no} are not possible.",
    ),
    "line.gift": (
        "주문순번 {line_no}: 사은품만 salePrc가 0이고 조건(giftOfOrdSeq나 giftMinAmt)이 있습니다.",
        "Line {line_no}: what costs 0 is a gift, and a gift costs 0 and has a condition, giftOfOrdSeq or giftMinAmt.",
    ),
    "gift.flag": (
        "주문순번 {line_no}의 giftYn이 조건과 맞지 않습니다: giftOfOrdSeq나 giftMinAmt가 있으면 Y, 없으면 N입니다.",
        "giftYn of line {line_no} does not fit: it is Y with giftOfOrdSeq or giftMinAmt, and N without.",
    ),
    "gift.two_conditions": (
        "사은품(주문순번 {line_no})의 조건은 giftOfOrdSeq와 giftMinAmt 중 하나만 보내 주세요.",
        "Gift {line_no} has two conditions: send giftOfOrdSeq or giftMinAmt, not both.",
    ),
    "gift.minimum": (
        "사은품(주문순번 {line_no})의 giftMinAmt는 0보다 커야 합니다.",
        "giftMinAmt of gift {line_no} must be more than 0.",
    ),
    "gift.line_unknown": (
        "사은품(주문순번 {line_no})이 가리키는 상품(주문순번 {gift_of})이 이 주문에 없거나 사은품입니다.",
        "Gift {line_no} comes with line {gift_of}, which the order does not have or which is a gift itself.",
    ),
    "gift.points": (
        "사은품(주문순번 {line_no})에는 적립금이 없어야 합니다.",
        "Gift {line_no} can't have brought points.",
    ),
    "line.cancelled": (
        "주문순번 {line_no}: 취소 상태는 클레임으로만 생깁니다.",
        "Line {line_no} can't be fed as cancelled: only claims do that.",
    ),
    "line.discount": (
        "주문순번 {line_no}의 할인 {discount}이(가) 상품 금액 {amount}보다 큽니다.",
        "The discounts of line {line_no}, {discount}, are more than its price, {amount}.",
    ),
    # --- coupons ------------------------------------------------------------------------------------------------------
    "coupon.repeated": ("쿠폰 {coupon_no}이(가) 두 번 쓰였습니다.", "Coupon {coupon_no} is used twice."),
    "coupon.amount": (
        "쿠폰 {coupon_no}의 금액이 올바르지 않습니다.",
        "An amount of coupon {coupon_no} is not possible.",
    ),
    "coupon.kind": (
        "쿠폰 {coupon_no}({promotion})은 상품 쿠폰이 아닙니다. 배송비 쿠폰은 deliGrpList의 cpnNo로 보내 주세요.",
        "Coupon {coupon_no} is no coupon on goods but {promotion}: name a shipping coupon in deliGrpList, as cpnNo.",
    ),
    "coupon.below_minimum": (
        "쿠폰 {coupon_no}: blwMinCd는 장바구니 쿠폰에만 보낼 수 있습니다.",
        "Coupon {coupon_no}: only a basket coupon has blwMinCd.",
    ),
    "coupon.used_elsewhere": (
        "쿠폰 {coupon_no}은(는) 다른 주문에 사용된 쿠폰입니다.",
        "Coupon {coupon_no} is used by another order: feed the coupon as it stands first.",
    ),
    "coupon.no_shares": ("쿠폰 {coupon_no}의 shareList가 비어 있습니다.", "Coupon {coupon_no} has no share."),
    "coupon.one_line": (
        "상품 쿠폰 {coupon_no}은(는) 한 상품에만 쓸 수 있습니다.",
        "Goods coupon {coupon_no} can only discount one line, not {lines}.",
    ),
    "coupon.line_unknown": (
        "쿠폰 {coupon_no}의 주문순번 {line_no}이(가) 없습니다.",
        "Coupon {coupon_no} names line {line_no}, which the order does not have.",
    ),
    "coupon.sum": (
        "쿠폰 {coupon_no}: dcAmt {amount} ≠ shareList의 합 {shares}",
        "Coupon {coupon_no}: dcAmt {amount} is not the sum of its shares, {shares}.",
    ),
    "coupon.given_back": (
        "쿠폰 {coupon_no}은(는) 클레임 {claim_no}이(가) 돌려준 것이라 주문 {order_no}에 다시 쓸 수 없습니다.",
        "Claim {claim_no} gave coupon {coupon_no} back: it can't be set back to order {order_no}.",
    ),
    # --- payments and stored means ------------------------------------------------------------------------------------
    "stored_means.repeated": (
        "저장 결제수단 {stored_no}이(가) 두 번 들어 있습니다.",
        "Stored means {stored_no} is named twice.",
    ),
    "stored_means.own": (
        "저장 결제수단 {stored_no}: 자체 결제수단({means})은 등록할 수 없습니다.",
        "Stored means {stored_no} is {means}, a credit of the shop's own, which no gateway stores.",
    ),
    "stored_means.token": (
        "저장 결제수단 {stored_no}에는 token이 필요합니다.",
        "Stored means {stored_no} needs its token: none is stored yet.",
    ),
    "payment.repeated": ("결제 {payment_no}이(가) 두 번 들어 있습니다.", "Payment {payment_no} is named twice."),
    "payment.amount": (
        "결제 {payment_no}의 금액이 올바르지 않습니다.",
        "The amount of payment {payment_no} is not possible.",
    ),
    "payment.expiry": (
        "결제 {payment_no}: expDtm은 마일리지에만 보낼 수 있습니다.",
        "Payment {payment_no}: only mileage has expDtm.",
    ),
    "payment.tax": (
        "결제 {payment_no}의 taxFreeAmt와 vatAmt의 합이 payAmt보다 클 수 없습니다.",
        "taxFreeAmt and vatAmt of payment {payment_no} can't be more than its payAmt.",
    ),
    "payment.gateway": (
        "결제 {payment_no}에는 gateway와 pgTid가 필요합니다(자체 결제수단에는 없어야 합니다).",
        "Payment {payment_no} needs gateway and pgTid; a credit of the shop's own has no gateway.",
    ),
    # --- guests -------------------------------------------------------------------------------------------------------
    "guest.coupon": (
        "비회원 주문에는 쿠폰({coupon_no})을 쓸 수 없습니다.",
        "A guest's order has no coupon ({coupon_no}).",
    ),
    "guest.means": (
        "비회원 주문은 {means}(으)로 결제할 수 없습니다 (결제 {payment_no}).",
        "A guest can't have paid by {means} (payment {payment_no}).",
    ),
    "guest.password": (
        "비회원 주문에는 umemPwd가 필요하고, 회원 주문에는 없어야 합니다.",
        "A guest's order needs umemPwd; a member's has none.",
    ),
    # --- moves of lines -----------------------------------------------------------------------------------------------
    "move.none_left": (
        "주문순번 {line_no}에는 남은 수량이 없습니다. 출고하지 마세요.",
        "Nothing is left of line {line_no}: don't ship it.",
    ),
    "move.quantity_needed": (
        "주문순번 {line_no}에는 취소된 수량이 있습니다. 남은 수량 {left}을(를) qty로 보내 주세요.",
        "Units of line {line_no} are cancelled: send how many are left, {left}, as qty.",
    ),
    "move.quantity_wrong": (
        "주문순번 {line_no}의 남은 수량은 {left}개입니다.",
        "{left} units are left of line {line_no}, not what qty says.",
    ),
    "move.units_gone": (
        "주문순번 {line_no}에는 취소된 수량이 있습니다. 상태 변경 API로 남은 수량({left})과 함께 보내 주세요.",
        "Units of line {line_no} are cancelled: move it by its status call, with the {left} that are left.",
    ),
    "move.cancelled": (
        "주문순번 {line_no}: 취소 상태는 클레임으로만 바뀝니다.",
        "Line {line_no}: only claims cancel a line.",
    ),
    "move.backward": (
        "주문순번 {line_no}의 상태는 뒤로 돌릴 수 없습니다({status}).",
        "Line {line_no} can't move backward: it is {status}.",
    ),
}
