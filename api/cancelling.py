"""What `cancelFO` does: understand the request, answer a repeat, refuse what a rule refuses, and have the rest opened.

The read-only check costs no workflow; the opening checks again under the order's lock. docs/saga.md: accepting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from api.accepting import Acceptance, Start
from api.digests import Digester, key_of_caller, key_of_quote, workflow_id
from api.envelope import RefusedWith
from api.quotes import QuoteSigner
from api.quoting import quote, selection_of
from api.schemas.storefront.asked import CancelAsked, ExtraPayment
from api.schemas.storefront.claim import CancelAccepted
from api.schemas.storefront.quote import QuoteView
from domain import accounts
from domain.claims import Actor, ClaimKind, ClaimStatus
from domain.costs import Costs, Selection
from domain.eligibility import check_cancel, check_payable
from domain.extra_offers import ExtraOffer, check_balance, check_offer
from domain.orders import OrderState
from domain.policy import Policy
from domain.pricing import price
from domain.quotes import QuoteTerms, check_request, check_terms
from domain.refusals import Code, Refusal
from store import claims, clock, extra_offers, orders, private, requests
from store.claims import FoundClaim
from store.database import Connection, Database
from store.private import Vault
from store.requests import Remembered
from workflows.cancel_order import CancelOrderWorkflow
from workflows.messages import Accepted, CancelOrder, OpenCancel, SelectedLine, Terms

_QUOTE_CODES = frozenset({Code.QUOTE_CHANGED, Code.QUOTE_EXPIRED})


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A `cancelFO` as understood: the same for every repeat of it. `private` never leaves this process unencrypted."""

    order_no: str
    selection: tuple[Selection, ...]
    reason_code: str
    terms: QuoteTerms | None
    request_key: str
    digest: str
    private: dict[str, str]
    offer: ExtraOffer | None
    has_account: bool
    actor: Actor
    language: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What the read-only check found: the first answer, a request that came in before, or neither."""

    answer: CancelAccepted | None = None
    remembered: Remembered | None = None
    gateway: str | None = None


class Cancelling:
    """`timezone` dates claim numbers; `accept_within` is in seconds."""

    def __init__(
        self,
        database: Database,
        acceptance: Acceptance,
        signer: QuoteSigner,
        digester: Digester,
        vault: Vault,
        policy: Policy,
        *,
        timezone: str,
        accept_within: float,
    ) -> None:
        self._database = database
        self._acceptance = acceptance
        self._signer = signer
        self._digester = digester
        self._vault = vault
        self._policy = policy
        self._timezone = timezone
        self._accept_within = accept_within

    async def cancel(self, asked: CancelAsked, key: str | None, actor: Actor, language: str) -> CancelAccepted:
        """The claim's first answer, as soon as it is durably open. The order must be the caller's.

        Raises the first refusal, in the order of codes; QUOTE_CHANGED and QUOTE_EXPIRED carry the new quote.
        """
        request = self._understand(asked, key, actor, language)
        checked = await self._check(request)
        if checked.answer is not None:
            return checked.answer
        remembered = checked.remembered or await self._remember(request)
        if remembered.digest != request.digest:
            raise Refusal(Code.KEY_REUSED, "key.other_body")
        try:
            return await self._acceptance.accept(
                self._start(request, remembered, checked.gateway), lambda: self._look_up(request)
            )
        except Refusal as refusal:
            if refusal.code not in _QUOTE_CODES:
                raise
            raise RefusedWith(refusal, await self._new_quote(request)) from refusal

    # --- understanding -----------------------------------------------------------------------------------------------

    def _understand(self, asked: CancelAsked, key: str | None, actor: Actor, language: str) -> CancelRequest:
        terms = self._signer.read(asked.quote_token) if asked.quote_token is not None else None
        selection = selection_of(asked.goods)
        offer = _offer(asked.extra_payment) if asked.extra_payment else None
        has_account = _has_account(asked)
        if terms is not None:
            check_request(terms, asked.order_no, selection, asked.reason_code)
            _check_offered(offer, terms)
        if key is not None:
            request_key = key_of_caller(ClaimKind.CANCEL, key)
        elif terms is not None:
            request_key = key_of_quote(terms.nonce)
        else:
            raise Refusal(Code.REQUIRED, "key.missing", field="Idempotency-Key")
        return CancelRequest(
            order_no=asked.order_no,
            selection=selection,
            reason_code=asked.reason_code,
            terms=terms,
            request_key=request_key,
            digest=self._digester.digest(ClaimKind.CANCEL, asked.canonical()),
            private=asked.private_parts(),
            offer=offer,
            has_account=has_account,
            actor=actor,
            language=language,
        )

    # --- the read-only check -----------------------------------------------------------------------------------------

    async def _check(self, request: CancelRequest) -> Checked:
        async with self._database.reading() as conn:
            nonce = request.terms.nonce if request.terms else None
            found, spent = await claims.find_opened(conn, request.order_no, request.request_key, nonce)
            if found is not None and found.digest == request.digest:
                # Whatever the shop's policy says by now: a repeat gets the first answer.
                return Checked(answer=_first_answer(found, request))
            remembered = await requests.find(conn, request.order_no, request.request_key, self._accept_within)
            if remembered is not None and remembered.digest == request.digest:
                # It may have been started: only its workflow can say what became of it.
                return Checked(remembered=remembered)
            state = await _state(conn, request.order_no)
            charged = await self._check_values(conn, request, state)
            if found is not None or remembered is not None:
                raise Refusal(Code.KEY_REUSED, "key.other_body", claim_no=found.claim_no if found else None)
            if spent is not None and spent.status is not ClaimStatus.REJECTED:
                raise Refusal(Code.NOT_CANCELLABLE, "quote.spent", claim_no=spent.claim_no)
            returned = await self._refuse_early(conn, request, state, spent)
            return Checked(gateway=charged or returned)

    async def _refuse_early(
        self, conn: Connection, request: CancelRequest, state: OrderState, spent: FoundClaim | None
    ) -> str | None:
        """Raise what the opening would refuse, with the new quote where one helps; else the first leg's gateway."""
        now = await clock.now(conn)
        check_cancel(state, request.selection, request.actor, self._policy)
        try:
            if spent is not None:
                raise Refusal(Code.QUOTE_EXPIRED, "quote.spent", claim_no=spent.claim_no)
            costs = _price(request, state, now, self._policy)
        except Refusal as refusal:
            if refusal.code not in _QUOTE_CODES:
                raise
            raise RefusedWith(refusal, await self._quote(conn, request, state, now)) from refusal
        offer = request.offer
        check_payable(
            costs,
            payment=offer.amount if offer else None,
            quoted=request.terms is not None,
            account=request.has_account,
        )
        if offer is not None and not offer.means.external and state.order.member_no is not None:
            balance = await extra_offers.balance(conn, state.order.member_no, offer.means)
            check_balance(offer, balance, costs.currency)
        gateways = {payment.payment_no: payment.gateway for payment in state.order.payments}
        return next((gateway for leg in costs.legs if (gateway := gateways[leg.payment_no])), None)

    async def _check_values(self, conn: Connection, request: CancelRequest, state: OrderState) -> str | None:
        """The gateway that the offer would charge. Raises what can't be taken: a reason, an account, a way to pay."""
        self._policy.reason(request.reason_code, request.actor)
        if request.has_account:
            accounts.check(*(request.private[part] for part in private.ACCOUNT_PARTS))
        offer = self._at_gateway(request.offer)
        if offer is None:
            return None
        if offer.means.external and offer.gateway is None and offer.stored_no is None:
            raise Refusal(Code.REQUIRED, "payment.gateway_missing")
        member_no = state.order.member_no
        stored = await extra_offers.stored(conn, member_no, offer.stored_no)
        return check_offer(offer, self._policy.extra_payment, member=member_no is not None, stored=stored)

    def _at_gateway(self, offer: ExtraOffer | None) -> ExtraOffer | None:
        """The offer; at the shop's gateway when it has one alone and the caller named none for the token."""
        gateways = self._policy.extra_payment.gateways
        if offer is None or not offer.means.external or offer.gateway or offer.stored_no or len(gateways) != 1:
            return offer
        return replace(offer, gateway=gateways[0])

    async def _new_quote(self, request: CancelRequest) -> QuoteView:
        """The quote for a request whose opening found other amounts than its token. Raises what now refuses it."""
        async with self._database.reading() as conn:
            state = await _state(conn, request.order_no)
            return await self._quote(conn, request, state, await clock.now(conn))

    async def _quote(self, conn: Connection, request: CancelRequest, state: OrderState, now: datetime) -> QuoteView:
        return await quote(
            conn,
            self._signer,
            self._policy,
            state,
            request.selection,
            request.reason_code,
            request.actor,
            now,
            request.language,
        )

    # --- starting ----------------------------------------------------------------------------------------------------

    async def _remember(self, request: CancelRequest) -> Remembered:
        async with self._database.writing() as conn:
            return await requests.remember(
                conn,
                request.order_no,
                request.request_key,
                request.digest,
                ciphertext=self._vault.seal(request.private) if request.private else None,
                account_shown=private.shown(request.private),
                timezone=self._timezone,
                accept_within=self._accept_within,
            )

    def _start(self, request: CancelRequest, remembered: Remembered, gateway: str | None) -> Start[CancelAccepted]:
        terms = request.terms
        workflow = workflow_id(ClaimKind.CANCEL, request.order_no, request.request_key)
        opening = OpenCancel(
            claim_no=remembered.claim_no,
            order_no=request.order_no,
            workflow_id=workflow,
            request_key=request.request_key,
            digest=request.digest,
            selection=tuple(SelectedLine(line_no=one.line_no, quantity=one.quantity) for one in request.selection),
            reason_code=request.reason_code,
            actor=request.actor,
            language=request.language,
            private_id=remembered.private_id,
            terms=_message(terms) if terms else None,
            extra=self._at_gateway(request.offer),
            has_account=request.has_account,
            accept_by=remembered.accept_by,
        )
        return Start(
            kind=ClaimKind.CANCEL,
            order_no=request.order_no,
            claim_no=remembered.claim_no,
            workflow_id=workflow,
            digest=request.digest,
            workflow=CancelOrderWorkflow.run,
            argument=CancelOrder(claim_no=remembered.claim_no, request=opening),
            update=CancelOrderWorkflow.accepted,
            read=lambda accepted: _accepted(request.order_no, accepted),
            gateway=gateway,
            seconds_left=remembered.seconds_left,
        )

    async def _look_up(self, request: CancelRequest) -> CancelAccepted | None:
        async with self._database.reading() as conn:
            found = await claims.find_by_request(conn, request.order_no, request.request_key)
        return _first_answer(found, request) if found else None


def _offer(asked: ExtraPayment) -> ExtraOffer:
    """How the caller offers to pay, without the token. Raises REQUIRED or BAD_VALUE for what the means does not fit."""
    if not asked.means.external and asked.token is not None:
        raise Refusal(Code.BAD_VALUE, "payment.token_unneeded")
    if asked.means.external and asked.token is None and asked.stored_no is None:
        raise Refusal(Code.REQUIRED, "payment.token_missing")
    if asked.token is not None and asked.stored_no is not None:
        raise Refusal(Code.BAD_VALUE, "payment.two_tokens")
    return ExtraOffer(asked.means, asked.amount, asked.gateway, asked.stored_no)


def _has_account(asked: CancelAsked) -> bool:
    """Whether a refund account was brought. Raises REQUIRED when some of its three fields are missing."""
    fields = asked.account_fields
    missing = [name for name, value in fields.items() if not value]
    if 0 < len(missing) < len(fields):
        raise Refusal(Code.REQUIRED, "account.incomplete", field=missing[0])
    return not missing


def _check_offered(offer: ExtraOffer | None, terms: QuoteTerms) -> None:
    """A quote says how much is to be paid: another amount is a bad value, whatever else the request runs into."""
    if offer is not None and offer.amount != terms.extra:
        reason = "payment.other_amount" if terms.extra else "payment.not_needed"
        raise Refusal(Code.BAD_VALUE, reason, offered=offer.amount, extra=terms.extra)


async def _state(conn: Connection, order_no: str) -> OrderState:
    state = await orders.load_state(conn, order_no)
    if state is None:
        raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=order_no)
    return state


def _price(request: CancelRequest, state: OrderState, now: datetime, policy: Policy) -> Costs:
    """The costs now; with a quote as at its making, and refused when they are not those promised."""
    terms = request.terms
    at = terms.quoted_at if terms else now
    costs = price(state, request.selection, policy.reason(request.reason_code, request.actor).fault, at, policy)
    if terms is not None:
        check_terms(terms, costs, now)
    return costs


def _first_answer(found: FoundClaim, request: CancelRequest) -> CancelAccepted:
    """What the request was answered when its claim was opened, whatever became of the claim since."""
    if found.digest != request.digest:
        raise Refusal(Code.KEY_REUSED, "key.other_body", claim_no=found.claim_no)
    return CancelAccepted(order_no=found.order_no, claim_no=found.claim_no, refund=found.refund, extra=found.extra)


def _accepted(order_no: str, accepted: Accepted) -> CancelAccepted:
    return CancelAccepted(order_no=order_no, claim_no=accepted.claim_no, refund=accepted.refund, extra=accepted.extra)


def _message(terms: QuoteTerms) -> Terms:
    return Terms(
        nonce=terms.nonce,
        quoted_at=terms.quoted_at,
        expires_at=terms.expires_at,
        fingerprint=terms.fingerprint,
        refund=terms.refund,
        extra=terms.extra,
    )
