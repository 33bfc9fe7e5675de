"""What happened to claims, for the shop's systems: events in an order that misses none. docs/events.md."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api.callers import CallerRoute, allow
from api.documented import ANY
from api.envelope import Envelope, ok
from api.parts import TheParts
from api.schemas.fields import Wire
from api.tokens import Role
from gateways.events.wire import EventMessage, event_message
from store import outbox

router = APIRouter(prefix="/v1", route_class=CallerRoute, tags=["feed"])


class EventsView(Wire):
    events: list[EventMessage] = Field(alias="events")
    next: int = Field(alias="next", description="To be sent as `after` next time: the last one's number.")


@router.get("/events", summary="What happened to claims, in order", responses=ANY)
@allow(Role.FEED, Role.VIEW, Role.OPERATE)
async def events(
    parts: TheParts,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the call before; 0: from the start.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Envelope[EventsView]:
    """Those above number `after`. Whoever has seen a number has seen every lower one: none comes later."""
    async with parts.database.writing() as conn:
        await outbox.number(conn)
    async with parts.database.asking() as conn:
        found = await outbox.read(conn, after=after, limit=limit)
    return ok(EventsView(events=[event_message(one) for one in found], next=found[-1].event_no if found else after))
