"""Telling the customer and the shop: planning notices inside a step's own transaction, and sending each of them.

A notice never undoes or delays a claim: what can't be sent ends as failed or skipped, and the claim goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import database_errors
from activities.messages import Message
from activities.notice_sending import NoticeSender
from activities.undisturbed import HEARTBEAT, beating
from domain.claims import Channel, NoticeEvent, NoticeState
from domain.notices import NO_ADDRESS, NoticeFacts, ParkingFacts, Route, RouteState, SentBy, true_event, why_skipped
from domain.policy import Policy
from gateways.notices import port
from gateways.notices.port import AlreadySent, Misconfigured, RejectedForGood, Retry, Sent, Unknown
from gateways.notices.shop import ShopTexts
from gateways.notices.texts import NoticeTexts
from gateways.notices.words import spoken
from store import notice_routes, notices
from store.database import Connection, Engine
from store.notice_routes import Trying
from store.notices import Draft, Ended, Notice

NOT_SENT = "NoticeNotSent"
"""Type of the retryable failure of `send` when surely nothing was sent."""

UNKNOWN = "NoticeOutcomeUnknown"
"""Type of the retryable failure of `send` when it may have been sent; the next try reckons with it."""


class SendNotice(Message):
    notice_id: str


class GiveUpNotice(Message):
    """`code` is recorded when the tries themselves left no better one."""

    notice_id: str
    code: str = "given_up"


class SendResult(Message):
    """How a notice ended: SENT, SKIPPED (there is nowhere to send it) or FAILED, and why as a slug."""

    state: NoticeState
    code: str | None = None

    @property
    def failed(self) -> bool:
        return self.state is NoticeState.FAILED


class NoticePlanner:
    """Writes the notices that an event owes a customer, within the transaction of the step that makes it true.

    The shop's policy says by which channels an event is told. `senders` are the channels that there is a sender for;
    the inbox needs none. `shop`: the words of the shop's own mail; None: it has none.
    """

    def __init__(
        self,
        texts: NoticeTexts,
        policy: Policy,
        senders: Collection[Channel] = (Channel.EMAIL, Channel.ALIMTALK),
        shop: ShopTexts | None = None,
    ) -> None:
        self._texts = texts
        self._shop = shop
        self._to_shop = frozenset(event for event in NoticeEvent if shop is not None and policy.told_to_shop(event))
        self._channels = {
            event: [channel for channel in policy.told_by(event) if channel is Channel.INBOX or channel in senders]
            for event in NoticeEvent
        }

    async def plan(self, conn: Connection, claim_no: str, event: NoticeEvent) -> list[str]:
        """Write one notice per channel, once, and answer the ids of those to be sent.

        An inbox notice is sent by being written. Who can't be told on a channel is skipped there. The event that is
        told is the one that is true by the claim's rows: call it when they are written. Nothing true is no notice,
        nor is an event that the shop doesn't tell.
        """
        facts = await notices.facts(conn, claim_no)
        if facts is None:
            return []
        told = true_event(event, facts)
        if told is None:
            activity.logger.warning("notice not true, not planned", extra={"claim_no": claim_no, "notice": event.value})
            return []
        facts = replace(facts, language=spoken(facts.language))
        drafts = [self._draft(channel, told, facts) for channel in self._channels[told]]
        return await notices.plan(conn, facts, told, [*drafts, *self._mail_to_shop(told, facts)])

    async def plan_parking(self, conn: Connection, claim_no: str, parking: ParkingFacts) -> None:
        """Write the shop's mail that a claim needs a person, once per parking. No statement when it isn't told."""
        if NoticeEvent.NEEDS_OPERATOR not in self._to_shop:
            return
        facts = await notices.facts(conn, claim_no)
        if facts is None:
            return
        mail = self._mail_to_shop(NoticeEvent.NEEDS_OPERATOR, facts, parking)
        # A claim may park several times in one round, and each parking is told once.
        await notices.plan(conn, replace(facts, round=parking.parking_no), NoticeEvent.NEEDS_OPERATOR, mail)

    async def unsent(self, conn: Connection, claim_no: str, event: NoticeEvent | None = None) -> list[str]:
        """The ids of the claim's notices that were planned and have not ended, of this event or of whatever."""
        return await notices.unsent(conn, claim_no, event)

    def _draft(self, channel: Channel, event: NoticeEvent, facts: NoticeFacts) -> Draft:
        text = self._texts.render(event, channel, facts)
        reason = why_skipped(channel, facts)
        state = NoticeState.SENT if channel is Channel.INBOX else NoticeState.PLANNED
        if reason is not None:
            state = NoticeState.SKIPPED
        return Draft(channel, state, text.subject, text.body, reason, text.parameters)

    def _mail_to_shop(self, event: NoticeEvent, facts: NoticeFacts, parking: ParkingFacts | None = None) -> list[Draft]:
        """The shop's mail of `event`, if it is told of it. It is sent by the sweeper: no claim waits for it."""
        if self._shop is None or event not in self._to_shop:
            return []
        text = self._shop.render(event, facts, parking)
        return [Draft(Channel.SHOP, NoticeState.PLANNED, text.subject, text.body, language=self._shop.language)]


class NoticeActivities:
    """Sends notices. Each activity is idempotent by notice."""

    def __init__(self, engine: Engine, sender: NoticeSender) -> None:
        self._engine = engine
        self._sender = sender

    @activity.defn
    async def send_notice(self, asked: SendNotice) -> SendResult:
        """Send one notice and record how it ended; one that has ended is answered as recorded and not sent again.

        One that AlimTalk can't deliver goes on as a text message, where texts are ours. Raises retryable failures:
        `NOT_SENT`, with the wait that the channel wants, and `UNKNOWN`; a channel that can be asked is asked before
        anything is sent a second time. Mail can't be: if it stays unanswered twice the notice has failed.
        """
        async with beating(HEARTBEAT):
            while True:
                with database_errors():
                    async with self._engine.begin() as conn:
                        notice = await notices.begin(conn, asked.notice_id)
                        if notice is None:
                            _log(logging.ERROR, "notice does not exist", asked.notice_id)
                            return SendResult(state=NoticeState.FAILED, code="no_such_notice")
                        if notice.state is not NoticeState.PLANNED:
                            return SendResult(state=notice.state, code=notice.earlier)
                        trying = await self._begin(conn, notice)
                if notice.to is None:
                    return await self._end(notice, NoticeState.SKIPPED, None, code=NO_ADDRESS[notice.channel])
                if trying is None:
                    return await self._end(notice, NoticeState.FAILED, None, code="no_such_channel")
                outcome = await self._sender.attempt(notice, notice.to, trying)
                if not await self._falls_back(trying, outcome):
                    return await self._record(notice, trying, outcome)

    @activity.defn
    async def give_up_notice(self, asked: GiveUpNotice) -> SendResult:
        """Mark a notice failed after its last try, unless it has ended by now; answers how it stands."""
        with database_errors():
            async with self._engine.begin() as conn:
                ended = await notices.give_up(conn, asked.notice_id, asked.code)
                if ended is not None and ended.state is NoticeState.FAILED:
                    await notice_routes.fail_last(conn, asked.notice_id, ended.code or asked.code)
        _log(logging.WARNING, "notice given up", asked.notice_id, code=ended.code if ended else None)
        return _result(ended)

    async def _begin(self, conn: Connection, notice: Notice) -> Trying | None:
        """Note that a try begins; None when there is nobody to send it, or to send it to."""
        carrier = self._sender.carrier(notice.channel)
        if carrier is None or notice.to is None:
            return None
        return await notice_routes.begin(conn, notice.notice_id, Route(notice.channel), carrier.provider)

    async def _falls_back(self, trying: Trying, outcome: port.Outcome) -> bool:
        """Whether the notice goes on as a text of ours: AlimTalk surely doesn't deliver it."""
        texts = self._sender.texts
        if texts is None or trying.route is not Route.ALIMTALK or not isinstance(outcome, RejectedForGood):
            return False
        told_rejected(trying.notice_id, outcome)
        with database_errors():
            async with self._engine.begin() as conn:
                await notice_routes.fall_back(
                    conn, trying.notice_id, trying.no, outcome.code, sent_by=SentBy.OURS, provider=texts.provider
                )
                await notices.note(conn, trying.notice_id, None)
        return True

    async def _record(self, notice: Notice, trying: Trying, outcome: port.Outcome) -> SendResult:
        match outcome:
            case Sent(reference) | AlreadySent(reference):
                return await self._end(notice, NoticeState.SENT, trying, reference=reference)
            case RejectedForGood(code) | Misconfigured(code):
                told_rejected(notice.notice_id, outcome)
                return await self._end(notice, NoticeState.FAILED, trying, code=code)
            case Unknown(code, after):
                await self._note(notice, trying, RouteState.UNKNOWN, notices.UNKNOWN)
                raise _retryable(UNKNOWN, notice, code, after)
            case Retry(code, after):
                await self._note(notice, trying, RouteState.WAITING, code)
                raise _retryable(NOT_SENT, notice, code, after)

    async def _end(
        self,
        notice: Notice,
        state: NoticeState,
        trying: Trying | None,
        *,
        reference: str | None = None,
        code: str | None = None,
    ) -> SendResult:
        with database_errors():
            async with self._engine.begin() as conn:
                ended = await notices.mark(conn, notice.notice_id, state, reference=reference, code=code)
                if trying is not None and reference is not None:
                    await notice_routes.accept(conn, trying, reference)
                elif trying is not None:
                    await notice_routes.fail(conn, trying.notice_id, trying.no, code or state.value)
        _log(logging.INFO, "notice ended", notice.notice_id, state=state.value, code=code)
        return _result(ended)

    async def _note(self, notice: Notice, trying: Trying, state: RouteState, code: str) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                await notices.note(conn, notice.notice_id, code)
                await notice_routes.note(conn, trying, state, code)


def told_rejected(notice_id: str, outcome: RejectedForGood | Misconfigured) -> None:
    """What is wrong with us, and not with a recipient, is an error in the log: the next notice will fail alike."""
    match outcome:
        case Misconfigured(code):
            _log(logging.ERROR, "notice channel is misconfigured", notice_id, code=code)
        case RejectedForGood(code, True):
            _log(logging.ERROR, "notice is refused for what we sent", notice_id, code=code)


def _log(level: int, event: str, notice_id: str, **facts: str | None) -> None:
    """Numbers and codes only: no address, no name, no text."""
    activity.logger.log(level, event, extra={"notice_id": notice_id, **facts})


def _retryable(kind: str, notice: Notice, code: str, after: float | None = None) -> ApplicationError:
    _log(logging.WARNING, "notice not sent yet", notice.notice_id, kind=kind, code=code)
    return ApplicationError(
        f"{notice.channel.value}: {code}",
        type=kind,
        next_retry_delay=None if after is None else timedelta(seconds=after),
        # Expected, and told above: not worth a stack in the worker's log.
        category=ApplicationErrorCategory.BENIGN,
    )


def _result(ended: Ended | None) -> SendResult:
    if ended is None:
        return SendResult(state=NoticeState.FAILED, code="no_such_notice")
    return SendResult(state=ended.state, code=ended.code)
