"""Where a claim stands by the ledger: what a run of its workflow starts from, a first one and a resumed one alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.claims import ClaimKind, ClaimStatus, Direction, LegState, Step, StepStatus
from domain.orders import Means


@dataclass(frozen=True, slots=True)
class LegStanding:
    """A refund leg. `amount` in minor units of the claim's currency; `gateway` is None for a credit of our own."""

    leg_id: str
    gateway: str | None
    means: Means
    amount: int
    state: LegState

    @property
    def external(self) -> bool:
        return self.gateway is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """`refund` and `extra` in minor units of `currency`; `steps` tells each step's status.

    `points` counts the earned points that go with the claim's units and have not been taken back yet, `awaited` the
    payments that it closed and that could still be made at their gateways. `receipts`: a payment
    that a leg goes back to has a cash receipt of its own.
    """

    claim_no: str
    order_no: str
    kind: ClaimKind
    direction: Direction
    decided: bool
    status: ClaimStatus
    refund: int
    extra: int
    currency: str
    legs: tuple[LegStanding, ...]
    steps: Mapping[Step, StepStatus]
    points: int = 0
    awaited: int = 0
    receipts: bool = False

    @property
    def final(self) -> bool:
        return self.status.final

    @property
    def external_legs(self) -> tuple[LegStanding, ...]:
        return tuple(leg for leg in self.legs if leg.external)

    @property
    def settled(self) -> bool:
        return all(leg.state is LegState.SETTLED for leg in self.legs)
