"""The texts of notices, from the templates beside this file.

One template per text and language; its blocks are the subject (also the inbox's title), the mail's body, the inbox's
body, and the short text of AlimTalk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from domain.claims import Channel, ClaimKind, LegState, NoticeEvent
from domain.notices import NoticeFacts, text_name
from gateways.notices import words

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Text:
    """What one channel says. `subject` is one line; `body` is plain text."""

    subject: str
    body: str


class NoticeTexts:
    """Renders notices; days are those of `timezone`. All templates are read at once: a broken one is known early.

    Raises jinja2.TemplateError when one is missing or broken, and zoneinfo.ZoneInfoNotFoundError for the time zone.
    """

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        # Plain text for mail and messages, never HTML: escaping would spoil names.
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=False,  # noqa: S701
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        names = {text_name(event, kind) for event, kind in product(NoticeEvent, ClaimKind)}
        self._templates: Mapping[tuple[str, str], Template] = {
            (language, name): environment.get_template(f"{language}/{name}.j2")
            for language, name in product(words.LANGUAGES, sorted(names))
        }

    def render(self, event: NoticeEvent, channel: Channel, facts: NoticeFacts) -> Text:
        """The text of `event` for `channel`, in the claim's language."""
        language = words.spoken(facts.language)
        template = self._templates[language, text_name(event, facts.kind)]
        values = self._values(facts, language)
        return Text(
            subject=words.one_line(_block(template, "subject", values)),
            body=_block(template, channel.value, values),
        )

    def _values(self, facts: NoticeFacts, language: str) -> dict[str, Any]:
        def money(amount: int) -> str:
            return words.money(amount, facts.currency, language)

        first = facts.goods[0] if facts.goods else None
        return {
            "buyer": words.called(facts.buyer_name),
            "order_no": facts.order_no,
            "claim_no": facts.claim_no,
            "asked_on": words.day(facts.opened_at, self._zone, language),
            "goods": words.summary(facts.goods, facts.goods_count, language),
            "goods_list": [words.units(line, language) for line in facts.goods],
            "goods_unlisted": facts.goods_count - len(facts.goods),
            "refund": money(facts.refund),
            "money_back": facts.refund > 0,
            "failed": [
                {"means": words.MEANS[language][leg.means], "amount": money(leg.amount)} for leg in facts.failed
            ],
            "legs": [
                {
                    "means": words.MEANS[language][leg.means],
                    "amount": money(leg.amount),
                    "settled": leg.state is LegState.SETTLED,
                }
                for leg in facts.legs
            ],
            "new_goods": words.variant(first, first.new_variant_name) if first else "",
            "goods_value": money(first.value if first else 0),
        }


def _block(template: Template, name: str, values: dict[str, Any]) -> str:
    return "".join(template.blocks[name](template.new_context(values))).strip()
