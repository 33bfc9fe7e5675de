"""How the shop's systems bring what claims need, and how anyone checks what came of them.

Feeding needs the role `feed`. Staff of any role reads everything; members and guests read what is theirs.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request

from api import passwords, texts
from api.callers import Caller, CallerRoute, TheAccess, TheCaller, allow
from api.codes import CLAIM_BUSINESS, ClaimBusiness, Medium
from api.documented import ANY, ANY_ORDER, Responses
from api.envelope import Envelope, ok
from api.headers import header_text
from api.parts import Parts, TheParts
from api.schemas.audit import AuditView, DifferenceEntry, audit_view
from api.schemas.cases import FindingEntry, FindingsView
from api.schemas.feed_orders import (
    BenefitWire,
    ClaimEntry,
    FedOrderWire,
    GroupWire,
    LineView,
    MovedLine,
    MoveWire,
    OrderView,
    StandingPayment,
    WrittenOrder,
)
from api.schemas.feed_shop import CouponWire, ItemWire, MemberView, MemberWire, StoredMeansWire
from api.schemas.fields import LARGEST_COUNT, Number, yes_no
from api.schemas.inbox import InboxView, NoticeEntry
from api.schemas.places import in_order, in_stored
from api.tokens import Role
from domain.claims import ClaimKind
from domain.eligibility import Gates, Possible
from domain.orders import Line, OrderState
from domain.policy import Policy
from domain.refusals import Code, Refusal
from store import (
    conservation,
    feed_orders,
    feed_shop,
    findings,
    guests,
    inbox,
    line_moves,
    order_audit,
    order_claims,
    orders,
    stored_means,
)
from store.database import Connection
from store.private import Vault

router = APIRouter(prefix="/v1", route_class=CallerRoute, tags=["feed"])

_NOT_THERE: Responses = {404: {"model": Envelope[Any], "description": "1003 not there, or not the caller's."}}
_CONFLICT: Responses = {
    409: {"model": Envelope[Any], "description": "1004 it would undo what a claim did, 2001 none of the units is left."}
}
READ = ANY | _NOT_THERE
WRITE = ANY | _NOT_THERE | _CONFLICT

READERS = (Role.FEED, Role.VIEW, Role.OPERATE)
AUDITORS = (Role.VIEW, Role.OPERATE)

GoodsNo = Annotated[Number, Path(alias="goodsNo")]
VariantNo = Annotated[Number, Path(alias="itmNo")]
MemberNo = Annotated[Number, Path(alias="mbrNo")]
CouponNo = Annotated[Number, Path(alias="cpnNo")]
OrderNo = Annotated[Number, Path(alias="ordNo")]
PathLineNo = Annotated[int, Path(alias="ordSeq", ge=1, le=LARGEST_COUNT)]
OrderPassword = Annotated[str | None, Header(alias="X-Order-Password", max_length=512)]

# --- items ------------------------------------------------------------------------------------------------------------


@router.put("/items/{goodsNo}/{itmNo}", summary="Bring an item", responses=ANY)
@allow(Role.FEED)
async def put_item(goods_no: GoodsNo, variant_no: VariantNo, body: ItemWire, parts: TheParts) -> Envelope[ItemWire]:
    """Write an item; its stock becomes what is sent."""
    async with parts.database.writing() as conn:
        await feed_shop.put_item(conn, body.to_item(goods_no, variant_no))
    return ok(body)


@router.get("/items/{goodsNo}/{itmNo}", summary="An item", responses=READ)
@allow(*READERS)
async def get_item(goods_no: GoodsNo, variant_no: VariantNo, parts: TheParts) -> Envelope[ItemWire]:
    """The item, with its stock as it stands."""
    async with parts.database.reading() as conn:
        item = await orders.load_item(conn, goods_no, variant_no)
    if item is None:
        raise Refusal(Code.NOT_FOUND, "item.unknown", goods_no=goods_no, variant_no=variant_no)
    return ok(ItemWire.of(item))


# --- members and coupons ----------------------------------------------------------------------------------------------


@router.put("/members/{mbrNo}", summary="Bring a member", responses=ANY)
@allow(Role.FEED)
async def put_member(member_no: MemberNo, body: MemberWire, parts: TheParts) -> Envelope[MemberView]:
    """Write a member; the balances, and what is stored when it is sent, become what is sent."""
    async with parts.database.writing() as conn:
        await feed_shop.put_member(conn, body.to_member(member_no))
        if body.stored is not None:
            await _put_stored(conn, member_no, body.stored, parts.vault)
        view = await _member(conn, member_no)
    if view is None:
        raise RuntimeError("a member that was just written is gone")
    return ok(view)


async def _put_stored(conn: Connection, member_no: str, stored: list[StoredMeansWire], vault: Vault) -> None:
    try:
        await stored_means.put(conn, member_no, [one.to_means() for one in stored], vault)
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.reason, **{**refusal.facts, "field": in_stored(refusal, stored)}) from None


async def _member(conn: Connection, member_no: str) -> MemberView | None:
    member = await feed_shop.get_member(conn, member_no)
    return None if member is None else MemberView.of(member, await stored_means.list_of(conn, member_no))


@router.get("/members/{mbrNo}", summary="A member", responses=READ)
@allow(Role.MEMBER, *READERS)
async def get_member(member_no: MemberNo, caller: TheCaller, parts: TheParts) -> Envelope[MemberView]:
    """The member, with the balances as they stand and what is stored, without its tokens."""
    async with parts.database.reading() as conn:
        member = await _member(conn, member_no)
    if member is None or not _is_theirs(caller, member_no):
        raise Refusal(Code.NOT_FOUND, "member.unknown", member_no=member_no)
    return ok(member)


@router.get("/members/{mbrNo}/inbox", summary="A member's inbox", responses=READ)
@allow(Role.MEMBER, *READERS)
async def get_inbox(
    member_no: MemberNo,
    caller: TheCaller,
    parts: TheParts,
    size: Annotated[int, Query(ge=1, le=100)] = 50,
    after: Annotated[Number | None, Query()] = None,
) -> Envelope[InboxView]:
    """The member's notices, newest first."""
    async with parts.database.reading() as conn:
        member = await feed_shop.get_member(conn, member_no)
        found = await inbox.notices_of(conn, member_no, limit=size + 1, after=after)
    if member is None or not _is_theirs(caller, member_no):
        raise Refusal(Code.NOT_FOUND, "member.unknown", member_no=member_no)
    shown = found[:size]
    return ok(
        InboxView(
            notices=[NoticeEntry.of(notice) for notice in shown],
            next=shown[-1].notice_id if len(found) > size else None,
        )
    )


@router.put("/coupons/{cpnNo}", summary="Bring a coupon", responses=WRITE)
@allow(Role.FEED)
async def put_coupon(coupon_no: CouponNo, body: CouponWire, parts: TheParts) -> Envelope[CouponWire]:
    """Write a coupon. One that a claim gave back can't be set back to that order."""
    async with parts.database.writing() as conn:
        await feed_shop.put_coupon(conn, body.to_coupon(coupon_no))
    return ok(body)


@router.get("/coupons/{cpnNo}", summary="A coupon", responses=READ)
@allow(Role.MEMBER, *READERS)
async def get_coupon(coupon_no: CouponNo, caller: TheCaller, parts: TheParts) -> Envelope[CouponWire]:
    """The coupon as it stands."""
    async with parts.database.reading() as conn:
        coupon = await feed_shop.get_coupon(conn, coupon_no)
    if coupon is None or not _is_theirs(caller, coupon.member_no):
        raise Refusal(Code.NOT_FOUND, "coupon.unknown", coupon_no=coupon_no)
    return ok(CouponWire.of(coupon))


def _is_theirs(caller: Caller, member_no: str | None) -> bool:
    """Another member's answers exactly as one that does not exist."""
    return caller.staff or (member_no is not None and caller.member_no == member_no)


# --- orders -----------------------------------------------------------------------------------------------------------


@router.put("/orders/{ordNo}", summary="Bring an order", responses=WRITE)
@allow(Role.FEED)
async def put_order(order_no: OrderNo, body: FedOrderWire, parts: TheParts) -> Envelope[WrittenOrder]:
    """Write an order as a whole; with claims, only a line's status can still move forward."""
    if (body.member_no is None) != (body.password is not None):
        code = Code.REQUIRED if body.member_no is None else Code.BAD_VALUE
        raise Refusal(code, "guest.password", field="umemPwd")
    try:
        fed = body.to_order(order_no, await _password_hash(parts, order_no, body.password))
        async with parts.database.writing() as conn:
            await feed_orders.put_order(conn, fed)
    except Refusal as refusal:
        raise _placed(refusal, body) from refusal
    return ok(WrittenOrder(order_no=order_no))


def _placed(refusal: Refusal, body: FedOrderWire) -> Refusal:
    """The refusal with the place in the body that it is about."""
    return Refusal(refusal.code, refusal.reason, **{**refusal.facts, "field": in_order(refusal, body)})


async def _password_hash(parts: Parts, order_no: str, password: str | None) -> str | None:
    """The hash that is there while the password is the same, so that a repeat changes nothing; else a new one."""
    if password is None:
        return None
    async with parts.database.reading() as conn:
        owner = await guests.owner(conn, order_no)
    known = owner.password_hash if owner else None
    if known is not None and await asyncio.to_thread(passwords.matches, known, password):
        return known
    return await asyncio.to_thread(passwords.hash_password, password)


@router.post("/orders/{ordNo}/lines/{ordSeq}/status", summary="Move a line", responses=WRITE)
@allow(Role.FEED)
async def move_line(order_no: OrderNo, line_no: PathLineNo, body: MoveWire, parts: TheParts) -> Envelope[MovedLine]:
    """Move the units left of a line forward. The warehouse learns here when fewer are left than it believes."""
    async with parts.database.writing() as conn:
        left = await line_moves.move_line(conn, order_no, line_no, body.status, body.quantity)
    return ok(MovedLine(order_no=order_no, line_no=line_no, status=body.status, quantity=left))


@router.get("/orders/{ordNo}", summary="An order as it stands", responses=ANY_ORDER)
@allow(Role.GUEST, Role.MEMBER, *READERS)
async def get_order(
    order_no: OrderNo,
    request: Request,
    caller: TheCaller,
    access: TheAccess,
    parts: TheParts,
    password: OrderPassword = None,
) -> Envelope[OrderView]:
    """The order as it stands, and per line whether it can be cancelled or changed, and why not."""
    await access.prove(caller, order_no, header_text(password) if password else None)
    async with parts.database.reading() as conn:
        state = await orders.load_state(conn, order_no)
        if state is None:
            raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=order_no)
        fed = await feed_orders.with_buyer(conn, state.order)
        claims = await order_claims.claims_of_order(conn, order_no)
    return ok(_order_view(state, fed, claims, caller, parts.policy, texts.language_of(request)))


def _order_view(
    state: OrderState,
    fed: feed_orders.FedOrder,
    claims: list[order_claims.ClaimSummary],
    caller: Caller,
    policy: Policy,
    language: str,
) -> OrderView:
    gates = Gates(state, caller.actor, policy)
    return OrderView(
        order_no=fed.order.order_no,
        member_no=fed.order.member_no,
        buyer_name=fed.buyer_name,
        email=fed.email,
        phone=fed.phone,
        medium=Medium(fed.medium),
        currency=fed.order.currency,
        ordered_at=fed.order.ordered_at,
        groups=[GroupWire.of(group) for group in fed.order.groups],
        lines=[_line_view(state, line, gates, language) for line in fed.order.lines],
        benefits=[BenefitWire.of(benefit) for benefit in fed.order.benefits],
        payments=[StandingPayment.of(payment) for payment in state.order.payments],
        claims=[_claim_entry(claim) for claim in claims],
    )


def _line_view(state: OrderState, line: Line, gates: Gates, language: str) -> LineView:
    cancel, change = gates.cancellable(line), gates.changeable(line)
    return LineView(
        line_no=line.line_no,
        goods_no=line.goods_no,
        goods_name=line.goods_name,
        variant_no=line.variant_no,
        variant_name=line.variant_name,
        quantity=line.quantity,
        price=line.price,
        group_no=line.group_no,
        status=line.status,
        tax_free=yes_no(line.tax_free),
        gift=yes_no(line.gift),
        gift_of=line.gift_of,
        gift_minimum=line.gift_minimum,
        earned_points=line.earned_points,
        units_gone=state.units_gone(line.line_no),
        can_cancel=yes_no(cancel.units > 0),
        cancel_reason=_reason(cancel, language),
        can_change=yes_no(change.units > 0),
        change_reason=_reason(change, language),
    )


def _reason(possible: Possible, language: str) -> str | None:
    return texts.refusal(possible.why_not, language) if possible.why_not else None


def _claim_entry(claim: order_claims.ClaimSummary) -> ClaimEntry:
    cancel = claim.kind is ClaimKind.CANCEL
    return ClaimEntry(
        claim_no=claim.claim_no,
        business=CLAIM_BUSINESS.number(ClaimBusiness.CANCEL if cancel else ClaimBusiness.OPTION_CHANGE),
        status=claim.status.value,
        line_nos=list(claim.line_nos),
        refund=claim.refund,
        extra=claim.extra,
        opened_at=claim.opened_at,
    )


# --- the audit --------------------------------------------------------------------------------------------------------


@router.get("/audit/{ordNo}", summary="Audit an order", responses=READ)
@allow(*AUDITORS)
async def get_audit(order_no: OrderNo, request: Request, parts: TheParts) -> Envelope[AuditView]:
    """An order's books, what of it doesn't add up, and every movement of money, stock, coupons and credits."""
    async with parts.database.reading() as conn:
        audit = await order_audit.load_audit(conn, order_no)
    if audit is None:
        raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=order_no)
    return ok(audit_view(audit, texts.language_of(request)))


@router.get("/audit", summary="What does not add up", responses=ANY)
@allow(*AUDITORS)
async def get_findings(
    request: Request,
    parts: TheParts,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[Number | None, Query(description="`nextAfter` of the page before.")] = None,
) -> Envelope[FindingsView]:
    """What of any order doesn't add up, reckoned now, and what the sweeper found: at most `size` of each.

    A page goes through so many orders as there is time for, so it can be empty and not the last.
    """
    language = texts.language_of(request)
    async with parts.database.reading() as conn:
        page = await conservation.page_of_differences(conn, after or "", limit=size)
        found = await findings.open_findings(conn, limit=size)
    return ok(
        FindingsView(
            differences=[DifferenceEntry.of(one, language) for one in page.differences],
            findings=[FindingEntry.of(finding) for finding in found],
            next=page.next_after,
        )
    )
