"""Private parts are erased when nobody needs them any more, and not before."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import private
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, Vault
from store.tables import claims
from tests.store import shop

VAULT = Vault("test")
ACCOUNT = {BANK_PART: "088", NUMBER_PART: "110555777901", HOLDER_PART: "Kim"}
KEEP = timedelta(days=90)


async def _kept(conn: AsyncConnection) -> int:
    private_id = await private.keep(conn, VAULT.seal(ACCOUNT), account_shown=private.shown(ACCOUNT))
    await _age(conn, private_id)
    return private_id


async def _age(conn: AsyncConnection, private_id: int, days: int = 100) -> None:
    change = "UPDATE private_parts SET created_at = now() - make_interval(days => :days) WHERE private_id = :of"
    await conn.execute(text(change), {"days": days, "of": private_id})


async def test_an_account_goes_a_while_after_its_claim_has_ended(brought: AsyncConnection) -> None:
    """P40: after settlement it is erased; which one it was is still told by its last digits."""
    claim_no, _ = await shop.open_cancel(brought, shop.WITH_COUPON_AND_MILEAGE.order_no, {1: 1})
    of_claim, of_leg, of_nobody, young = [await _kept(brought) for _ in range(4)]
    await _age(brought, young, days=80)
    await brought.execute(update(claims).where(claims.c.claim_no == claim_no).values(private_id=of_claim))
    change = "UPDATE refund_legs SET account_id = :of WHERE leg_id = (SELECT min(leg_id) FROM refund_legs)"
    await brought.execute(text(change), {"of": of_leg})
    for closed, erased in ((None, [of_nobody]), (80, []), (100, [of_claim, of_leg])):
        change = "UPDATE claims SET closed_at = now() - make_interval(days => CAST(:days AS integer))"
        await brought.execute(text(change), {"days": closed})
        assert await private.erase_unneeded(brought, KEEP) == len(erased)
        for private_id in erased:
            assert await private.opened(brought, private_id, VAULT) == {}
            assert await private.account_shown(brought, private_id) is None
    assert await private.opened(brought, young, VAULT) == ACCOUNT
    told = "SELECT account_shown FROM private_parts WHERE erased_at IS NOT NULL"
    assert set((await brought.execute(text(told))).scalars()) == {"088 ****7901"}
    events = "SELECT claim_no, facts FROM claim_events WHERE event = 'private.erased'"
    assert [tuple(row) for row in await brought.execute(text(events))] == [(claim_no, {})]
