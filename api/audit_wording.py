"""What each sum of an audit says when it doesn't come out, for people: Korean, then English."""

from __future__ import annotations

from collections.abc import Mapping

from domain.differences import Sum

SUMS: Mapping[Sum, tuple[str, str]] = {
    Sum.BOOKS: (
        "받은 금액(결제+추가 결제)이 환불+예정+구매 유지 상품+배송비의 합과 다릅니다.",
        "What was paid, extra payments included, is not refunded + due + goods still bought + fees kept.",
    ),
    Sum.COST_ROWS: (
        "클레임의 비용 항목 합이 환불액 - 추가 결제액과 다릅니다.",
        "The claim's cost rows are not its refund less what it charges.",
    ),
    Sum.COST_UNITS: (
        "계산된 수량이 클레임이 잡은 수량과 다릅니다.",
        "The units priced are not those that the claim holds.",
    ),
    Sum.HELD_UNITS: (
        "클레임이 잡은 수량이 상태와 맞지 않습니다(되돌린 클레임은 수량을 풀어야 합니다).",
        "The units held are not those that the claim should hold; an undone claim holds none.",
    ),
    Sum.REFUND_LEGS: (
        "결제별 환불의 합이 클레임의 환불액과 다릅니다.",
        "What goes back to the payments is not the claim's refund.",
    ),
    Sum.LATE_REFUND: (
        "취소 후에 입금된 금액이 그만큼 환불되지 않습니다.",
        "What came in after the claim had closed its payment is not what goes back of it.",
    ),
    Sum.RETURNED_OUTSIDE: (
        "결제사에서 직접 환불된 금액보다 많이 환불에서 제외되었습니다: 고객에게 돌려줄 금액이 남아 있습니다.",
        "Claims returned less than they should: what they took for returned outside of them was not.",
    ),
    Sum.CREDIT_RETURNED: (
        "자체 결제수단 환불과 잔액 변동이 다릅니다.",
        "The booking of an own credit is not what was settled.",
    ),
    Sum.PAYMENT_REFUNDING: (
        "결제에 기록된 환불 금액이 환불 내역의 합과 다릅니다.",
        "What the payment counts as returned is not what the refunds return of it.",
    ),
    Sum.PAYMENT_TAX_FREE: (
        "결제에 기록된 면세 환불 금액이 환불 내역의 합과 다릅니다.",
        "The tax-free part that the payment counts as returned is not what the refunds return of it.",
    ),
    Sum.PAYMENT_VAT: (
        "결제한 부가세보다 많이 환불되었습니다.",
        "More VAT is returned than was paid.",
    ),
    Sum.PAYMENT_REFUNDED: (
        "결제한 금액보다 많이 환불되었습니다.",
        "More was returned than was paid.",
    ),
    Sum.PAYMENT_CLOSED: (
        "클레임이 닫은 입금 대기 결제가 계산된 미입금액과 다릅니다.",
        "The waiting payments that the claim closed are not what it reckons as never paid.",
    ),
    Sum.EXTRA_PLANNED: (
        "예정된 추가 결제가 클레임의 추가 결제액과 다릅니다.",
        "The extra payment planned is not what the claim charges.",
    ),
    Sum.EXTRA_TAKEN: (
        "받은 추가 결제가 클레임의 추가 결제액과 다릅니다.",
        "The extra payment taken is not what the claim charges.",
    ),
    Sum.EXTRA_UNKNOWN: (
        "클레임이 알지 못하는 추가 결제가 주문에 있습니다.",
        "The order has an extra payment that no claim knows of.",
    ),
    Sum.EXTRA_DEBITED: (
        "추가 결제로 차감한 잔액이 추가 결제액과 다릅니다.",
        "What left the balance is not the extra payment.",
    ),
    Sum.RESTOCKED: (
        "재고로 돌아간 수량이 클레임의 수량과 다릅니다.",
        "The units put back in stock are not those that the claim should have put back.",
    ),
    Sum.COUPON_RESTORED: (
        "쿠폰 복원이 클레임의 계획과 다릅니다.",
        "The coupon was not given back as the claim planned.",
    ),
    Sum.COUPON_USED: (
        "돌려준 쿠폰이 아직 이 주문에 쓴 것으로 되어 있습니다.",
        "The coupon was given back and still counts as used by the order.",
    ),
    Sum.COUPON_REISSUED: (
        "쿠폰 재발급이 클레임의 계획과 다릅니다.",
        "No new coupon, or one too many, was given for this one.",
    ),
    Sum.POINTS_TAKEN_BACK: (
        "회수한 적립금이 클레임의 적립금과 다릅니다.",
        "The earned points taken back or owed are not those of the claim's units.",
    ),
    Sum.POINTS_EARNED: (
        "적립된 것보다 많은 적립금을 회수했습니다.",
        "More points are taken back than were earned.",
    ),
    Sum.CHANGE_STOCK: (
        "옵션 변경이 가져간 재고와 돌려놓은 재고가 다릅니다.",
        "The option change did not give back as many units as it took.",
    ),
}
