"""A claim to tell people about: as facts, and as rows of a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.claims import ClaimKind, ClaimStatus, Direction, LegState, NoticeState, SettledBy, Step, StepStatus
from domain.notices import Goods, Leg, NoticeFacts, RouteState
from domain.orders import Means
from store import claims, tables

OPENED = datetime(2023, 8, 8, 20, 0, tzinfo=UTC)
"""Already the ninth in Seoul."""


def facts(**changes: Any) -> NoticeFacts:
    """A whole cancel of three lines by a member, card and mileage, all settled; `changes` replace fields."""
    values: dict[str, Any] = {
        "claim_no": "20230809C010663",
        "order_no": "20230808O007404",
        "member_no": "M-1",
        "buyer_name": "김하늘",
        "language": "ko",
        "kind": ClaimKind.CANCEL,
        "direction": Direction.FORWARD,
        "currency": "KRW",
        "refund": 41_000,
        "opened_at": OPENED,
        "goods": (
            Goods("린넨 셔츠", "화이트 / L", 2, 15_000),
            Goods("면 양말", "블랙", 1, 6_000),
            Goods("모자", "", 1, 5_000),
        ),
        "goods_count": 3,
        "legs": (
            Leg(Means.CARD, 38_500, LegState.SETTLED),
            Leg(Means.MILEAGE, 2_500, LegState.SETTLED),
        ),
        "has_email": True,
        "has_phone": True,
        "reason_code": "10",
        "workflow_id": "cancel/20230808O007404/20230809C010663",
    }
    return NoticeFacts(**{**values, **changes})


class Shop:
    """Writes an order with one claim, straight into the tables, and reads what became of its notices."""

    def __init__(self, engine: AsyncEngine, number: str) -> None:
        self._engine = engine
        self.order_no = f"O-{number}"
        self.claim_no = f"C-{number}"
        self.member_no = f"M-{number}"

    async def claim(
        self,
        *,
        guest: bool = False,
        email: str | None = "buyer@mail.example",
        phone: str | None = "010-1234-5678",
        member_email: str | None = None,
        language: str = "ko",
        kind: ClaimKind = ClaimKind.CANCEL,
        legs: tuple[tuple[Means, int, LegState], ...] = ((Means.CARD, 12_000, LegState.SETTLED),),
        lines: int = 1,
    ) -> None:
        async with self._engine.begin() as conn:
            if not guest:
                await conn.execute(insert(tables.members).values(member_no=self.member_no, email=member_email))
            await conn.execute(
                insert(tables.orders).values(
                    order_no=self.order_no,
                    member_no=None if guest else self.member_no,
                    password_hash="-" if guest else None,
                    buyer_name="김하늘",
                    email=email,
                    phone=phone,
                    medium="20",
                    currency="KRW",
                    ordered_at=OPENED,
                )
            )
            await self._lines(conn, lines)
            await self._claim(conn, kind, language, refund=sum(amount for _, amount, _ in legs))
            await self._claim_lines(conn, kind, lines)
            await self._legs(conn, legs)

    async def undo(self) -> None:
        """Turn the claim back: nothing is given any more."""
        async with self._engine.begin() as conn:
            await conn.execute(
                update(tables.claims)
                .where(tables.claims.c.claim_no == self.claim_no)
                .values(direction=Direction.UNDOING, status=ClaimStatus.REJECTED)
            )
            await self._set_legs(conn, LegState.VOID, None)

    async def settle(self) -> None:
        async with self._engine.begin() as conn:
            await self._set_legs(conn, LegState.SETTLED, SettledBy.GATEWAY)

    async def conclude(self) -> None:
        """The claim is over, and everybody counts as told."""
        async with self._engine.begin() as conn:
            await conn.execute(
                insert(tables.claim_steps).values(
                    claim_no=self.claim_no, step=Step.NOTIFY, position=7, status=StepStatus.DONE
                )
            )
            await claims.close(conn, self.claim_no)
            await claims.restate(conn, self.claim_no)

    async def stands(self) -> tuple[str, str]:
        """The claim's status, and that of its last step."""
        async with self._engine.connect() as conn:
            status = select(tables.claims.c.status).where(tables.claims.c.claim_no == self.claim_no)
            step = select(tables.claim_steps.c.status).where(
                tables.claim_steps.c.claim_no == self.claim_no, tables.claim_steps.c.step == Step.NOTIFY
            )
            return (await conn.execute(status)).scalar_one(), (await conn.execute(step)).scalar_one()

    async def forget_email(self) -> None:
        """The buyer's address is taken out of the order."""
        async with self._engine.begin() as conn:
            await conn.execute(
                update(tables.orders).where(tables.orders.c.order_no == self.order_no).values(email=None)
            )

    async def reopen_notice(self, notice_id: str, code: str) -> None:
        """Put a notice back to where it stood before its last try was recorded."""
        async with self._engine.begin() as conn:
            await conn.execute(
                update(tables.notices)
                .where(tables.notices.c.notice_id == notice_id)
                .values(state=NoticeState.PLANNED, reference=None, code=code)
            )
            await conn.execute(
                update(tables.notice_routes)
                .where(tables.notice_routes.c.notice_id == notice_id)
                .values(state=RouteState.SENDING, reference=None)
            )

    async def wait_over(self, notice_id: str) -> None:
        """The pause after a notice's last try is over."""
        async with self._engine.begin() as conn:
            await conn.execute(
                update(tables.notice_routes)
                .where(tables.notice_routes.c.notice_id == notice_id)
                .values(at=tables.notice_routes.c.at - timedelta(hours=1))
            )

    async def notices(self) -> dict[tuple[str, str], Row[Any]]:
        """The rows by event and channel."""
        async with self._engine.connect() as conn:
            found = await conn.execute(select(tables.notices).where(tables.notices.c.claim_no == self.claim_no))
            return {(row.event, row.channel): row for row in found}

    async def timeline(self) -> list[tuple[str, dict[str, Any]]]:
        async with self._engine.connect() as conn:
            events = tables.claim_events
            found = await conn.execute(
                select(events.c.event, events.c.facts)
                .where(events.c.claim_no == self.claim_no, events.c.order_no == self.order_no)
                .order_by(events.c.event_id)
            )
            return [(row.event, row.facts) for row in found]

    async def _set_legs(self, conn: AsyncConnection, state: LegState, by: SettledBy | None) -> None:
        legs = tables.refund_legs
        await conn.execute(update(legs).where(legs.c.claim_no == self.claim_no).values(state=state, settled_by=by))

    async def _lines(self, conn: AsyncConnection, lines: int) -> None:
        await conn.execute(
            insert(tables.order_groups).values(
                order_no=self.order_no,
                group_no="1",
                position=1,
                policy_no="P",
                free_from=0,
                fee=0,
                fee_discount=0,
                fee_paid=0,
            )
        )
        for line_no in range(1, lines + 1):
            await conn.execute(
                insert(tables.items).values(
                    [
                        {
                            "goods_no": self._goods(line_no),
                            "variant_no": variant_no,
                            "goods_name": f"셔츠 {line_no}",
                            "variant_name": name,
                            "options": [["색상", name]],
                            "price": 12_000,
                            "sale_status": "on_sale",
                            "sale_method": "ordinary",
                            "stock": 5,
                        }
                        for variant_no, name in (("001", "화이트"), ("002", "블랙"))
                    ]
                )
            )
            await conn.execute(
                insert(tables.order_lines).values(
                    order_no=self.order_no,
                    line_no=line_no,
                    goods_no=self._goods(line_no),
                    goods_name=f"셔츠 {line_no}",
                    variant_no="001",
                    variant_name="화이트",
                    quantity=2,
                    price=12_000,
                    group_no="1",
                    status="placed",
                    tax_free=False,
                )
            )

    async def _claim(self, conn: AsyncConnection, kind: ClaimKind, language: str, refund: int) -> None:
        await conn.execute(
            insert(tables.claims).values(
                claim_no=self.claim_no,
                order_no=self.order_no,
                kind=kind,
                workflow_id=self.claim_no,
                request_key=self.claim_no,
                digest="-",
                actor="MEMBER",
                language=language,
                reason_code="10",
                fault="CUSTOMER",
                currency="KRW",
                refund=refund,
                extra=0,
                status=ClaimStatus.ACCEPTED,
                opened_at=OPENED,
            )
        )

    async def _claim_lines(self, conn: AsyncConnection, kind: ClaimKind, lines: int) -> None:
        for line_no in range(1, lines + 1):
            await conn.execute(
                insert(tables.claim_lines).values(
                    claim_no=self.claim_no,
                    line_no=line_no,
                    order_no=self.order_no,
                    first=1,
                    quantity=2,
                    goods_no=self._goods(line_no),
                    variant_no="001",
                    variant_name="화이트",
                    new_variant_no="002" if kind is ClaimKind.OPTION_CHANGE else None,
                    # Which units these are is not what the tests here are about.
                    live=False,
                    units=literal_column("'empty'::int8range"),
                )
            )

    async def _legs(self, conn: AsyncConnection, legs: tuple[tuple[Means, int, LegState], ...]) -> None:
        for position, (means, amount, state) in enumerate(legs, start=1):
            await conn.execute(
                insert(tables.order_payments).values(
                    order_no=self.order_no,
                    payment_no=str(position),
                    position=position,
                    means=means,
                    amount=amount,
                    status="paid",
                    partial_cancel=True,
                )
            )
            await conn.execute(
                insert(tables.refund_legs).values(
                    leg_id=f"{self.claim_no}-{position}",
                    claim_no=self.claim_no,
                    order_no=self.order_no,
                    position=position,
                    payment_no=str(position),
                    means=means,
                    external=means.external,
                    gateway="sandbox" if means.external else None,
                    amount=amount,
                    state=state,
                    settled_by=SettledBy.GATEWAY if state is LegState.SETTLED else None,
                )
            )

    def _goods(self, line_no: int) -> str:
        return f"{self.order_no}-{line_no}"
