"""The ways that a notice took, one row each: by AlimTalk, and by a text message when that couldn't reach its recipient.

A notice goes by its last way. Its row is the memory between two tries: what may have been sent is looked for before it
is sent again. No row holds an address. The changes that a person should see are in the claim's timeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.claims import NoticeState, Step, StepStatus
from domain.notices import Route, RouteState, SentBy
from store import claims
from store.fence import enter
from store.tables import claim_steps, notice_routes, notices
from store.tables import claims as claims_table

_MAY_HAVE_LEFT = (RouteState.SENDING, RouteState.UNKNOWN)

TOLD_BY_PROVIDER = "texted_by_provider"
"""Why AlimTalk's way ended when the provider's own text message took over."""

_OVERTAKEN = (notices.c.round < claims_table.c.round).label("overtaken")

_LOOKED_AFTER_FOR = timedelta(days=3)
"""What a provider has not told of a message in this time it never will."""


@dataclass(frozen=True, slots=True)
class Trying:
    """A try of the way that a notice goes by now.

    `may_have_left`: an earlier try of it may have arrived; the last time that a request may have left is `since`
    seconds ago.
    """

    notice_id: str
    no: int
    route: Route
    provider: str
    may_have_left: bool
    since: float
    tries: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message of which the provider has not said what became of it.

    `overtaken`: its claim was reopened since, so that what it says is no longer told to anybody.
    """

    notice_id: str
    claim_no: str
    overtaken: bool
    no: int
    route: Route
    provider: str
    reference: str


async def begin(conn: AsyncConnection, notice_id: str, first: Route, provider: str) -> Trying:
    """Note that a try begins, of the notice's last way, or of `first` if it has none. The notice's row is locked."""
    last = (
        select(notice_routes.c.no, notice_routes.c.state)
        .where(notice_routes.c.notice_id == notice_id)
        .order_by(notice_routes.c.no.desc())
        .limit(1)
    )
    before = (await conn.execute(last)).one_or_none()
    if before is None:
        await conn.execute(
            insert(notice_routes).values(
                notice_id=notice_id,
                no=1,
                route=first,
                sent_by=SentBy.OURS,
                provider=provider,
                state=RouteState.SENDING,
                tries=1,
                sent_at=func.clock_timestamp(),
            )
        )
        return Trying(notice_id, 1, first, provider, may_have_left=False, since=0, tries=1)
    may_have_left = before.state in _MAY_HAVE_LEFT
    now = func.clock_timestamp()
    row = (
        await conn.execute(
            update(notice_routes)
            .where(notice_routes.c.notice_id == notice_id, notice_routes.c.no == before.no)
            .values(
                state=RouteState.SENDING,
                tries=notice_routes.c.tries + 1,
                sent_at=notice_routes.c.sent_at if may_have_left else now,
                at=now,
            )
            .returning(*notice_routes.c, func.extract("epoch", now - notice_routes.c.sent_at).label("since"))
        )
    ).one()
    return Trying(notice_id, row.no, Route(row.route), row.provider, may_have_left, float(row.since), row.tries)


async def leaves_again(conn: AsyncConnection, trying: Trying) -> None:
    """Note that a request may leave now, because an earlier one surely did not arrive. Commit before sending."""
    await _set(conn, trying.notice_id, trying.no, sent_at=func.clock_timestamp())


async def note(conn: AsyncConnection, trying: Trying, state: RouteState, code: str) -> None:
    """Note how a try ended: WAITING, nothing was sent; UNKNOWN, nobody knows."""
    await _set(conn, trying.notice_id, trying.no, state=state, code=code)


async def accept(conn: AsyncConnection, trying: Trying, reference: str) -> None:
    """The provider took it."""
    await _set(conn, trying.notice_id, trying.no, state=RouteState.ACCEPTED, reference=reference, code=None)


async def fail(conn: AsyncConnection, notice_id: str, no: int, code: str) -> None:
    """Nothing arrives on this way any more."""
    await _set(conn, notice_id, no, state=RouteState.FAILED, code=code)


async def fail_last(conn: AsyncConnection, notice_id: str, code: str) -> None:
    """The same of the way that the notice goes by, unless it has ended."""
    last = select(func.max(notice_routes.c.no)).where(notice_routes.c.notice_id == notice_id).scalar_subquery()
    await conn.execute(
        update(notice_routes)
        .where(
            notice_routes.c.notice_id == notice_id,
            notice_routes.c.no == last,
            notice_routes.c.state.in_((RouteState.WAITING, *_MAY_HAVE_LEFT)),
        )
        .values(state=RouteState.FAILED, code=code, at=func.clock_timestamp())
    )


async def arrive(conn: AsyncConnection, message: Accepted) -> None:
    """The recipient has it; told in the claim's timeline."""
    await _set(conn, message.notice_id, message.no, state=RouteState.DELIVERED, looked_at=func.clock_timestamp())
    await _tell(conn, message.notice_id, "notice.delivered", message.route, SentBy.OURS, message.provider)


async def look_later(conn: AsyncConnection, message: Accepted) -> None:
    """The provider was asked in vain."""
    await conn.execute(
        update(notice_routes)
        .where(notice_routes.c.notice_id == message.notice_id, notice_routes.c.no == message.no)
        .values(looked_at=func.clock_timestamp())
    )


async def fall_back(
    conn: AsyncConnection, notice_id: str, no: int, code: str, *, sent_by: SentBy, provider: str
) -> None:
    """AlimTalk's way `no` ends for `code`, and the notice goes on as a text message; told in the claim's timeline.

    A text of ours is to be sent; the provider's is on its way already. Idempotent: a notice has one text at most.
    """
    await fail(conn, notice_id, no, code)
    texted = await conn.execute(
        select(literal(1)).where(notice_routes.c.notice_id == notice_id, notice_routes.c.route == Route.SMS)
    )
    if texted.one_or_none() is not None:
        return
    state = RouteState.WAITING if sent_by is SentBy.OURS else RouteState.ACCEPTED
    await conn.execute(
        insert(notice_routes).values(
            notice_id=notice_id, no=no + 1, route=Route.SMS, sent_by=sent_by, provider=provider, state=state
        )
    )
    await _tell(conn, notice_id, "notice.rerouted", Route.SMS, sent_by, provider, code)


async def reach_nobody(conn: AsyncConnection, claim_no: str, notice_id: str, no: int, code: str) -> None:
    """A notice that counted as sent reached nobody by its channel: it has failed, and its claim says so."""
    head = await enter(conn, claim_no, None)
    if head is None:
        raise LookupError(claim_no)
    await fail(conn, notice_id, no, code)
    failed = await conn.execute(
        update(notices)
        .where(notices.c.notice_id == notice_id, notices.c.state == NoticeState.SENT)
        .values(state=NoticeState.FAILED, code=code, moved_at=func.clock_timestamp())
        .returning(notices.c.channel, notices.c.event)
    )
    row = failed.one_or_none()
    if row is None:
        return
    await claims.add_event(
        conn,
        claim_no,
        head.order_no,
        "notice.failed",
        step=Step.NOTIFY,
        channel=row.channel,
        notice=row.event,
        code=code,
    )
    # While the claim is still telling others, its own end will count this one in.
    await conn.execute(
        update(claim_steps)
        .where(
            claim_steps.c.claim_no == claim_no,
            claim_steps.c.step == Step.NOTIFY,
            claim_steps.c.status == StepStatus.DONE,
        )
        .values(status=StepStatus.FAILED, at=func.clock_timestamp())
    )
    await claims.restate(conn, claim_no)


async def to_look_at(
    conn: AsyncConnection, carriers: Sequence[tuple[Route, str]], after: timedelta, limit: int
) -> list[Accepted]:
    """Accepted messages of these carriers that are due to be looked up, those first that waited longest.

    The first look is `after` its acceptance, each later one after a quarter of its age, none after three days.
    """
    if not carriers:
        return []
    routes, now = notice_routes.c, func.clock_timestamp()
    age = func.extract("epoch", now - routes.at)
    not_looked_at = func.extract("epoch", now - func.coalesce(routes.looked_at, routes.at))
    found = (
        select(
            routes.notice_id,
            notices.c.claim_no,
            _OVERTAKEN,
            routes.no,
            routes.route,
            routes.provider,
            routes.reference,
        )
        .join(notices, notices.c.notice_id == routes.notice_id)
        .join(claims_table, claims_table.c.claim_no == notices.c.claim_no)
        .where(
            routes.state == RouteState.ACCEPTED,
            routes.sent_by == SentBy.OURS,
            tuple_(routes.route, routes.provider).in_(list(carriers)),
            routes.at > now - literal(_LOOKED_AFTER_FOR),
            not_looked_at > func.greatest(after.total_seconds(), age / 4),
        )
        .order_by(func.coalesce(routes.looked_at, routes.at))
        .limit(limit)
    )
    rows = (await conn.execute(found)).all()
    return [Accepted(**{**row._mapping, "route": Route(row.route)}) for row in rows]


async def late_texts(conn: AsyncConnection, provider: str, pause: timedelta, limit: int) -> list[str]:
    """The notices that counted as sent and are to be sent as texts now, for AlimTalk did not arrive.

    One that was tried waits `pause` for each try that it had; one that was overtaken is not told any more.
    """
    routes = notice_routes.c
    found = (
        select(routes.notice_id)
        .join(notices, notices.c.notice_id == routes.notice_id)
        .join(claims_table, claims_table.c.claim_no == notices.c.claim_no)
        .where(
            ~_OVERTAKEN,
            notices.c.state == NoticeState.SENT,
            routes.route == Route.SMS,
            routes.sent_by == SentBy.OURS,
            routes.provider == provider,
            or_(
                and_(routes.state == RouteState.WAITING, routes.tries == 0),
                and_(
                    routes.state.in_((RouteState.WAITING, *_MAY_HAVE_LEFT)),
                    func.extract("epoch", func.clock_timestamp() - routes.at) > pause.total_seconds() * routes.tries,
                ),
            ),
        )
        .order_by(routes.at)
        .limit(limit)
    )
    return list((await conn.execute(found)).scalars())


async def _set(conn: AsyncConnection, notice_id: str, no: int, **values: object) -> None:
    await conn.execute(
        update(notice_routes)
        .where(notice_routes.c.notice_id == notice_id, notice_routes.c.no == no)
        .values(at=func.clock_timestamp(), **values)
    )


async def _tell(
    conn: AsyncConnection,
    notice_id: str,
    event: str,
    route: Route,
    sent_by: SentBy,
    provider: str,
    code: str | None = None,
) -> None:
    told = await conn.execute(
        select(notices.c.claim_no, notices.c.order_no, notices.c.channel, notices.c.event).where(
            notices.c.notice_id == notice_id
        )
    )
    row = told.one()
    facts = {"channel": row.channel, "notice": row.event, "route": route.value, "by": sent_by.value}
    await claims.add_event(
        conn,
        row.claim_no,
        row.order_no,
        event,
        step=Step.NOTIFY,
        provider=provider,
        **facts,
        **({} if code is None else {"code": code}),
    )
