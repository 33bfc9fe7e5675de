"""What goes into the claim workflows and what comes out. Numbers, amounts and references: no personal data."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from activities.claims import OpenCancel as OpenCancel
from activities.claims import SelectedLine as SelectedLine
from activities.claims import Terms as Terms
from activities.comparing import AskedPayment as AskedPayment
from activities.messages import Message
from activities.options import OpenChange as OpenChange
from activities.reconciliation import Reconcile as Reconcile


class CancelOrder(Message):
    """Start a cancel claim from `request`; or, with the claim number alone, resume it from the ledger."""

    claim_no: str
    request: OpenCancel | None = None


class ChangeOption(Message):
    """Start an option change from `request`; or, with the claim number alone, resume it from the ledger."""

    claim_no: str
    request: OpenChange | None = None


class Accepted(Message):
    """A cancel claim is durably open. Amounts in minor units of `currency`."""

    claim_no: str
    refund: int
    extra: int
    currency: str


class Changed(Message):
    """The line is changed."""

    claim_no: str


class OperatorCommand(Message):
    """What a person answers to a parking: one JSON object, so that the Web UI can send it as well as the API.

    `parkingNo` and `action` are in the claim's current details; `evidence` goes with settle; `seal` is the API's, and
    so is `accountId`, where it has kept a refund account. An account itself is never in it: it would stay in the
    history. That is why unknown fields are kept here, to be refused.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    parking_no: int = Field(alias="parkingNo")
    action: str
    reason: str = ""
    actor: str = ""
    evidence: str | None = None
    channel: str = "web-ui"
    seal: str | None = None
    account_id: int | None = Field(None, alias="accountId")


class CommandResult(Message):
    """The command was accepted; `status` is the claim's afterwards."""

    claim_no: str
    parking_no: int
    action: str
    status: str


class GatewayTold(Message):
    """The signal `gateway_told`: the gateway told something of this refund leg's payment. A hint to ask it, no fact."""

    leg_id: str


class ClaimOutcome(Message):
    """How a claim's workflow ended: the claim's final status, or REFUSED with the code when none was opened.

    `reason`: the slug why it was refused, or why this run turned it back.
    """

    claim_no: str
    status: str
    code: str | None = None
    reason: str | None = None
