"""Opening a claim, resuming one, turning one back, and undoing its opening. docs/saga.md: opening; the fence."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from pydantic import AwareDatetime
from temporalio import activity

from activities.errors import database_errors
from activities.messages import Begun, ClaimRef, Message, Pace
from activities.notices import NoticePlanner
from activities.opening import open_key, open_once
from activities.refusals import to_failure
from domain import quotes
from domain.claims import Actor, ClaimKind, ClaimStatus, Direction, NoticeEvent
from domain.costs import Selection
from domain.eligibility import check_cancel, check_payable
from domain.extra_offers import ExtraOffer as ExtraOffer
from domain.extra_offers import check_balance, check_offer
from domain.gifts import goods_only
from domain.orders import OrderState
from domain.policy import Policy
from domain.pricing import price
from domain.quotes import QuoteTerms
from domain.refusals import Code, Refusal
from domain.units import take
from store import claims, clock, effects, extra_offers, opening, parkings, turning_back
from store.claims import FoundClaim
from store.database import Connection, Engine
from store.fence import enter
from store.opening import NewClaim
from store.orders import load_state


class SelectedLine(Message):
    line_no: int
    quantity: int


class Terms(Message):
    """What a quote promised; times aware UTC, amounts in the order's minor units."""

    nonce: str
    quoted_at: AwareDatetime
    expires_at: AwareDatetime
    fingerprint: str
    refund: int
    extra: int


class OpenCancel(Message):
    """A request to cancel, as the API accepted it. `claim_no` was reserved with the request's row.

    `extra` is how the caller offers to pay an extra payment, without its token; `has_account`: the caller brought a
    refund account. Both secrets are among the private parts under `private_id`.
    """

    claim_no: str
    order_no: str
    workflow_id: str
    request_key: str
    digest: str
    selection: tuple[SelectedLine, ...]
    reason_code: str
    actor: Actor
    language: str
    private_id: int | None = None
    terms: Terms | None = None
    extra: ExtraOffer | None = None
    has_account: bool = False
    accept_by: AwareDatetime


class TurnBack(Message):
    claim_no: str
    code: str
    reason: str


class Turned(StrEnum):
    UNDOING = "UNDOING"
    DECIDED = "DECIDED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    FINAL = "FINAL"


class ClaimActivities:
    """The claim's own steps. `planner` writes the notices that a rejected claim owes; `policy` is the shop's."""

    def __init__(self, engine: Engine, pace: Pace, planner: NoticePlanner, policy: Policy) -> None:
        self._engine = engine
        self._pace = pace
        self._planner = planner
        self._policy = policy

    @activity.defn
    async def open_cancel(self, asked: OpenCancel) -> Begun:
        """Open the claim durably, or find it open already; see `activities.opening`."""

        async def write(conn: Connection, spent: FoundClaim | None) -> None:
            if spent is not None:
                raise spent_quote(spent)
            await self._write(conn, asked)

        nonce = asked.terms.nonce if asked.terms else None
        return await open_once(self._engine, self._pace, asked, write, nonce=nonce)

    async def _write(self, conn: Connection, asked: OpenCancel) -> None:
        terms = asked.terms
        state = await load_state(conn, asked.order_no)
        if state is None:
            raise Refusal(Code.NOT_FOUND, "order.unknown")
        why = self._policy.reason(asked.reason_code, asked.actor)
        offer = await self._taken(conn, state, asked.extra)
        selection = tuple(Selection(line.line_no, line.quantity) for line in asked.selection)
        check_cancel(state, selection, asked.actor, self._policy)
        now = await clock.now(conn)
        costs = price(state, selection, why.fault, terms.quoted_at if terms else now, self._policy)
        if terms is not None:
            quotes.check_terms(
                QuoteTerms(
                    nonce=terms.nonce,
                    order_no=asked.order_no,
                    selection=selection,
                    reason_code=asked.reason_code,
                    quoted_at=terms.quoted_at,
                    expires_at=terms.expires_at,
                    refund=terms.refund,
                    extra=terms.extra,
                    fingerprint=terms.fingerprint,
                ),
                costs,
                now,
            )
        check_payable(
            costs, payment=offer.amount if offer else None, quoted=terms is not None, account=asked.has_account
        )
        await self._check_balance(conn, state, offer)
        await effects.happen(conn, open_key(asked.claim_no), asked.claim_no)
        await opening.open_cancel(
            conn,
            NewClaim(
                claim_no=asked.claim_no,
                order_no=asked.order_no,
                kind=ClaimKind.CANCEL,
                workflow_id=asked.workflow_id,
                request_key=asked.request_key,
                digest=asked.digest,
                quote_nonce=terms.nonce if terms else None,
                private_id=asked.private_id,
                actor=asked.actor,
                language=asked.language,
                reason_code=asked.reason_code,
                fault=why.fault,
                policy_version=self._policy.version,
            ),
            state,
            take(state, (*goods_only(state, selection), *costs.gifts)),
            costs,
            offer,
        )

    async def _taken(self, conn: Connection, state: OrderState, offer: ExtraOffer | None) -> ExtraOffer | None:
        """The offer with the gateway that would be charged. Raises BAD_VALUE when the shop doesn't take it."""
        if offer is None:
            return None
        member_no = state.order.member_no
        stored = await extra_offers.stored(conn, member_no, offer.stored_no)
        gateway = check_offer(offer, self._policy.extra_payment, member=member_no is not None, stored=stored)
        return replace(offer, gateway=gateway)

    async def _check_balance(self, conn: Connection, state: OrderState, offer: ExtraOffer | None) -> None:
        """Nothing is reserved here: what is spent before it is charged declines the charge, which undoes the claim."""
        member_no = state.order.member_no
        if offer is not None and member_no is not None and not offer.means.external:
            check_balance(offer, await extra_offers.balance(conn, member_no, offer.means), state.order.currency)

    @activity.defn
    async def resume(self, claim: ClaimRef) -> Begun:
        """Read where the claim stands, for a new run of it. What an earlier run parked is superseded."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, claim.claim_no, None)
                if head is None:
                    raise to_failure(Refusal(Code.NOT_FOUND, "claim.unknown"))
                await parkings.supersede_all(conn, claim.claim_no)
                if not head.status.final:
                    await claims.add_event(conn, head.claim_no, head.order_no, "claim.resumed")
                    await claims.restate(conn, head.claim_no)
                return await self._stands(conn, claim.claim_no)

    @activity.defn
    async def look_at_claim(self, claim: ClaimRef) -> Begun:
        """Read where the claim stands by now, for a run that is under way."""
        with database_errors():
            async with self._engine.begin() as conn:
                return await self._stands(conn, claim.claim_no)

    async def _stands(self, conn: Connection, claim_no: str) -> Begun:
        """With the corrections that are to be sent; whoever completes the claim sends what else there is."""
        standing = await claims.standing(conn, claim_no)
        corrections = [] if standing.final else await self._planner.unsent(conn, claim_no, NoticeEvent.REFUND_FAILED)
        return Begun(standing=standing, pace=self._pace, notice_ids=tuple(corrections))

    @activity.defn
    async def turn_back(self, asked: TurnBack) -> Turned:
        """Turn the claim to undoing, unless the ledger says that it is decided or that an outcome is unknown."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, asked.claim_no, None)
                if head is None or head.status.final:
                    return Turned.FINAL
                if head.direction is Direction.UNDOING:
                    return Turned.UNDOING
                if head.decided:
                    return Turned.DECIDED
                turned = await turning_back.turn_back(conn, head, asked.code, asked.reason)
                # Before the pivot the workflow waits in no parking when it asks this: it has left the one it was in.
                await parkings.supersede_all(conn, asked.claim_no)
                await claims.restate(conn, asked.claim_no)
                return Turned.UNDOING if turned else Turned.OUTCOME_UNKNOWN

    @activity.defn
    async def undo_open(self, claim: ClaimRef) -> list[str]:
        """Free what the opening held, reject the claim, and plan the customer's notice; answers the notices to send."""
        with database_errors():
            async with self._engine.begin() as conn:
                head = await enter(conn, claim.claim_no, Direction.UNDOING)
                if head is None:
                    return await self._planner.unsent(conn, claim.claim_no)
                if await effects.reverse(conn, open_key(claim.claim_no), claim.claim_no):
                    await turning_back.free(conn, head)
                await claims.restate(conn, claim.claim_no)
                return await self._planner.plan(conn, claim.claim_no, NoticeEvent.REJECTED)


def spent_quote(opened: FoundClaim) -> Refusal:
    """A quote opens one claim: under another key it names that claim, or has expired with it when that was rejected."""
    if opened.status is ClaimStatus.REJECTED:
        return Refusal(Code.QUOTE_EXPIRED, "quote.spent", claim_no=opened.claim_no)
    return Refusal(Code.NOT_CANCELLABLE, "quote.spent", claim_no=opened.claim_no)
