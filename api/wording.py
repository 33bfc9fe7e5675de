"""The texts for people by reason: Korean, English. `api.texts` fills them.

A reason is looked up whole, then by its family (``refund.*``). ``{fact}`` is replaced by a fact of the case; a part in
``[brackets]`` is left out when a fact of it is not known. Texts say what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[str, str]] = {
    # --- the request and its caller ---------------------------------------------------------------------------------
    "token.missing": (
        "로그인이 필요합니다. Authorization 헤더에 Bearer 토큰을 보내 주세요.",
        "A token is needed: send it in the header Authorization as Bearer.",
    ),
    "token.bad": (
        "토큰이 올바르지 않거나 만료되었습니다. 다시 로그인해 주세요.",
        "The token is not valid or has expired. Get a new one and try again.",
    ),
    "token.or_password": (
        "로그인하거나, 비회원이면 주문 비밀번호를 보내 주세요.",
        "Log in, or as a guest send the order's password.",
    ),
    "role.wrong": (
        "이 토큰의 역할({role})로는 할 수 없는 요청입니다.",
        "A token of role {role} may not do this.",
    ),
    "password.attempts": (
        "비밀번호를 여러 번 잘못 입력했습니다. {retry_after}초 뒤에 다시 시도해 주세요.",
        "Too many wrong passwords. Try again in {retry_after} seconds.",
    ),
    "gateway.unknown": (
        "설정에 없는 결제 게이트웨이입니다.",
        "There is no payment gateway of this name.",
    ),
    "webhook.not_authentic": (
        "게이트웨이가 보낸 것임을 확인할 수 없는 웹훅입니다. 서명 키와 보낸 주소를 확인해 주세요.",
        "Not proved to be the gateway's own. Check the signing secret, and the addresses allowed.",
    ),
    "webhook.unreadable": (
        "게이트웨이가 보낸 웹훅이지만 읽을 수 없습니다.",
        "The delivery is the gateway's own, but it can't be read.",
    ),
    "path.unknown": ("없는 주소입니다. 경로를 확인해 주세요.", "There is nothing at this address. Check the path."),
    "method.unknown": (
        "이 주소에서는 쓸 수 없는 메서드입니다. Allow 헤더를 확인해 주세요.",
        "This method is not possible here. The header Allow lists those that are.",
    ),
    "body.too_large": ("요청 본문이 너무 큽니다. 나누어 보내 주세요.", "The body is too large. Send it in parts."),
    "body.unreadable": (
        "요청 본문을 읽을 수 없습니다. UTF-8 JSON으로 보내 주세요.",
        "The body can't be read. Send JSON in UTF-8.",
    ),
    "key.missing": (
        "Idempotency-Key 헤더나 quoteToken 중 하나는 있어야 합니다.",
        "Send a header Idempotency-Key, a quoteToken, or both.",
    ),
    "key.bad": (
        "Idempotency-Key는 출력 가능한 문자 1~255자여야 합니다.",
        "An Idempotency-Key has 1 to 255 printable characters.",
    ),
    "key.other_body": (
        "같은 Idempotency-Key로 다른 내용이 이미 접수되었습니다[ (클레임 {claim_no})]. 새 키로 보내 주세요.",
        "Another request was sent with this key[ (claim {claim_no})]. Send this one with a new key.",
    ),
    "request.too_late": (
        "요청이 제때 처리되지 못해 취소되었고, 진행된 것은 없습니다. 새 키로 다시 보내 주세요.",
        "The request came too late and nothing was started. Send it again with a new key.",
    ),
    "request.unconfirmed": (
        "아직 접수를 확인하지 못했습니다. 같은 키로 다시 보내 주세요.",
        "Not confirmed in time. Repeat it with the same key to find out.",
    ),
    "request.running": (
        "같은 요청이 아직 처리되고 있습니다. 잠시 후 같은 키로 다시 보내 주세요.",
        "The same request is still being carried out. Repeat it with the same key in a moment.",
    ),
    "database.away": (
        "잠시 서비스를 이용할 수 없습니다. 진행된 것은 없으니 잠시 후 같은 요청을 다시 보내 주세요.",
        "The service's database is away. Nothing was started; repeat the request in a moment.",
    ),
    "temporal.away": (
        "잠시 접수할 수 없습니다. 진행된 것은 없으니 잠시 후 같은 키로 다시 보내 주세요.",
        "Claims can't be accepted just now. Nothing was started; repeat it with the same key in a moment.",
    ),
    "service.defect": (
        "알 수 없는 오류가 발생했습니다. 문의하실 때 이 번호를 알려 주세요: {log_id}",
        "Something unexpected went wrong. Quote this number when you report it: {log_id}",
    ),
    "request.invalid": ("요청에 잘못된 항목이 있습니다.", "The request has fields that are wrong."),
    # --- what is not there ------------------------------------------------------------------------------------------
    "order.unknown": (
        "주문을 찾을 수 없습니다. 주문번호와 비밀번호를 확인해 주세요.",
        "There is no such order, or it is not yours. Check its number and password.",
    ),
    "claim.unknown": (
        "이 주문에는 그런 클레임이 없습니다. 클레임번호를 확인해 주세요.",
        "There is no such claim of this order. Check its number.",
    ),
    "item.unknown": (
        "등록되지 않은 상품입니다[: {goods_no}/{variant_no}]. 상품을 먼저 보내 주세요.",
        "The item is not known[: {goods_no}/{variant_no}]. Feed it first.",
    ),
    "goods.unknown": ("없는 상품입니다: {goods_no}", "There are no such goods: {goods_no}"),
    "member.unknown": ("없는 회원입니다[: {member_no}]", "There is no such member[: {member_no}]"),
    "coupon.unknown": ("없는 쿠폰입니다[: {coupon_no}]", "There is no such coupon[: {coupon_no}]"),
    # --- the selection and the reason -------------------------------------------------------------------------------
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
    # --- what can't be cancelled or changed -------------------------------------------------------------------------
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
    # --- quotes and money -------------------------------------------------------------------------------------------
    "quote.forged": (
        "올바른 quoteToken이 아닙니다. claimCalculateCostFO로 다시 계산해 주세요.",
        "This is no quoteToken of ours. Get a quote from claimCalculateCostFO.",
    ),
    "quote.other_request": (
        "quoteToken이 다른 선택이나 사유로 계산된 것입니다. 다시 계산해 주세요.",
        "The quoteToken was made for another selection or reason. Get a new quote.",
    ),
    "quote.changed": (
        "그사이 환불 금액이 바뀌었습니다. 새 금액을 확인하고 payload의 quoteToken으로 다시 보내 주세요.",
        "The amounts have changed. Look at the new quote in payload and send its quoteToken.",
    ),
    "quote.expired": (
        "계산한 금액의 유효 시간이 지났습니다. payload의 새 금액을 확인하고 그 quoteToken으로 다시 보내 주세요.",
        "The quote has expired. Look at the new one in payload and send its quoteToken.",
    ),
    "quote.spent": (
        "이 quoteToken은 이미 클레임 {claim_no}에 쓰였습니다. 다시 취소하려면 새로 계산해 주세요.",
        "This quoteToken was used for claim {claim_no}. For another cancel get a new quote.",
    ),
    "payment.extra": (
        "이 취소에는 {extra}의 추가 결제가 필요합니다. addPayWayList에서 결제수단을 골라 addPayInfo로 보내 주세요.",
        "This cancel needs an extra payment of {extra}. Choose how from addPayWayList and send it as addPayInfo.",
    ),
    "payment.needs_quote": (
        "{extra}의 추가 결제는 먼저 계산(claimCalculateCostFO)을 받고 그 quoteToken과 함께 보내야 합니다.",
        "An extra payment of {extra} needs a quote: get one from claimCalculateCostFO and send its quoteToken.",
    ),
    "payment.not_needed": (
        "추가 결제가 필요 없는 취소입니다. addPayInfo를 빼고 보내 주세요.",
        "This cancel needs no extra payment: leave addPayInfo out.",
    ),
    "payment.other_amount": (
        "추가 결제 금액은 {extra}인데 payAmt는 {offered}입니다. addPayAmt와 같은 금액을 보내 주세요.",
        "The extra payment is {extra}, and payAmt says {offered}. Send the amount of addPayAmt.",
    ),
    "payment.means": (
        "이 결제수단으로는 추가 결제를 할 수 없습니다. addPayWayList에서 골라 주세요.",
        "An extra payment can't be made by this means. Choose one of addPayWayList.",
    ),
    "payment.gateway_missing": (
        "어느 결제사로 결제할지 gateway를 보내 주세요.",
        "Say which gateway is to be charged: send gateway.",
    ),
    "payment.gateway_unknown": (
        "이 결제수단을 결제할 수 없는 결제사입니다. addPayWayList에서 골라 주세요.",
        "This gateway is not possible for this means. Choose one of addPayWayList.",
    ),
    "payment.stored_unknown": (
        "그런 저장 결제수단이 없습니다. addPayWayList의 stPayNo에서 골라 주세요.",
        "There is no such stored means. Choose a stPayNo of addPayWayList.",
    ),
    "payment.token_missing": (
        "카드로 결제하려면 token이나 stPayNo 중 하나를 보내 주세요.",
        "To pay through a gateway send its token, or the stPayNo of a stored means.",
    ),
    "payment.two_tokens": (
        "token과 stPayNo 중 하나만 보내 주세요.",
        "Send token or stPayNo, not both.",
    ),
    "payment.token_unneeded": (
        "이 결제수단에는 token이 필요 없습니다. token을 빼고 보내 주세요.",
        "This means needs no token: leave it out.",
    ),
    "payment.balance": (
        "잔액({balance})이 추가 결제 금액({extra})보다 적습니다. 다른 결제수단을 골라 주세요.",
        "The balance of {balance} is less than the extra payment of {extra}. Choose another means.",
    ),
    "charge.declined": (
        "추가 결제가 승인되지 않아 취소가 모두 되돌려졌습니다. 다른 결제수단으로 다시 시도해 주세요.",
        "The extra payment was declined, and everything was undone. Try again with another means.",
    ),
    "payment.account": (
        "이 취소에는 환불 계좌가 필요합니다. rfdBankCd, rfdActnNo, rfdActnDepositorNm을 보내 주세요.",
        "This cancel needs a refund account: send rfdBankCd, rfdActnNo and rfdActnDepositorNm.",
    ),
    "account.bank": (
        "알 수 없는 은행 코드입니다. 금융결제원의 코드를 보내 주세요(예: 088).",
        "There is no such bank. Send the number that Korean banks have among themselves, such as 088.",
    ),
    "account.number": (
        "계좌번호는 숫자 6~20자리입니다.",
        "An account number has 6 to 20 digits.",
    ),
    "account.holder": (
        "예금주는 60자까지입니다.",
        "A holder's name has at most 60 characters.",
    ),
    "account.incomplete": (
        "환불 계좌는 은행, 계좌번호, 예금주를 모두 보내야 합니다.",
        "A refund account has a bank, a number and a holder: send all three.",
    ),
    "whatif.staff_only": (
        "whatIf는 담당자만 보낼 수 있습니다. 빼고 보내 주세요.",
        "Only staff may ask what if: leave whatIf out.",
    ),
    # --- option changes ---------------------------------------------------------------------------------------------
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
    # --- the feed ---------------------------------------------------------------------------------------------------
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
    # --- operators --------------------------------------------------------------------------------------------------
    "command.unfit": (
        "이 클레임에는 지금 맞지 않는 명령입니다. 목록을 새로 고쳐 주세요.",
        "The command does not fit this claim (any more). Read the list again.",
    ),
    "command.no_workflow": (
        "클레임 {claim_no}의 실행이 없습니다. 먼저 resume 해 주세요.",
        "Nothing runs for claim {claim_no}. Resume it first.",
    ),
    "command.running": (
        "클레임 {claim_no}은(는) 이미 실행 중입니다.",
        "Claim {claim_no} is running: there is nothing to resume.",
    ),
    "command.unconfirmed": (
        "명령의 결과를 아직 확인하지 못했습니다. 목록에서 클레임의 상태를 확인해 주세요.",
        "The command is not confirmed. Look at the claim in the list before repeating it.",
    ),
    "finding.unknown": (
        "그런 점검 결과가 열려 있지 않습니다. 목록을 새로 고쳐 주세요.",
        "No such finding is open. Read the list again.",
    ),
    "finding.clears_itself": (
        "이 점검 결과는 원인이 해결되면 저절로 사라집니다.",
        "This finding goes by itself when its cause is gone: mend that.",
    ),
    "parking.unknown": (
        "그 번호의 대기가 없습니다. 목록을 새로 고쳐 주세요.",
        "The claim has no parking of this number. Read the list again.",
    ),
    "parking.answered": (
        "이미 처리된 대기입니다. 목록을 새로 고쳐 주세요.",
        "This parking has been answered already. Read the list again.",
    ),
    "action.unsafe": (
        "지금은 안전하지 않은 조치입니다. 목록의 actions에서 골라 주세요.",
        "This action is not safe as things stand. Choose one of actions in the list.",
    ),
    "account.missing": (
        "provideAccount에는 rfdBankCd, rfdActnNo, rfdActnDepositorNm이 필요합니다.",
        "To provide an account send rfdBankCd, rfdActnNo and rfdActnDepositorNm.",
    ),
    "account.unneeded": (
        "이 조치에는 계좌가 필요 없습니다. 계좌를 빼고 보내 주세요.",
        "This action needs no account: leave it out.",
    ),
    "account.by_api": (
        "환불 계좌는 API나 claims resolve로만 보낼 수 있습니다(--bank, --account, --holder).",
        "A refund account is given through the API or by claims resolve … --bank --account --holder, never from here.",
    ),
    "account.unknown": (
        "환불 계좌를 찾을 수 없습니다. 다시 보내 주세요.",
        "The refund account is not there (any more). Send it again.",
    ),
    "payout.untreated": (
        "이 환불은 수기로 지급 중입니다. 먼저 그 결과를 등록해 주세요.",
        "This refund is being paid out by hand. Tell the result of that first.",
    ),
    "payout.unknown": (
        "그 번호의 수기 지급이 없습니다.",
        "The claim has no payout of this number.",
    ),
    "payout.closed": (
        "결과가 이미 등록된 수기 지급입니다.",
        "The result of this payout has been told already.",
    ),
    "payout.not_parked": (
        "대기 중인 환불이 아닙니다. 목록을 새로 고쳐 주세요.",
        "No refund waits there (any more). Read the list again.",
    ),
    "payout.outcome_unknown": (
        "환불의 결과를 아직 모릅니다. 먼저 retry로 확인해 주세요.",
        "Whether this refund was carried out is not known: find that out first, by retry.",
    ),
    "payout.no_account": (
        "지급할 계좌가 없습니다. rfdBankCd, rfdActnNo, rfdActnDepositorNm을 보내 주세요.",
        "There is no account to pay to: send rfdBankCd, rfdActnNo and rfdActnDepositorNm.",
    ),
    "payout.result": (
        "결과는 20(성공) 또는 30(실패)입니다.",
        "A result is 20 (success) or 30 (failure).",
    ),
    "payout.no_reason": (
        "실패에는 사유(reason)가 필요합니다.",
        "A failure needs a reason.",
    ),
    "evidence.missing": (
        "settle에는 증빙(evidence)이 필요합니다. 은행이나 결제사의 거래번호를 보내 주세요.",
        "To settle, send as evidence the bank's or the gateway's own reference.",
    ),
    "evidence.taken": (
        "이 거래번호는 다른 환불이나 결제의 것입니다. 이 건의 거래번호를 보내 주세요.",
        "This reference belongs to another refund or payment. Send the one of this.",
    ),
    "evidence.not_found": (
        "결제사에 이 거래번호의 환불이나 결제가 없습니다. 결과를 모르는 동안에는 결제사의 거래번호만 됩니다.",
        "The gateway shows no such refund or charge. While the outcome is unknown only its own reference will do.",
    ),
    "evidence.unseen": (
        "결제사가 응답하지 않아 이 거래번호를 확인할 수 없습니다. 나중에 다시 시도해 주세요.",
        "The gateway does not answer, and a charge must be seen there. Try again later.",
    ),
    "service.parts_away": (
        "서비스의 일부가 응답하지 않습니다. payload를 확인해 주세요.",
        "A part of the service does not answer: see payload.",
    ),
    "refund.*": (
        "결제사에서 환불을 받아 주지 않아 취소가 모두 되돌려졌습니다. 고객센터에 문의해 주세요.",
        "The refund was not possible, and everything was undone. Ask the shop.",
    ),
    "claim.aborted": (
        "담당자가 중단하여 진행된 것이 모두 되돌려졌습니다.",
        "It was stopped by the shop, and everything was undone.",
    ),
    "change.undone": ("옵션 변경이 되돌려졌습니다.", "The option change was undone."),
    "command.final": (
        "클레임 {claim_no}은(는) 끝났습니다.",
        "Claim {claim_no} is final.",
    ),
}

FAULTS: Mapping[str, tuple[str, str]] = {
    "missing": ("필수 항목입니다.", "This is required."),
    "json_invalid": (
        "JSON 형식이 올바르지 않습니다[ ({at}번째 글자)].",
        "This is no valid JSON[ (at character {at})].",
    ),
    "body_shape": (
        "본문의 형식이 다릅니다. Content-Type: application/json 으로 문서의 형식대로 보내 주세요.",
        "The body has another shape than documented. Send JSON with Content-Type: application/json.",
    ),
    "extra_forbidden": ("없는 항목입니다. 이름을 확인해 주세요.", "There is no such field. Check its name."),
    "greater_than_equal": ("{ge} 이상이어야 합니다.", "It must be at least {ge}."),
    "less_than_equal": ("{le} 이하여야 합니다.", "It must be at most {le}."),
    "greater_than": ("{gt}보다 커야 합니다.", "It must be more than {gt}."),
    "string_too_long": ("{max_length}자 이하여야 합니다.", "It must have at most {max_length} characters."),
    "string_too_short": ("{min_length}자 이상이어야 합니다.", "It must have at least {min_length} characters."),
    "too_long": ("{max_length}개까지 보낼 수 있습니다.", "At most {max_length} are possible."),
    "too_short": ("{min_length}개 이상이어야 합니다.", "At least {min_length} are needed."),
    "literal_error": ("다음 중 하나여야 합니다: {expected}", "It must be one of {expected}."),
    "enum": ("다음 중 하나여야 합니다: {expected}", "It must be one of {expected}."),
    "int_type": ("따옴표 없는 정수여야 합니다.", "It must be an integer, without quotes."),
    "int_parsing": ("정수여야 합니다.", "It must be an integer."),
    "int_from_float": ("소수 없는 정수여야 합니다.", "It must be a whole number."),
    "string_type": ("문자열이어야 합니다.", "It must be a string."),
    "list_type": ("배열이어야 합니다.", "It must be an array."),
    "model_type": ("객체여야 합니다.", "It must be an object."),
    "model_attributes_type": ("객체여야 합니다.", "It must be an object."),
    "dict_type": ("객체여야 합니다.", "It must be an object."),
    "datetime_type": ("ISO 8601 시각이어야 합니다.", "It must be an ISO 8601 time."),
    "datetime_parsing": ("ISO 8601 시각이어야 합니다.", "It must be an ISO 8601 time."),
    "datetime_from_date_parsing": ("ISO 8601 시각이어야 합니다.", "It must be an ISO 8601 time."),
    "timezone_aware": ("시간대가 있는 시각이어야 합니다 (예: +09:00).", "The time needs an offset, such as +09:00."),
    "string_pattern_mismatch": (
        "쓸 수 없는 문자가 있습니다.",
        "It contains characters that are not possible here.",
    ),
    "string_unicode": ("올바른 유니코드가 아닙니다.", "It is no valid Unicode."),
    "value_error": ("올바르지 않은 값입니다.", "The value is not possible."),
}
"""By pydantic's name of the fault; `value_error` stands for those not listed."""

SUMMARY = ("요청에 잘못된 항목이 있습니다. {listed}", "The request has fields that are wrong. {listed}")

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

_WITH_THE_SHOP = ("담당자가 확인하고 있습니다.", "The shop is looking at it.")

NOTES: Mapping[str, tuple[str, str]] = {
    "PSP_DOWN": _WITH_THE_SHOP,
    "PSP_UNKNOWN": _WITH_THE_SHOP,
    "PSP_DECLINED": _WITH_THE_SHOP,
    "PSP_CONFLICT": _WITH_THE_SHOP,
    "PSP_MISCONFIGURED": _WITH_THE_SHOP,
    "PAYMENT_BUSY": _WITH_THE_SHOP,
    "ACCOUNT_NEEDED": ("환불 계좌가 필요합니다.", "A refund account is needed."),
    "DATABASE": _WITH_THE_SHOP,
    "COMPENSATION_STUCK": _WITH_THE_SHOP,
    "BUG": _WITH_THE_SHOP,
    "PAYOUT_OPEN": _WITH_THE_SHOP,
    "skipped by operator": ("담당자가 건너뛰었습니다.", "Left out by the shop."),
}
"""What a claim's steps note, for customers: why a step waits is the shop's business, that it waits is theirs."""
