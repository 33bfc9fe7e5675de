"""The texts of customers' notices, from the templates beside this file.

One template per text and language; its blocks are the subject (also the inbox's title), the mail's body, the inbox's
body, and the short text of AlimTalk. AlimTalk takes only texts that were approved beforehand, so that block is the same
in every claim but for what stands in its places: no conditions and no loops.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from domain.claims import Channel, ClaimKind, LegState, NoticeEvent
from domain.notices import CUSTOMER_EVENTS, Leg, NoticeFacts, text_name
from gateways.notices import words

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Text:
    """What one channel says. `subject` is one line; `body` is plain text.

    `parameters`: what stands in the places of AlimTalk's approved template, none of them blank.
    """

    subject: str
    body: str
    parameters: Mapping[str, str] = field(default_factory=dict)


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
        names = {text_name(event, kind) for event, kind in product(CUSTOMER_EVENTS, ClaimKind)}
        self._templates: Mapping[tuple[str, str], Template] = {
            (language, name): environment.get_template(f"{language}/{name}.j2")
            for language, name in product(words.LANGUAGES, sorted(names))
        }
        self._approved = {key: _block(template, Channel.ALIMTALK, _PLACES) for key, template in self._templates.items()}

    def approved(self) -> Mapping[str, str]:
        """The texts that AlimTalk's providers have to approve, with places like ``#{buyer}``, by name and language."""
        return {f"{name}_{language}": text for (language, name), text in self._approved.items()}

    def render(self, event: NoticeEvent, channel: Channel, facts: NoticeFacts) -> Text:
        """The text of `event` for `channel`, in the claim's language."""
        language = words.spoken(facts.language)
        name = language, text_name(event, facts.kind)
        template = self._templates[name]
        values = self._values(facts, language)
        places = _PLACE.findall(self._approved[name]) if channel is Channel.ALIMTALK else ()
        return Text(
            subject=words.one_line(_block(template, "subject", values)),
            body=_block(template, channel.value, values),
            parameters={place: values[place] for place in places},
        )

    def _values(self, facts: NoticeFacts, language: str) -> dict[str, Any]:
        def money(amount: int) -> str:
            return words.money(amount, facts.currency, language)

        def by_means(legs: Iterable[Leg], told: Callable[[Leg], str] = lambda _: "") -> str:
            """What goes back to each means, on one line."""
            return ", ".join(f"{words.MEANS[language][leg.means]} {money(leg.amount)}{told(leg)}" for leg in legs)

        def whole(parts: str) -> str:
            return f"{money(facts.refund)} ({parts})" if parts else money(facts.refund)

        def progress(leg: Leg) -> str:
            return f" {words.PROGRESS[language][leg.state is LegState.SETTLED]}"

        first = facts.goods[0] if facts.goods else None
        return {
            "buyer": words.called(facts.buyer_name) or words.BUYER[language],
            "order_no": facts.order_no,
            "claim_no": facts.claim_no,
            "asked_on": words.day(facts.opened_at, self._zone, language),
            "goods": words.summary(facts.goods, facts.goods_count, language),
            "goods_list": [words.units(line, language) for line in facts.goods],
            "goods_unlisted": facts.goods_count - len(facts.goods),
            "refund": money(facts.refund),
            "refund_by_means": whole(by_means(facts.legs)),
            "refund_in_progress": whole(by_means(facts.legs, progress)),
            "not_arrived": by_means(facts.failed),
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


_PLACES = {
    name: f"#{{{name}}}"
    for name in (
        *("buyer", "order_no", "goods", "new_goods", "goods_value"),
        *("refund", "refund_by_means", "refund_in_progress", "not_arrived"),
    )
}
"""What an AlimTalk text may name, as its approved template writes it."""

_PLACE = re.compile(r"#\{(\w+)\}")


def _block(template: Template, name: str, values: Mapping[str, Any]) -> str:
    return "".join(template.blocks[name](template.new_context(dict(values)))).strip()
