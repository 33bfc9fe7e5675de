"""Who is calling, and whether an order is theirs.

A route says with `@allow` which roles may call it, and lives on a router with ``route_class=CallerRoute``: the token is
read and the role decided before the body is. Guests have no token; `OrderAccess.prove` checks their order's password.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from structlog.contextvars import bind_contextvars

from api import passwords
from api.parts import Parts, parts_of
from api.tokens import BadToken, Role, read
from domain.claims import Actor
from domain.refusals import Code, Refusal
from store import guests

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ALLOWED = "__allowed_roles__"

STAFF = frozenset({Role.VIEW, Role.OPERATE, Role.FEED})
ADDRESS_FACTOR = 5
"""One address may fail this many times more often than one order: it can be a household or an office."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`subject`: a member's number or a back-office name; None for a guest, who is yet to prove an order."""

    role: Role
    subject: str | None
    address: str

    @property
    def member_no(self) -> str | None:
        return self.subject if self.role is Role.MEMBER else None

    @property
    def staff(self) -> bool:
        return self.role in STAFF

    @property
    def actor(self) -> Actor:
        """By whose rules this caller acts."""
        if self.role is Role.MEMBER:
            return Actor.MEMBER
        return Actor.GUEST if self.role is Role.GUEST else Actor.BACK_OFFICE


def allow(*roles: Role) -> Callable[[Endpoint], Endpoint]:
    """Say who may call a route. Put it below the route's decorator."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ALLOWED, frozenset(roles))
        return endpoint

    return mark


class CallerRoute(APIRoute):
    """A route that knows its caller before it reads the body. Refuses to be built without `@allow`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        allowed: frozenset[Role] = getattr(self.endpoint, _ALLOWED)
        answer = super().get_route_handler()

        async def known_caller_only(request: Request) -> Response:
            caller = identify(request, parts_of(request).settings.jwt_secret.get_secret_value())
            if caller.role not in allowed:
                if caller.role is Role.GUEST:
                    raise Refusal(Code.NO_TOKEN, "token.missing")
                raise Refusal(Code.WRONG_ROLE, "role.wrong", role=caller.role.value)
            request.state.caller = caller
            return await answer(request)

        return known_caller_only


def identify(request: Request, secret: str) -> Caller:
    """The caller by its Authorization header. Raises 1005 for a bad one: it is never silently a guest's call."""
    address = request.client.host if request.client else "unknown"
    headers = request.headers.getlist("authorization")
    if not headers:
        return Caller(Role.GUEST, None, address)
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token.isascii():
        raise Refusal(Code.NO_TOKEN, "token.bad")
    try:
        role, subject = read(secret, token.strip())
    except BadToken as error:
        raise Refusal(Code.NO_TOKEN, "token.bad") from error
    return Caller(role, subject, address)


def caller_of(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


TheCaller = Annotated[Caller, Depends(caller_of)]


class OrderAccess:
    """Whether an order is the caller's. One per process: it bounds how many passwords are tried side by side."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.database
        self._limit = parts.settings.guest_attempts
        self._window = parts.settings.guest_window
        # Few at a time, and counted just before each: a burst of guesses can't run ahead of the count.
        self._trying = asyncio.Semaphore(2)

    async def prove(self, caller: Caller, order_no: str, password: str | None) -> None:
        """Return when the caller may see the order.

        Staff may see any. Raises 1003 alike for an order that is unknown, another's, or whose password is wrong; 1005
        for a guest without a password; 1007 after too many wrong ones, counted alike for orders that don't exist.
        """
        bind_contextvars(order_no=order_no, role=caller.role.value)
        if caller.staff:
            return
        if caller.role is Role.MEMBER:
            async with self._database.asking() as conn:
                owner = await guests.owner(conn, order_no)
            if owner is None or owner.member_no != caller.subject:
                raise order_unknown(order_no)
            return
        if not password:
            raise Refusal(Code.NO_TOKEN, "token.or_password")
        async with self._trying:
            await self._try_password(caller, order_no, password)

    async def _try_password(self, caller: Caller, order_no: str, password: str) -> None:
        by_order, by_address = f"order:{order_no}", f"address:{caller.address}"
        async with self._database.reading() as conn:
            failures = await guests.recent_failures(conn, (by_order, by_address), self._window)
            owner = await guests.owner(conn, order_no)
        for subject, limit in ((by_order, self._limit), (by_address, self._limit * ADDRESS_FACTOR)):
            failed = failures.get(subject)
            if failed and failed.count >= limit:
                raise Refusal(Code.TOO_MANY_ATTEMPTS, "password.attempts", retry_after=math.ceil(failed.seconds_left))
        known = owner.password_hash if owner else None
        if await asyncio.to_thread(passwords.matches, known, password):
            return
        async with self._database.writing() as conn:
            await guests.record_failure(conn, (by_order, by_address), self._window)
        raise order_unknown(order_no)


def order_unknown(order_no: str) -> Refusal:
    """The one answer for an order that is not there or not theirs."""
    return Refusal(Code.NOT_FOUND, "order.unknown", order_no=order_no)


def access_of(request: Request) -> OrderAccess:
    access: OrderAccess = request.app.state.order_access
    return access


TheAccess = Annotated[OrderAccess, Depends(access_of)]
