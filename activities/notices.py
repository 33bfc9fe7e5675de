"""Telling the customer: planning notices inside a step's own transaction, and sending each of them.

A notice never undoes or delays a claim: what can't be sent ends as failed or skipped, and the claim goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import database_errors
from activities.messages import Message
from domain.claims import Channel, NoticeEvent, NoticeState
from domain.notices import NO_ADDRESS, NoticeFacts, text_name, true_event, why_skipped
from domain.policy import Policy
from gateways.notices import port
from gateways.notices.port import AlreadySent, Misconfigured, NoticeChannel, RejectedForGood, Retry, Sent, Unknown
from gateways.notices.texts import NoticeTexts
from gateways.notices.words import spoken
from store import notices
from store.database import Connection, Engine, each_alone
from store.notices import Draft, Ended, Notice

NOT_SENT = "NoticeNotSent"
"""Type of the retryable failure of `send` when surely nothing was sent."""

UNKNOWN = "NoticeOutcomeUnknown"
"""Type of the retryable failure of `send` when it may have been sent; the next try reckons with it."""


class PlanNotices(Message):
    claim_no: str
    event: NoticeEvent


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
    the inbox needs none.
    """

    def __init__(
        self, texts: NoticeTexts, policy: Policy, senders: Collection[Channel] = (Channel.EMAIL, Channel.ALIMTALK)
    ) -> None:
        self._texts = texts
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
        return await notices.plan(
            conn, facts, told, [self._draft(channel, told, facts) for channel in self._channels[told]]
        )

    async def unsent(self, conn: Connection, claim_no: str, event: NoticeEvent | None = None) -> list[str]:
        """The ids of the claim's notices that were planned and have not ended, of this event or of whatever."""
        return await notices.unsent(conn, claim_no, event)

    def _draft(self, channel: Channel, event: NoticeEvent, facts: NoticeFacts) -> Draft:
        text = self._texts.render(event, channel, facts)
        reason = why_skipped(channel, facts)
        if reason is not None:
            return Draft(channel, NoticeState.SKIPPED, text.subject, text.body, reason)
        state = NoticeState.SENT if channel is Channel.INBOX else NoticeState.PLANNED
        return Draft(channel, state, text.subject, text.body)


class NoticeActivities:
    """Sends notices over `channels`. Each activity is idempotent by claim and event, or by notice."""

    def __init__(self, engine: Engine, planner: NoticePlanner, channels: Mapping[Channel, NoticeChannel]) -> None:
        self._engine = engine
        self._planner = planner
        self._channels = channels

    @activity.defn
    async def plan_notices(self, asked: PlanNotices) -> list[str]:
        """Plan the notices of an event in a transaction of their own; answers the ids to send."""
        with database_errors():
            async with self._engine.begin() as conn:
                return await self._planner.plan(conn, asked.claim_no, asked.event)

    @activity.defn
    async def send_notice(self, asked: SendNotice) -> SendResult:
        """Send one notice and record how it ended; one that has ended is answered as recorded and not sent again.

        Raises retryable failures: `NOT_SENT`, with the wait that the channel wants, and `UNKNOWN`. A channel that can
        be asked is asked before anything is sent a second time. Mail can't be: it is sent once more under the same
        Message-ID, and if that stays unanswered too the notice has failed.
        """
        with database_errors():
            async with each_alone(self._engine) as conn:
                notice = await notices.begin(conn, asked.notice_id)
        if notice is None:
            _log(logging.ERROR, "notice does not exist", asked.notice_id)
            return SendResult(state=NoticeState.FAILED, code="no_such_notice")
        if notice.state is not NoticeState.PLANNED:
            return SendResult(state=notice.state, code=notice.earlier)
        if notice.to is None:
            return await self._end(notice, NoticeState.SKIPPED, code=NO_ADDRESS[notice.channel])
        channel = self._channels.get(notice.channel)
        if channel is None:
            return await self._end(notice, NoticeState.FAILED, code="no_such_channel")
        open_before = notice.earlier in (notices.SENDING, notices.UNKNOWN)
        outcome = await channel.send(_message(notice, notice.to), again=open_before)
        if isinstance(outcome, Unknown) and open_before and not channel.traceable:
            return await self._end(notice, NoticeState.FAILED, code=notices.UNKNOWN)
        return await self._record(notice, outcome)

    @activity.defn
    async def give_up_notice(self, asked: GiveUpNotice) -> SendResult:
        """Mark a notice failed after its last try, unless it has ended by now; answers how it stands."""
        with database_errors():
            async with self._engine.begin() as conn:
                ended = await notices.give_up(conn, asked.notice_id, asked.code)
        _log(logging.WARNING, "notice given up", asked.notice_id, code=ended.code if ended else None)
        return _result(ended)

    async def _record(self, notice: Notice, outcome: port.Outcome) -> SendResult:
        match outcome:
            case Sent(reference) | AlreadySent(reference):
                return await self._end(notice, NoticeState.SENT, reference=reference)
            case RejectedForGood(code):
                return await self._end(notice, NoticeState.FAILED, code=code)
            case Misconfigured(code):
                _log(logging.ERROR, "notice channel is misconfigured", notice.notice_id, code=code)
                return await self._end(notice, NoticeState.FAILED, code=code)
            case Unknown(code):
                await self._note(notice, notices.UNKNOWN)
                raise _retryable(UNKNOWN, notice, code)
            case Retry(code, after):
                await self._note(notice, code)
                raise _retryable(NOT_SENT, notice, code, after)

    async def _end(
        self, notice: Notice, state: NoticeState, *, reference: str | None = None, code: str | None = None
    ) -> SendResult:
        with database_errors():
            async with each_alone(self._engine) as conn:
                ended = await notices.mark(conn, notice.notice_id, state, reference=reference, code=code)
        _log(logging.INFO, "notice ended", notice.notice_id, state=state.value, code=code)
        return _result(ended)

    async def _note(self, notice: Notice, code: str) -> None:
        with database_errors():
            async with self._engine.begin() as conn:
                await notices.note(conn, notice.notice_id, code)


def _log(level: int, event: str, notice_id: str, **facts: str | None) -> None:
    """Numbers and codes only: no address, no name, no text."""
    activity.logger.log(level, event, extra={"notice_id": notice_id, **facts})


def _message(notice: Notice, to: str) -> port.Message:
    return port.Message(
        notice_id=notice.notice_id,
        to=to,
        subject=notice.subject,
        body=notice.body,
        template=f"{text_name(notice.event, notice.kind)}_{notice.language}",
        language=notice.language,
    )


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
