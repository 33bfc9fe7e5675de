"""One try of one notice, whoever makes it: the claim's own workflow, or the sweeper when a text has to follow later.

A way that can be asked is asked before anything is sent on it a second time, and is believed that nothing is there only
when its provider's list can have it. Mail can't be asked: it is sent once more under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Mapping

from activities.errors import database_errors
from domain.claims import Channel
from domain.notices import Route, text_name
from gateways.notices import port
from gateways.notices.port import NoticeChannel, Outcome, RejectedForGood, TracedChannel, Unknown
from store import notice_routes, notices
from store.database import Engine
from store.notice_routes import Trying
from store.notices import Notice


class NoticeSender:
    """Sends on `channels`. `texts`: who sends texts of ours to whom AlimTalk can't reach; None: nobody does."""

    def __init__(
        self, engine: Engine, channels: Mapping[Channel, NoticeChannel], texts: TracedChannel | None = None
    ) -> None:
        self._engine = engine
        self._channels = channels
        self.texts = texts

    def carrier(self, channel: Channel) -> NoticeChannel | None:
        """Who carries the notices of `channel` first."""
        return self._channels.get(channel)

    def traced(self) -> Mapping[tuple[Route, str], TracedChannel]:
        """Those that can be asked what became of a message, by its way and their name."""
        ways: dict[tuple[Route, str], TracedChannel] = {}
        alimtalk = self._channels.get(Channel.ALIMTALK)
        if isinstance(alimtalk, TracedChannel):
            ways[Route.ALIMTALK, alimtalk.provider] = alimtalk
        if self.texts is not None:
            ways[Route.SMS, self.texts.provider] = self.texts
        return ways

    async def attempt(self, notice: Notice, to: str, trying: Trying) -> Outcome:
        """Send the notice on the way that `trying` says, and answer what is known of it then."""
        channel = self.texts if trying.route is Route.SMS else self._channels.get(notice.channel)
        if channel is None:
            return RejectedForGood("no_such_channel", ours=True)
        message = _message(notice, to, trying.route)
        if not trying.may_have_left:
            return await channel.send(message)
        if not isinstance(channel, TracedChannel):
            outcome = await channel.send(message)
            return RejectedForGood(notices.UNKNOWN) if isinstance(outcome, Unknown) else outcome
        found = await channel.find(message)
        if found is not None:
            return found
        if (left := channel.settling - trying.since) > 0:
            return Unknown("not_listed_yet", after=left)
        with database_errors():
            async with self._engine.begin() as conn:
                await notice_routes.leaves_again(conn, trying)
        return await channel.send(message)


def _message(notice: Notice, to: str, route: Route) -> port.Message:
    return port.Message(
        # A text is a message of its own, which is looked for by its own name.
        notice_id=f"{notice.notice_id}-sms" if route is Route.SMS else notice.notice_id,
        to=to,
        subject=notice.subject,
        body=notice.body,
        template=f"{text_name(notice.event, notice.kind)}_{notice.language}",
        language=notice.language,
        parameters=notice.parameters,
    )
