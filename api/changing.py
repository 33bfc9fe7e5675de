"""What `ordChangeFO` does: answer a repeat, refuse what a rule refuses, and have the line changed.

The caller is answered once the line is changed: the answer is the same for every repeat.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from api.accepting import Acceptance, Start
from api.digests import Digester, key_of_caller, workflow_id
from api.schemas.storefront.asked import ChangeAsked
from api.schemas.storefront.options import ChangeDone
from domain.claims import Actor, ClaimKind, ClaimStatus
from domain.options import Obstacle, check_change
from domain.policy import Policy
from domain.refusals import Code, Refusal
from store import changes, claims, orders, requests
from store.changes import Change
from store.claims import FoundClaim
from store.database import Connection, Database
from store.requests import Remembered
from workflows.change_option import ChangeOptionWorkflow
from workflows.messages import Changed, ChangeOption, OpenChange


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """An `ordChangeFO` as understood: the same for every repeat of it that has a key."""

    order_no: str
    line_no: int
    goods_no: str
    variant_no: str
    request_key: str
    digest: str
    actor: Actor
    language: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The first answer, a request that came in before, or neither: then it is a new one that no rule refuses."""

    answer: ChangeDone | None = None
    remembered: Remembered | None = None


class Changing:
    """`timezone` dates claim numbers; `accept_within` is in seconds."""

    def __init__(
        self,
        database: Database,
        acceptance: Acceptance,
        digester: Digester,
        policy: Policy,
        *,
        timezone: str,
        accept_within: float,
    ) -> None:
        self._database = database
        self._acceptance = acceptance
        self._digester = digester
        self._policy = policy
        self._timezone = timezone
        self._accept_within = accept_within

    async def change(self, asked: ChangeAsked, key: str | None, actor: Actor, language: str) -> ChangeDone:
        """The answer once the line is changed; without a key each call is a request of its own.

        Raises the first refusal, in the order of codes. The order must be the caller's.
        """
        request = ChangeRequest(
            order_no=asked.order_no,
            line_no=asked.line_no,
            goods_no=asked.goods_no,
            variant_no=asked.variant_no,
            request_key=key_of_caller(ClaimKind.OPTION_CHANGE, key if key is not None else secrets.token_hex(32)),
            digest=self._digester.digest(ClaimKind.OPTION_CHANGE, asked.canonical()),
            actor=actor,
            language=language,
        )
        checked = await self._check(request)
        if checked.answer is not None:
            return checked.answer
        remembered = checked.remembered or await self._remember(request)
        if remembered.digest != request.digest:
            raise Refusal(Code.KEY_REUSED, "key.other_body")
        try:
            return await self._acceptance.accept(self._start(request, remembered), lambda: self._look_up(request))
        except Refusal as refusal:
            if refusal.reason != Obstacle.SAME.value:
                raise
            # An equal change was faster than this one's opening.
            async with self._database.reading() as conn:
                answer = await _latest_answer(conn, request)
            if answer is None:
                raise
            return answer

    async def _check(self, request: ChangeRequest) -> Checked:
        async with self._database.reading() as conn:
            found = await claims.find_by_request(conn, request.order_no, request.request_key)
            if found is not None and (answer := await _first_answer(conn, found, request)):
                return Checked(answer=answer)
            remembered = await requests.find(conn, request.order_no, request.request_key, self._accept_within)
            if remembered is not None:
                # It may have been started: only its workflow can say what became of it.
                return Checked(remembered=remembered)
            return Checked(answer=await _refuse_early(conn, request, self._policy))

    async def _remember(self, request: ChangeRequest) -> Remembered:
        async with self._database.writing() as conn:
            return await requests.remember(
                conn,
                request.order_no,
                request.request_key,
                request.digest,
                ciphertext=None,
                timezone=self._timezone,
                accept_within=self._accept_within,
            )

    def _start(self, request: ChangeRequest, remembered: Remembered) -> Start[ChangeDone]:
        workflow = workflow_id(ClaimKind.OPTION_CHANGE, request.order_no, request.request_key)
        opening = OpenChange(
            claim_no=remembered.claim_no,
            order_no=request.order_no,
            workflow_id=workflow,
            request_key=request.request_key,
            digest=request.digest,
            line_no=request.line_no,
            goods_no=request.goods_no,
            variant_no=request.variant_no,
            actor=request.actor,
            language=request.language,
            accept_by=remembered.accept_by,
        )
        return Start(
            kind=ClaimKind.OPTION_CHANGE,
            order_no=request.order_no,
            claim_no=remembered.claim_no,
            workflow_id=workflow,
            digest=request.digest,
            workflow=ChangeOptionWorkflow.run,
            argument=ChangeOption(claim_no=remembered.claim_no, request=opening),
            update=ChangeOptionWorkflow.changed,
            read=lambda changed: _done(request, changed),
            gateway=None,
            seconds_left=remembered.seconds_left,
        )

    async def _look_up(self, request: ChangeRequest) -> ChangeDone | None:
        async with self._database.reading() as conn:
            found = await claims.find_by_request(conn, request.order_no, request.request_key)
            return await _first_answer(conn, found, request) if found else None


async def _first_answer(conn: Connection, found: FoundClaim, request: ChangeRequest) -> ChangeDone | None:
    """What the request was answered; None while the line is not changed yet. Raises what the change was refused for."""
    if found.digest != request.digest:
        raise Refusal(Code.KEY_REUSED, "key.other_body", claim_no=found.claim_no)
    if found.status is ClaimStatus.REJECTED:
        code = Code(found.refusal_code) if found.refusal_code else Code.VARIANT_IMPOSSIBLE
        raise Refusal(code, found.refusal_reason or "change.undone", line_no=request.line_no, claim_no=found.claim_no)
    change = await changes.find(conn, found.claim_no)
    return _answer(request.order_no, change) if change and change.done else None


async def _refuse_early(conn: Connection, request: ChangeRequest, policy: Policy) -> ChangeDone | None:
    """Raise what the opening would refuse; the latest change's answer when the line has that variant by it."""
    state = await orders.load_state(conn, request.order_no)
    if state is None:
        raise Refusal(Code.NOT_FOUND, "order.unknown", order_no=request.order_no)
    line = state.order.line(request.line_no)
    if line is not None and (line.goods_no, line.variant_no) == (request.goods_no, request.variant_no):
        answer = await _latest_answer(conn, request)
        if answer is not None:
            return answer
    if line is None:
        raise Refusal(Code.BAD_VALUE, "line.unknown", line_no=request.line_no, field="ordSeq")
    item = await orders.load_item(conn, request.goods_no, request.variant_no)
    check_change(state, request.line_no, item, request.actor, policy)
    return None


async def _latest_answer(conn: Connection, request: ChangeRequest) -> ChangeDone | None:
    """What the line's latest change was answered, when that gave it the variant asked for."""
    change = await changes.latest_done(conn, request.order_no, request.line_no)
    if change is None or (change.goods_no, change.new_variant_no) != (request.goods_no, request.variant_no):
        return None
    return _answer(request.order_no, change)


def _answer(order_no: str, change: Change) -> ChangeDone:
    return ChangeDone(
        order_no=order_no,
        line_no=change.line_no,
        goods_no=change.goods_no,
        variant_no=change.new_variant_no,
        claim_no=change.claim_no,
    )


def _done(request: ChangeRequest, changed: Changed) -> ChangeDone:
    return ChangeDone(
        order_no=request.order_no,
        line_no=request.line_no,
        goods_no=request.goods_no,
        variant_no=request.variant_no,
        claim_no=changed.claim_no,
    )
