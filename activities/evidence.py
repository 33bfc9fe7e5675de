"""What an operator names as proof that money has moved, looked for at the gateway. docs/saga.md: parked claims."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from activities.errors import database_errors
from activities.safe_actions import is_leg
from domain.claims import Step
from gateways.payments.port import ChargeRecord, PaymentGateway, PaymentSnapshot, RefundStatus, Undetermined
from store import charges, parkings, refunds
from store.charges import Charge
from store.database import Engine
from store.refunds import Seen

_ASK_GATEWAY = 5.0
"""Seconds that a gateway has to show a refund or a charge that an operator names."""


class Evidence:
    """Asks `gateways`, and changes nothing."""

    def __init__(self, engine: Engine, gateways: Mapping[str, PaymentGateway]) -> None:
        self._engine = engine
        self._gateways = gateways

    async def why_unproven(self, claim_no: str, parking_no: int, evidence: str | None) -> str | None:
        """Why `evidence` settles nothing, as a slug; None when it does, or a person may vouch for it.

        What a gateway can show is looked for there, with no transaction open meanwhile.
        """
        reference = (evidence or "").strip()
        charge, seen = None, None
        with database_errors():
            async with self._engine.connect() as conn:
                parking = await parkings.find(conn, claim_no, parking_no)
                if parking is not None and parking.step is Step.CHARGE:
                    charge = await charges.read(conn, claim_no)
                elif parking is not None and is_leg(parking.step, parking.part):
                    seen = await refunds.read(conn, parking.part)
        if charge is not None:
            return await self._why_charge_unproven(charge, reference)
        return None if seen is None else await self._why_refund_unproven(seen, reference)

    async def _why_refund_unproven(self, seen: Seen, reference: str) -> str | None:
        """While the outcome is unknown, the refund must be there, if the gateway tells.

        If it doesn't, the person vouches for having seen it there.
        """
        gateway = self._gateways.get(seen.leg.gateway)
        if gateway is None or not seen.sent:
            return None
        try:
            async with asyncio.timeout(_ASK_GATEWAY):
                found = await gateway.read(seen.leg.payment_ref)
        except TimeoutError:
            return None
        if isinstance(found, Undetermined):
            return None
        there = found.refunds if isinstance(found, PaymentSnapshot) else ()
        proof = any(
            one.refund_ref == reference and one.amount == seen.leg.amount and one.status is not RefundStatus.FAILED
            for one in there
        )
        return None if proof else "evidence.not_found"

    async def _why_charge_unproven(self, charge: Charge, reference: str) -> str | None:
        """Only a charge that the gateway itself lists under our reference, of the right amount, counts.

        Nobody can vouch for it instead: it becomes a payment, and later refunds go to whoever made that.
        """
        gateway = self._gateways.get(charge.gateway or "")
        try:
            async with asyncio.timeout(_ASK_GATEWAY):
                listed = None if gateway is None else await gateway.list_charges(charge.payment_no)
        except TimeoutError:
            listed = None
        if listed is None or isinstance(listed, Undetermined):
            return "evidence.unseen"
        proof = ChargeRecord(reference, charge.amount)
        return None if proof in listed else "evidence.not_found"
