"""Notices: what a customer was told or is to be told, one row per claim, event, channel and round, never a second.

A claim's round rises when it is reopened (`store.reopening`), so that its end is told again.

The merchant's own mail (`Channel.SHOP`) is beside these: nothing that a claim waits for or shows counts it. Of a claim
that waits for a person its round is the parking's number.

A row keeps the text as it was told and no address: that is read when it is sent. `code` is the last thing that a try
taught, so that the next one knows whether it must reckon with an earlier one having arrived:

- none: never tried;
- ``sending``: a try began; while it stands, nothing more is known of it;
- ``unknown``: a try ended without an answer that tells;
- ``overtaken``: it was no longer true before it was sent, and is skipped; if it was sent after all, it is marked so;
- anything else: why the last try did not send, or why the row is skipped or failed.

Every change of state is told in the claim's timeline in the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    Text,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from domain.claims import FAILED_LATER, Channel, ClaimKind, Direction, LegState, NoticeEvent, NoticeState, Step
from domain.notices import Goods, Leg, NoticeFacts
from domain.orders import Means
from store.tables import (
    claim_events,
    claim_lines,
    claims,
    items,
    members,
    notice_routes,
    notices,
    order_lines,
    orders,
    parkings,
    refund_legs,
)

SENDING = "sending"
UNKNOWN = "unknown"
OVERTAKEN = "overtaken"

_GOODS_NAMED = 20
"""A text lists this many lines; of the others it tells how many there are."""

# The buyer's own word for this order first; what the member's account says is the second best.
_EMAIL = func.coalesce(func.nullif(orders.c.email, ""), func.nullif(members.c.email, ""))
_PHONE = func.coalesce(func.nullif(orders.c.phone, ""), func.nullif(members.c.phone, ""))
_ADDRESSES = {Channel.EMAIL: "email", Channel.ALIMTALK: "phone"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A notice about to be written. `code` says why, when it is skipped; `language` None: the claim's."""

    channel: Channel
    state: NoticeState
    subject: str
    body: str
    code: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice to be sent, or one that has ended. `to` is where to, as it stands now; `earlier`: its `code` so far."""

    notice_id: str
    claim_no: str
    kind: ClaimKind
    event: NoticeEvent
    channel: Channel
    language: str
    subject: str
    body: str
    parameters: Mapping[str, str]
    state: NoticeState
    earlier: str | None
    to: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How far a notice has come, and why."""

    state: NoticeState
    code: str | None


def notice_id(claim_no: str, event: NoticeEvent, channel: Channel, round_no: int = 1) -> str:
    """Its last part is the channel. The first round has no number: these ids are older than rounds."""
    told = event.value if round_no == 1 else f"{event.value}-{round_no}"
    return f"{claim_no}-{told}-{channel.value}"


async def facts(conn: AsyncConnection, claim_no: str) -> NoticeFacts | None:
    """What the texts of a claim name, in one statement whatever its lines; None when there is no such claim."""
    row = (await conn.execute(_FACTS, {"of_claim": claim_no})).one_or_none()
    if row is None:
        return None
    return NoticeFacts(
        claim_no=claim_no,
        order_no=row.order_no,
        member_no=row.member_no,
        buyer_name=row.buyer_name,
        language=row.language,
        kind=ClaimKind(row.kind),
        direction=Direction(row.direction),
        currency=row.currency,
        refund=row.refund,
        opened_at=row.opened_at,
        goods=tuple(Goods(**line) for line in row.goods or ()),
        goods_count=row.goods_count,
        legs=tuple(_leg(leg) for leg in row.legs or ()),
        has_email=row.has_email,
        has_phone=row.has_phone,
        reason_code=row.reason_code,
        workflow_id=row.workflow_id,
        refusal=row.refusal_reason,
        round=row.round,
    )


def _leg(told: Mapping[str, Any]) -> Leg:
    state = LegState(told["state"])
    return Leg(Means(told["means"]), told["amount"], state, state is LegState.REFUSED and told["code"] == FAILED_LATER)


async def plan(conn: AsyncConnection, told: NoticeFacts, event: NoticeEvent, drafts: Sequence[Draft]) -> list[str]:
    """Write the notices that are not there yet, and answer the ids of the customer's still to be sent.

    Those written now or before; the shop's are sent by the sweeper. At most two statements. Doing it again writes
    nothing and answers what is left to send.
    """
    if not drafts:
        return []
    given = [
        {
            "notice_id": notice_id(told.claim_no, event, draft.channel, told.round),
            "claim_no": told.claim_no,
            "order_no": told.order_no,
            "member_no": told.member_no,
            "event": event,
            "channel": draft.channel,
            "language": draft.language or told.language,
            "subject": draft.subject,
            "body": draft.body,
            "parameters": dict(draft.parameters),
            "state": draft.state,
            "code": draft.code,
            "round": told.round,
        }
        for draft in drafts
    ]
    rows = (await conn.execute(_PLAN, {"given": given})).all()
    if len(rows) < len(drafts):
        rows = (
            await conn.execute(
                select(notices.c.notice_id, notices.c.state, notices.c.channel).where(
                    notices.c.claim_no == told.claim_no, notices.c.event == event, notices.c.round == told.round
                )
            )
        ).all()
    return sorted(row.notice_id for row in rows if row.state == NoticeState.PLANNED and row.channel != Channel.SHOP)


async def begin(conn: AsyncConnection, notice: str) -> Notice | None:
    """Read a notice with its address and, if it is still to be sent, note that a try begins. None: no such notice.

    Commit before sending: the note is what a later try learns from when this one is never heard of again.
    """
    row = (await conn.execute(_BEGIN, {"notice": notice})).one_or_none()
    if row is None:
        return None
    channel = Channel(row.channel)
    return Notice(
        notice_id=row.notice_id,
        claim_no=row.claim_no,
        kind=ClaimKind(row.kind),
        event=NoticeEvent(row.event),
        channel=channel,
        language=row.language,
        subject=row.subject,
        body=row.body,
        parameters=row.parameters,
        state=NoticeState(row.state),
        earlier=row.earlier,
        to=getattr(row, _ADDRESSES[channel]) if channel in _ADDRESSES else None,
    )


def _begin() -> ReturningUpdate[Any]:
    before = (
        select(notices.c.notice_id, notices.c.code, _EMAIL.label("email"), _PHONE.label("phone"), claims.c.kind)
        .select_from(
            notices.join(orders, orders.c.order_no == notices.c.order_no)
            .outerjoin(members, members.c.member_no == orders.c.member_no)
            .join(claims, claims.c.claim_no == notices.c.claim_no)
        )
        .where(notices.c.notice_id == bindparam("notice", type_=Text))
        .with_for_update(of=notices)
        .subquery("before")
    )
    return (
        update(notices)
        .where(notices.c.notice_id == before.c.notice_id)
        .values(
            code=case((notices.c.state == NoticeState.PLANNED, SENDING), else_=notices.c.code),
            moved_at=case((notices.c.state == NoticeState.PLANNED, func.clock_timestamp()), else_=notices.c.moved_at),
        )
        .returning(*notices.c, before.c.code.label("earlier"), before.c.email, before.c.phone, before.c.kind)
    )


_BEGIN = _begin()


async def note(conn: AsyncConnection, notice: str, code: str | None) -> None:
    """Note how a try ended that sent nothing, or nobody knows; None: it goes another way now, on which none was made.

    Does nothing to a notice that has ended.
    """
    await conn.execute(
        update(notices)
        .where(notices.c.notice_id == notice, notices.c.state == NoticeState.PLANNED)
        .values(code=code, moved_at=func.clock_timestamp())
    )


async def mark(
    conn: AsyncConnection, notice: str, state: NoticeState, *, reference: str | None = None, code: str | None = None
) -> Ended | None:
    """End a notice that is still to be sent, and answer how it stands: an end stays. None: no such notice."""
    return await _end(conn, _MARK, notice, state, reference, code)


async def give_up(conn: AsyncConnection, notice: str, code: str) -> Ended | None:
    """Mark a notice failed that is still to be sent, for what its last try taught, or for `code` if that is nothing."""
    return await _end(conn, _GIVE_UP, notice, NoticeState.FAILED, None, code)


async def unsent(conn: AsyncConnection, claim_no: str, event: NoticeEvent | None = None) -> list[str]:
    """The ids of the customer's notices of a claim that are still to be sent, of this event or of whatever."""
    found = select(notices.c.notice_id).where(
        notices.c.claim_no == claim_no,
        notices.c.channel != Channel.SHOP,
        notices.c.state == NoticeState.PLANNED,
        true() if event is None else notices.c.event == event,
    )
    return sorted((await conn.execute(found)).scalars())


async def to_shop(conn: AsyncConnection, pause: timedelta, limit: int) -> list[str]:
    """The ids of the shop's notices that are to be sent now, oldest first.

    One that was tried waits `pause` for each try that it had. Of a parking that has its answer the shop isn't told any
    more: such a notice is skipped here.
    """
    await conn.execute(_ANSWERED)
    tried = notice_routes.c.notice_id == notices.c.notice_id
    waits = pause.total_seconds() * notice_routes.c.tries
    found = (
        select(notices.c.notice_id)
        .outerjoin(notice_routes, tried)
        .where(
            notices.c.channel == Channel.SHOP,
            notices.c.state == NoticeState.PLANNED,
            or_(
                notice_routes.c.notice_id.is_(None),
                func.extract("epoch", func.clock_timestamp() - notice_routes.c.at) > waits,
            ),
        )
        .order_by(notices.c.created_at, notices.c.notice_id)
        .limit(limit)
    )
    return list((await conn.execute(found)).scalars())


async def money_told(conn: AsyncConnection, claim_no: str) -> bool:
    """Whether the claim's customer was told of money, or is to be told."""
    asked = select(exists().where(notices.c.claim_no == claim_no, notices.c.event.in_(_OF_MONEY)))
    return bool((await conn.execute(asked)).scalar_one())


async def overtake(conn: AsyncConnection, claim_no: str) -> None:
    """Skip what was to be told of the claim's money and was not sent yet: it is no longer true."""
    await conn.execute(_OVERTAKE, {"of_claim": claim_no})


_OF_MONEY = (NoticeEvent.ACCEPTED, NoticeEvent.COMPLETED)


async def _end(
    conn: AsyncConnection,
    ending: Select[Any],
    notice: str,
    state: NoticeState,
    reference: str | None,
    code: str | None,
) -> Ended | None:
    given = {"of_notice": notice, "new_state": state, "new_reference": reference, "new_code": code}
    row = (await conn.execute(ending, given)).one_or_none()
    if row is None:
        stands = select(notices.c.state, notices.c.code).where(notices.c.notice_id == notice)
        row = (await conn.execute(stands)).one_or_none()
    return None if row is None else Ended(NoticeState(row.state), row.code)


def _tell(changed: Any, *which: Any) -> Select[Any]:
    """The rows of `changed`, with a line in the timeline of their claims for each of them, or for those of `which`."""
    facts_told = func.jsonb_strip_nulls(
        func.jsonb_build_object("channel", changed.c.channel, "notice", changed.c.event, "code", changed.c.code)
    )
    event = literal("notice.", String).concat(func.lower(changed.c.state))
    lines = select(
        changed.c.claim_no, changed.c.order_no, literal("system"), event, literal(Step.NOTIFY.value), facts_told
    ).where(*which)
    told = (
        insert(claim_events).from_select(["claim_no", "order_no", "actor", "event", "step", "facts"], lines).cte("told")
    )
    return select(changed).add_cte(told)


def _ending(code: ColumnElement[str]) -> Select[Any]:
    """Ends a notice that is still to be sent, or was overtaken while it was being sent, and tells it."""
    state = bindparam("new_state", type_=Text)
    sent_after_all = and_(
        notices.c.state == NoticeState.SKIPPED, notices.c.code == OVERTAKEN, state == NoticeState.SENT.value
    )
    ended = (
        update(notices)
        .where(
            notices.c.notice_id == bindparam("of_notice", type_=Text),
            or_(notices.c.state == NoticeState.PLANNED, sent_after_all),
        )
        .values(
            state=state,
            reference=bindparam("new_reference", type_=Text),
            code=code,
            moved_at=func.clock_timestamp(),
        )
        .returning(*notices.c)
        .cte("ended")
    )
    return _tell(ended)


_MARK = _ending(bindparam("new_code", type_=Text))
_GIVE_UP = _ending(func.coalesce(notices.c.code, bindparam("new_code", type_=Text)))


def _overtake() -> Select[Any]:
    overtaken = (
        update(notices)
        .where(
            notices.c.claim_no == bindparam("of_claim", type_=Text),
            notices.c.state == NoticeState.PLANNED,
            notices.c.event.in_(_OF_MONEY),
        )
        .values(state=NoticeState.SKIPPED, code=OVERTAKEN, moved_at=func.clock_timestamp())
        .returning(*notices.c)
        .cte("overtaken")
    )
    return _tell(overtaken)


def _answered() -> Select[Any]:
    """Skips the shop's mails of parkings that were closed before they were sent."""
    closed = exists().where(parkings.c.parking_no == notices.c.round, parkings.c.closed_at.is_not(None))
    skipped = (
        update(notices)
        .where(
            notices.c.channel == Channel.SHOP,
            notices.c.event == NoticeEvent.NEEDS_OPERATOR,
            notices.c.state == NoticeState.PLANNED,
            notices.c.code.is_(None),
            closed,
        )
        .values(state=NoticeState.SKIPPED, code=OVERTAKEN, moved_at=func.clock_timestamp())
        .returning(*notices.c)
        .cte("skipped")
    )
    return _tell(skipped)


def _facts() -> Select[Any]:
    claim_no = bindparam("of_claim", type_=Text)
    named = (
        select(
            claim_lines.c.line_no,
            order_lines.c.goods_name,
            claim_lines.c.variant_name,
            claim_lines.c.quantity,
            order_lines.c.price,
            items.c.variant_name.label("new_variant_name"),
        )
        .select_from(
            claim_lines.join(
                order_lines,
                (order_lines.c.order_no == claim_lines.c.order_no) & (order_lines.c.line_no == claim_lines.c.line_no),
            ).outerjoin(
                items,
                (items.c.goods_no == claim_lines.c.goods_no) & (items.c.variant_no == claim_lines.c.new_variant_no),
            )
        )
        .where(claim_lines.c.claim_no == claim_no)
        .order_by(claim_lines.c.line_no)
        .limit(_GOODS_NAMED)
        .subquery("named")
    )
    line = func.jsonb_build_object(
        *("name", named.c.goods_name, "variant_name", named.c.variant_name, "quantity", named.c.quantity),
        *("price", named.c.price, "new_variant_name", named.c.new_variant_name),
    )
    leg = func.jsonb_build_object(
        *("means", refund_legs.c.means, "amount", refund_legs.c.amount),
        *("state", refund_legs.c.state, "code", refund_legs.c.code),
    )
    came_late = cast(
        select(func.coalesce(func.sum(refund_legs.c.amount), 0))
        .where(refund_legs.c.claim_no == claim_no, refund_legs.c.late)
        .scalar_subquery(),
        BigInteger,
    )
    return (
        select(
            claims.c.order_no,
            orders.c.member_no,
            orders.c.buyer_name,
            claims.c.language,
            claims.c.kind,
            claims.c.direction,
            claims.c.currency,
            (claims.c.refund + came_late).label("refund"),
            claims.c.opened_at,
            claims.c.round,
            claims.c.reason_code,
            claims.c.workflow_id,
            claims.c.refusal_reason,
            select(func.jsonb_agg(aggregate_order_by(line, named.c.line_no))).scalar_subquery().label("goods"),
            select(func.count())
            .select_from(claim_lines)
            .where(claim_lines.c.claim_no == claim_no)
            .scalar_subquery()
            .label("goods_count"),
            select(func.jsonb_agg(aggregate_order_by(leg, refund_legs.c.position)))
            .where(refund_legs.c.claim_no == claim_no)
            .scalar_subquery()
            .label("legs"),
            _EMAIL.is_not(None).label("has_email"),
            _PHONE.is_not(None).label("has_phone"),
        )
        .select_from(
            claims.join(orders, orders.c.order_no == claims.c.order_no).outerjoin(
                members, members.c.member_no == orders.c.member_no
            )
        )
        .where(claims.c.claim_no == claim_no)
    )


def _plan() -> Select[Any]:
    """Writes the notices of the JSON list `given`, a row each, and tells those that are at their end already."""
    names = (
        "notice_id",
        "claim_no",
        "order_no",
        "member_no",
        "event",
        "channel",
        "language",
        "subject",
        "body",
        "parameters",
        "state",
        "code",
        "round",
    )
    given = (
        func.jsonb_to_recordset(bindparam("given", type_=JSONB))
        .table_valued(*(column(name, notices.c[name].type) for name in names), name="given")
        .render_derived(with_types=True)
    )
    written = (
        insert(notices)
        .from_select(names, select(*(given.c[name] for name in names)))
        .on_conflict_do_nothing()
        .returning(*notices.c)
        .cte("written")
    )
    return _tell(written, written.c.state != NoticeState.PLANNED)


_FACTS = _facts()
_PLAN = _plan()
_OVERTAKE = _overtake()
_ANSWERED = _answered()
