"""The six calls of the storefront, for members, guests, and the back office on their behalf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Header, Request
from structlog.contextvars import bind_contextvars

from api import texts
from api.callers import Caller, CallerRoute, TheAccess, TheCaller, allow
from api.cancelling import Cancelling
from api.changing import Changing
from api.claim_view import claim_view
from api.codes import PAYMENT_STATUS, LineClass, Medium
from api.documented import ANY_ORDER, REFUSALS
from api.envelope import Envelope, ok
from api.headers import header_text
from api.parts import TheParts
from api.quotes import QuoteSigner
from api.quoting import quote, selection_of
from api.schemas.fields import yes_no
from api.schemas.storefront.asked import CancelAsked, ChangeAsked, DetailsAsked, PopupAsked, QuoteOrWhatIf, VariantNamed
from api.schemas.storefront.claim import CancelAccepted, ClaimView
from api.schemas.storefront.options import ChangeDone, GoodsVariants, OptionView, VariantView
from api.schemas.storefront.popup import CancellableLine, PaymentView, Popup, ReasonOffered
from api.schemas.storefront.quote import QuoteView
from api.tokens import Role
from api.what_if import what_if
from domain.eligibility import Gates, Possible, only_whole
from domain.options import Candidate, candidates
from domain.orders import Item, Line, LineStatus, Means, OrderState, PaymentStatus
from domain.policy import Policy, RefundPolicy
from domain.refusals import Code, Refusal
from store import clock, feed_orders, orders, policies
from store.claim_details import load_claim
from store.database import Connection

router = APIRouter(prefix="/v1", route_class=CallerRoute, tags=["storefront"])

READ = (Role.GUEST, Role.MEMBER, Role.VIEW, Role.OPERATE)
ACT = (Role.GUEST, Role.MEMBER, Role.OPERATE)
MOST_GOODS = 100


@dataclass(frozen=True, slots=True)
class Desk:
    """What the six calls work with, besides the database."""

    signer: QuoteSigner
    cancelling: Cancelling
    changing: Changing


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def language_of(request: Request) -> str:
    return texts.language_of(request)


TheDesk = Annotated[Desk, Depends(desk_of)]
Language = Annotated[str, Depends(language_of)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Names the request: 1 to 255 printable characters. A repeat with it gets the first answer.",
        json_schema_extra={"minLength": 1, "maxLength": 255},
    ),
]


@router.post("/claim/orderCancel/cancelPopupFO", summary="What can be cancelled, and why one may", responses=ANY_ORDER)
@allow(*READ)
async def cancel_popup(
    body: PopupAsked, caller: TheCaller, access: TheAccess, parts: TheParts, language: Language
) -> Envelope[Popup]:
    """The order's lines with what can be cancelled of each, the reasons to choose from, and the order's payments."""
    await access.prove(caller, body.order_no, body.password)
    async with parts.database.reading() as conn:
        state = await orders.load_state(conn, body.order_no)
        if state is None:
            raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=body.order_no)
        fed = await feed_orders.with_buyer(conn, state.order)
    return ok(_popup(state, fed, caller, parts.policy, language))


@router.post("/claim/common/claimCalculateCostFO", summary="Quote a cancel", responses=REFUSALS)
@allow(*READ)
async def calculate_cost(
    body: QuoteOrWhatIf, caller: TheCaller, access: TheAccess, parts: TheParts, desk: TheDesk, language: Language
) -> Envelope[QuoteView]:
    """What a cancel would cost and return, and a token that promises it for half an hour. Changes nothing.

    Staff may ask what it would be as somebody else or at another time (`whatIf`); that answers no token.
    """
    if body.what_if is not None and not caller.staff:
        raise Refusal(Code.BAD_VALUE, "whatif.staff_only")
    await access.prove(caller, body.order_no, body.password)
    selection = selection_of(body.goods)
    async with parts.database.reading() as conn:
        state = await orders.load_state(conn, body.order_no)
        if state is None:
            raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=body.order_no)
        now = await clock.now(conn)
        if body.what_if is not None:
            actor, at = body.what_if.actor or caller.actor, body.what_if.at or now
            told = await what_if(conn, parts.policy, state, selection, body.reason_code, actor, at, language)
        else:
            told = await quote(
                conn, desk.signer, parts.policy, state, selection, body.reason_code, caller.actor, now, language
            )
    return ok(told)


@router.post("/claim/orderCancel/cancelFO", summary="Cancel", responses=REFUSALS)
@allow(*ACT)
async def cancel(
    body: CancelAsked,
    caller: TheCaller,
    access: TheAccess,
    desk: TheDesk,
    language: Language,
    key: IdempotencyKey = None,
) -> Envelope[CancelAccepted]:
    """Open the claim and answer as soon as it is durably accepted; refund, coupons, stock and notices follow.

    Needs a header Idempotency-Key, a `quoteToken`, or both. With a token it moves exactly the quoted amounts or is
    refused with the new quote. After 9001 or 9002 repeat it with the same key.
    """
    await access.prove(caller, body.order_no, body.password)
    accepted = await desk.cancelling.cancel(body, _checked(key), caller.actor, language)
    bind_contextvars(claim_no=accepted.claim_no)
    return ok(accepted)


@router.post("/claim/common/claimDetailsInfoFO", summary="One claim and how far it is", responses=ANY_ORDER)
@allow(*READ)
async def claim_details(
    body: DetailsAsked, caller: TheCaller, access: TheAccess, parts: TheParts, language: Language
) -> Envelope[ClaimView]:
    """The claim's goods, refunds, coupons due back, delivery costs, and the progress of its steps."""
    await access.prove(caller, body.order_no, body.password)
    async with parts.database.reading() as conn:
        claim = await load_claim(conn, body.claim_no)
        if claim is None or claim.order_no != body.order_no:
            raise Refusal(Code.NOT_FOUND, "claim.unknown", claim_no=body.claim_no)
        refunds_by = await _refund_policy(conn, claim.policy_version, parts.policy)
    return ok(claim_view(claim, refunds_by, language))


@router.post("/claim/orderChange/ordChangeFO", summary="Change a line's option", responses=REFUSALS)
@allow(*ACT)
async def change_option(
    body: ChangeAsked,
    caller: TheCaller,
    access: TheAccess,
    desk: TheDesk,
    language: Language,
    key: IdempotencyKey = None,
) -> Envelope[ChangeDone]:
    """Change the units left of a line to another variant of the same goods; answers once the line is changed.

    Without an Idempotency-Key each call is a request of its own.
    """
    await access.prove(caller, body.order_no, body.password)
    done = await desk.changing.change(body, _checked(key), caller.actor, language)
    bind_contextvars(claim_no=done.claim_no)
    return ok(done)


@router.post("/detail/otherItms", summary="Other variants of some goods", responses=ANY_ORDER)
@allow(*READ)
async def other_variants(
    body: Annotated[list[VariantNamed], Body(min_length=1, max_length=MOST_GOODS)], parts: TheParts, language: Language
) -> Envelope[list[GoodsVariants]]:
    """Per goods every variant, and whether one unit of the variant named could be changed to it today."""
    async with parts.database.reading() as conn:
        items = await orders.load_items(conn, {named.goods_no for named in body})
    return ok([_goods(named, items, language) for named in body])


def _checked(key: str | None) -> str | None:
    """The caller's key. Raises REQUIRED for an empty one, BAD_VALUE for one that is too long or not printable."""
    if key is None:
        return None
    if not key:
        raise Refusal(Code.REQUIRED, "key.missing", field="Idempotency-Key")
    key = header_text(key)
    if len(key) > 255 or not key.isprintable():
        raise Refusal(Code.BAD_VALUE, "key.bad", field="Idempotency-Key")
    return key


async def _refund_policy(conn: Connection, version: str | None, present: Policy) -> RefundPolicy:
    """The rules by which a claim's refund was divided. Before policies had versions they were the default's."""
    if version == present.version:
        return present.refund
    opened_under = await policies.load(conn, version) if version is not None else None
    return opened_under.refund if opened_under is not None else RefundPolicy()


# --- views ------------------------------------------------------------------------------------------------------------


def _popup(state: OrderState, fed: feed_orders.FedOrder, caller: Caller, policy: Policy, language: str) -> Popup:
    order = state.order
    gates = Gates(state, caller.actor, policy)
    shipping = {group.group_no: group.policy_no for group in order.groups}
    unpaid = any(payment.waiting for payment in order.payments)
    return Popup(
        order_no=order.order_no,
        member_no=order.member_no,
        buyer_name=fed.buyer_name,
        medium=Medium(fed.medium),
        currency=order.currency,
        partial_possible=yes_no(not only_whole(state) and not unpaid),
        lines=[_cancellable(state, line, gates, shipping[line.group_no], language) for line in order.lines],
        reasons=[
            ReasonOffered(code=reason.code, name=reason.names[language], fault=reason.fault.value)
            for reason in policy.reasons_for(caller.actor)
        ],
        payments=[
            PaymentView(
                payment_no=payment.payment_no,
                means=payment.means,
                status=PAYMENT_STATUS.number(payment.status),
                amount=payment.amount,
                left=payment.left if payment.status is PaymentStatus.PAID else 0,
                partial_cancel=yes_no(payment.partial_cancel),
                closed=yes_no(payment.closed),
                extra=yes_no(payment.extra),
            )
            for payment in order.payments
        ],
        account_needed=yes_no(
            any(
                payment.means is Means.VIRTUAL_ACCOUNT and payment.status is PaymentStatus.PAID and payment.left > 0
                for payment in order.payments
            )
        ),
    )


def _cancellable(state: OrderState, line: Line, gates: Gates, policy_no: str, language: str) -> CancellableLine:
    cancel, change = gates.cancellable(line), gates.changeable(line)
    return CancellableLine(
        line_no=line.line_no,
        goods_no=line.goods_no,
        goods_name=line.goods_name,
        variant_no=line.variant_no,
        variant_name=line.variant_name,
        quantity=line.quantity,
        units_gone=state.units_gone(line.line_no),
        units_possible=cancel.units,
        price=line.price,
        line_class=LineClass.CANCEL if line.status is LineStatus.CANCELLED else LineClass.ORDER,
        status=line.status,
        policy_no=policy_no,
        gift=yes_no(line.gift),
        can_cancel=yes_no(cancel.units > 0),
        cancel_reason=_why_not(cancel, language),
        can_change=yes_no(change.units > 0),
        change_reason=_why_not(change, language),
    )


def _why_not(possible: Possible, language: str) -> str | None:
    return texts.refusal(possible.why_not, language) if possible.why_not else None


def _goods(named: VariantNamed, items: Sequence[Item], language: str) -> GoodsVariants:
    variants = [item for item in items if item.goods_no == named.goods_no]
    present = next((item for item in variants if item.variant_no == named.variant_no), None)
    if present is None:
        raise Refusal(Code.NOT_FOUND, "item.unknown", goods_no=named.goods_no, variant_no=named.variant_no)
    found = candidates(present, variants)
    return GoodsVariants(
        goods_no=named.goods_no,
        variant_no=named.variant_no,
        variants=[_variant(candidate, language) for candidate in found],
    )


def _variant(candidate: Candidate, language: str) -> VariantView:
    item, obstacle = candidate.item, candidate.obstacle
    return VariantView(
        variant_no=item.variant_no,
        variant_name=item.variant_name,
        options=[OptionView(name=name, value=value) for name, value in item.options],
        price=item.price,
        sale_status=item.sale_status,
        sale_method=item.sale_method,
        stock=item.stock,
        can_change=yes_no(obstacle is None),
        reason=texts.refusal(Refusal(Code.VARIANT_IMPOSSIBLE, obstacle.value), language) if obstacle else None,
    )
