"""What the merchant is told of a claim by its own mail: numbers, amounts, reasons, a link; nothing of the customer."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.claims import LegState, NoticeEvent
from domain.notices import NoticeFacts, ParkingFacts
from domain.policy import Policy
from gateways.notices import words
from gateways.notices.texts import Text

_TEMPLATES = Path(__file__).parent / "templates"


class ShopTexts:
    """Renders the shop's mails in `language`; the reasons are called as `policy` calls them.

    `workflows_url` is where the Web UI shows workflows by their ids. Raises jinja2.TemplateError for a broken template
    and zoneinfo.ZoneInfoNotFoundError for the time zone.
    """

    def __init__(self, language: str, timezone: str, policy: Policy, workflows_url: str) -> None:
        self.language = words.spoken(language)
        self._zone = ZoneInfo(timezone)
        self._reasons = {reason.code: reason.names[self.language] for reason in policy.reasons}
        self._workflows_url = workflows_url
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=False,  # noqa: S701
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template(f"{self.language}/shop.j2")

    def render(self, event: NoticeEvent, facts: NoticeFacts, parking: ParkingFacts | None = None) -> Text:
        """The mail of `event`; `parking` goes with NEEDS_OPERATOR."""
        values = self._values(event, facts, parking)
        subject, body = (
            "".join(self._template.blocks[block](self._template.new_context(dict(values)))).strip()
            for block in ("subject", "body")
        )
        return Text(subject=words.one_line(subject), body=body)

    def _values(self, event: NoticeEvent, facts: NoticeFacts, parking: ParkingFacts | None) -> dict[str, Any]:
        def money(amount: int) -> str:
            return words.money(amount, facts.currency, self.language)

        return {
            "event": event.value,
            "order_no": facts.order_no,
            "claim_no": facts.claim_no,
            "asked_on": words.day(facts.opened_at, self._zone, self.language),
            "goods": words.summary(facts.goods, facts.goods_count, self.language),
            "reason": self._reasons.get(facts.reason_code, facts.reason_code),
            "refusal": facts.refusal,
            "refund": money(facts.refund),
            "legs": [
                {
                    "means": words.MEANS[self.language][leg.means],
                    "amount": money(leg.amount),
                    "settled": leg.state is LegState.SETTLED,
                    "failed_later": leg.failed_later,
                }
                for leg in facts.legs
            ],
            "parking": parking,
            "link": f"{self._workflows_url}/{quote(facts.workflow_id, safe='')}",
        }
