"""Driving a claim's extra payment to its end: charge, look up, or ask a person. docs/saga.md: the charge.

After every turn the ledger is read again, so it does not matter which run, or which command of a person, moved it.
"""

from __future__ import annotations

from activities.charge_protocol import ChargeKind, ChargeResult
from activities.charges import ChargeActivities
from activities.messages import ClaimRef
from activities.parking import CHARGE_PART
from activities.refunds import LookUpResult, LookUpState
from domain.claims import Step, StuckReason
from domain.refusals import Code
from workflows.gateway_calls import Claim, GatewayCall, GaveBack, Stands, stand_still

DECLINED = "charge.declined"
"""Why a claim turned back whose extra payment was refused."""

_FOUND = {LookUpState.ACCEPTED: ChargeKind.TAKEN, LookUpState.REFUSED: ChargeKind.REFUSED}


class ExtraCharge:
    """The extra payment of a claim: `amount` in minor units of its currency."""

    def __init__(self, claim: Claim, claim_no: str, amount: int) -> None:
        self._claim = claim
        self._call = GatewayCall(
            ChargeActivities.charge,
            ChargeActivities.look_up,
            ClaimRef(claim_no=claim_no),
            summary=f"charge the extra payment of {amount}",
            subject="the charge",
            what=f"charge of {amount}",
            done="charged",
        )

    async def run(self) -> None:
        """Return once it is taken, which decides the claim. Raises GaveBack when the claim turned back instead."""
        while True:
            await self._claim.obey_cancel()
            result = await self._charge()
            if isinstance(result, Stands):
                await self._stand_still(result)
            elif result.kind is ChargeKind.TAKEN:
                self._claim.pivot_passed()
                return
            elif result.kind is ChargeKind.FENCED:
                raise GaveBack
            elif result.kind is ChargeKind.REFUSED:
                await self._stand_still(Stands(StuckReason.PSP_DECLINED, f"refused: {result.code}", refuses=True))
            else:
                await self._stand_still(Stands(StuckReason.PSP_MISCONFIGURED, f"answered {result.code}"))

    async def _charge(self) -> ChargeResult | Stands:
        answer: ChargeResult | LookUpResult | Stands = await self._call.make(self._claim)
        if isinstance(answer, LookUpResult):
            return ChargeResult(kind=_FOUND[answer.state], code=answer.code)
        return answer

    async def _stand_still(self, why: Stands) -> None:
        await stand_still(self._claim, why, Step.CHARGE, CHARGE_PART, (Code.PAYMENT_NEEDED.value, DECLINED))
