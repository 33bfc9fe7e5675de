"""Why a request is refused whatever it asks for: its caller, its shape, what it names, a service that is away."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[str, str]] = {
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
    "service.parts_away": (
        "서비스의 일부가 응답하지 않습니다. payload를 확인해 주세요.",
        "A part of the service does not answer: see payload.",
    ),
    "service.defect": (
        "알 수 없는 오류가 발생했습니다. 문의하실 때 이 번호를 알려 주세요: {log_id}",
        "Something unexpected went wrong. Quote this number when you report it: {log_id}",
    ),
    "request.invalid": ("요청에 잘못된 항목이 있습니다.", "The request has fields that are wrong."),
    # --- what is not there --------------------------------------------------------------------------------------------
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
}
