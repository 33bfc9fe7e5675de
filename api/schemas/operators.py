"""What operators send and get."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from api.codes import MANUAL_REFUND_RESULT
from api.schemas.fields import AccountNo, BankCode, FreeText, Name, StrictWire, Wire, clean_text
from domain import accounts
from domain.claims import Action, PayoutState
from domain.refusals import Code, Refusal
from store.payouts import Payout
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(clean_text)
]


class _Commanded(StrictWire):
    model_config = ConfigDict(validate_by_name=False)


class AccountBrought(_Commanded):
    """What may come with a refund account: all three fields or none. Kept encrypted, shown by its last digits only."""

    bank_code: BankCode | None = Field(None, alias="rfdBankCd")
    account_no: AccountNo | None = Field(None, alias="rfdActnNo", repr=False)
    account_holder: Name | None = Field(None, alias="rfdActnDepositorNm", repr=False)

    def account(self) -> dict[str, str] | None:
        """The account as it is kept, its number in digits; None when none was sent. Raises REQUIRED, BAD_VALUE."""
        told = {"rfdBankCd": self.bank_code, "rfdActnNo": self.account_no, "rfdActnDepositorNm": self.account_holder}
        missing = [name for name, value in told.items() if not value]
        if len(missing) == len(told):
            return None
        if missing or self.bank_code is None or self.account_no is None or self.account_holder is None:
            raise Refusal(Code.REQUIRED, "account.incomplete", field=missing[0])
        accounts.check(self.bank_code, self.account_no, self.account_holder)
        return {
            BANK_PART: self.bank_code,
            NUMBER_PART: accounts.digits(self.account_no),
            HOLDER_PART: self.account_holder,
        }


class ResolveAsked(AccountBrought):
    """An operator's answer to a parking; `actions` of the claim in the list says which are safe."""

    parking_no: int = Field(alias="parkingNo", strict=True, ge=1, le=2**63 - 1)
    action: Action = Field(alias="action", examples=["retry"])
    reason: Reason = Field(alias="reason", description="Why; kept in the audit.")
    evidence: FreeText | None = Field(
        None, alias="evidence", description="Needed to settle: the bank's or the gateway's own reference."
    )


class PayoutAsked(AccountBrought):
    """Have a parked refund paid out by hand."""

    parking_no: int = Field(alias="parkingNo", strict=True, ge=1, le=2**63 - 1)
    reason: Reason = Field(alias="reason", description="Why by hand; kept.")


class PayoutResultAsked(_Commanded):
    """What came of a payout: 20 with `evidence`, 30 with `reason`."""

    result: Annotated[PayoutState, MANUAL_REFUND_RESULT] = Field(alias="manlRfdRsltCd")
    evidence: FreeText | None = Field(None, alias="evidence", description="With 20: the bank's own reference.")
    reason: Reason | None = Field(None, alias="reason", description="With 30: why it was not paid.")


class WhyAsked(_Commanded):
    reason: Reason = Field(alias="reason", description="Why; kept in the audit.")


class ResumeAsked(WhyAsked):
    """Set a claim going again."""


class ParkingView(Wire):
    """A wait for a person; `actions` are those that are safe as the ledger stands."""

    parking_no: int = Field(alias="parkingNo")
    step: str = Field(alias="step")
    part: str = Field(alias="part", description="The refund that stands still, or empty.")
    stuck_reason: str = Field(alias="stuckReason")
    detail: str = Field(alias="detail", description="What failed and what was tried.")
    outcome_unknown: bool = Field(alias="outcomeUnknown")
    actions: list[str] = Field(alias="actions")
    since: datetime = Field(alias="since")
    account: str | None = Field(alias="rfdActnMask", description="Bank and last digits of the account it goes to.")
    payout_no: str | None = Field(alias="payoutNo", description="Its payout by hand that has no result yet.")


class OperatorClaim(Wire):
    """A claim as operators see it. `parkingNo`, `stuckReason` and `actions` are of its oldest open parking."""

    claim_no: str = Field(alias="claimNo")
    order_no: str = Field(alias="ordNo")
    status: str = Field(alias="claimStatCd")
    step: str | None = Field(alias="step")
    stuck_reason: str | None = Field(alias="stuckReason")
    since: datetime = Field(alias="since")
    parking_no: int | None = Field(alias="parkingNo")
    actions: list[str] = Field(alias="actions")
    parkings: list[ParkingView] = Field(alias="parkingList", description="Every open parking of the claim.")
    workflow_id: str = Field(alias="workflowId")
    workflow_url: str = Field(alias="workflowUrl", description="The claim in the Temporal Web UI.")


class OperatorClaims(Wire):
    claims: list[OperatorClaim] = Field(alias="claimList")
    next: str | None = Field(alias="next", description="Send it as `after` for the next page; null on the last.")


class EventView(Wire):
    """One line of a claim's timeline. `event` is a stable slug; `facts` its numbers, nothing of a customer."""

    at: datetime = Field(alias="at")
    actor: str = Field(alias="actor", description="customer, system, gateway, or an operator's name.")
    event: str = Field(alias="event", examples=["refund.done"])
    step: str | None = Field(alias="step")
    facts: dict[str, Any] = Field(alias="facts")


class Timeline(Wire):
    claim_no: str = Field(alias="claimNo")
    order_no: str = Field(alias="ordNo")
    events: list[EventView] = Field(alias="eventList", description="Oldest first; only ever appended to.")


class PayoutView(Wire):
    """A refund that is paid out by hand, and how far that is."""

    payout_no: str = Field(alias="payoutNo")
    claim_no: str = Field(alias="claimNo")
    order_no: str = Field(alias="ordNo")
    leg_id: str = Field(alias="rfdLegNo")
    state: Annotated[PayoutState, MANUAL_REFUND_RESULT] = Field(alias="manlRfdRsltCd")
    amount: int = Field(alias="rfdAmt", description="Minor units of `currency`.")
    currency: str = Field(alias="currency")
    account: str | None = Field(alias="rfdActnMask", description="Bank and last digits; all of it by its own call.")
    opened_by: str = Field(alias="openedBy")
    reason: str = Field(alias="reason")
    opened_at: datetime = Field(alias="openedDtm")
    closed_by: str | None = Field(alias="closedBy")
    closed_at: datetime | None = Field(alias="closedDtm")
    evidence: str | None = Field(alias="evidence")
    failure: str | None = Field(alias="failReason")

    @classmethod
    def of(cls, payout: Payout) -> Self:
        told = {name: getattr(payout, name) for name in cls.model_fields if name != "account"}
        return cls(**told, account=payout.account_shown)


class Payouts(Wire):
    payouts: list[PayoutView] = Field(alias="payoutList")
    next: str | None = Field(alias="next", description="Send it as `after` for the next page; null on the last.")


class PayoutAccount(Wire):
    """Where a payout goes to, in clear: whoever asks for it is kept in the audit."""

    payout_no: str = Field(alias="payoutNo")
    amount: int = Field(alias="rfdAmt")
    currency: str = Field(alias="currency")
    bank_code: str = Field(alias="rfdBankCd")
    account_no: str = Field(alias="rfdActnNo", repr=False)
    account_holder: str = Field(alias="rfdActnDepositorNm", repr=False)
