"""Why an operator's command is refused."""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[str, str]] = {
    # --- commands and parkings ----------------------------------------------------------------------------------------
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
    "command.final": (
        "클레임 {claim_no}은(는) 끝났습니다.",
        "Claim {claim_no} is final.",
    ),
    # --- findings -----------------------------------------------------------------------------------------------------
    "finding.unknown": (
        "그런 점검 결과가 열려 있지 않습니다. 목록을 새로 고쳐 주세요.",
        "No such finding is open. Read the list again.",
    ),
    "finding.clears_itself": (
        "이 점검 결과는 원인이 해결되면 저절로 사라집니다.",
        "This finding goes by itself when its cause is gone: mend that.",
    ),
    # --- accounts and payouts by hand ---------------------------------------------------------------------------------
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
    # --- evidence -----------------------------------------------------------------------------------------------------
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
}
