"""Why a quote, an extra payment or a refund account is refused."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[str, str]] = {
    # --- quotes -------------------------------------------------------------------------------------------------------
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
    "whatif.staff_only": (
        "whatIf는 담당자만 보낼 수 있습니다. 빼고 보내 주세요.",
        "Only staff may ask what if: leave whatIf out.",
    ),
    # --- the extra payment --------------------------------------------------------------------------------------------
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
    # --- the refund account -------------------------------------------------------------------------------------------
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
}
