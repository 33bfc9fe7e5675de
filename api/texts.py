"""Texts for people: the language a caller asks for, and the words of `api.wording` filled with the facts of a case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from api import wording
from domain.orders import Means
from domain.refusals import Refusal
from gateways.notices import words as notices

DEFAULT = "ko"
_INDEX = {"ko": 0, "en": 1}
_WRITTEN = {("ko", "KRW"): "{:,}원"}
"""Currencies that people write otherwise than the language's locale does; of those without a minor unit."""
_MONEY = frozenset({"extra", "offered", "balance", "refund", "held", "minimum", "bought"})
"""Facts of a refusal that are amounts of its `currency`."""
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def language_of(request: Request) -> str:
    """``ko`` or ``en``: what Accept-Language likes best of the two; ``ko`` when it says nothing of them."""
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        if language in _INDEX and (quality := _quality(parameter)) > 0:
            wanted.append((quality, language))
    return max(wanted, key=lambda one: one[0])[1] if wanted else DEFAULT


def refusal(refusal: Refusal, language: str) -> str:
    """The refusal in words. A reason without words of its own is named by its slug, never hidden."""
    family = refusal.reason.partition(".")[0]
    words = wording.REFUSALS.get(refusal.reason) or wording.REFUSALS.get(f"{family}.*")
    if words is None:
        return refusal.reason
    facts: dict[str, Any] = dict(refusal.facts)
    if facts.get("status") in wording.LINE_STATUSES:
        facts["status"] = wording.LINE_STATUSES[facts["status"]][_INDEX[language]]
    if facts.get("part") in wording.ORDER_PARTS:
        facts["part"] = wording.ORDER_PARTS[facts["part"]]
    if isinstance(currency := facts.get("currency"), str):
        amounts = {name: facts[name] for name in _MONEY & facts.keys() if isinstance(facts[name], int)}
        facts |= {name: money(amount, currency, language) for name, amount in amounts.items()}
    return fill(words[_INDEX[language]], facts)


def money(amount: int, currency: str, language: str) -> str:
    """`amount`, in minor units of `currency`, as people write it: 12,000원, ₩12,000, $120.00."""
    written = _WRITTEN.get((language, currency))
    return written.format(amount) if written else notices.money(amount, currency, language)


def means(means: Means, language: str) -> str:
    return notices.MEANS[language][means]


def fault(kind: str, facts: Mapping[str, Any], language: str) -> str:
    words = wording.FAULTS.get(kind, wording.FAULTS["value_error"])
    return fill(words[_INDEX[language]], facts)


def wrong_fields(faults: Sequence[tuple[str, str]], language: str) -> str:
    listed = " ".join(f"{field}: {message}" for field, message in faults[:3])
    return fill(wording.SUMMARY[_INDEX[language]], {"listed": listed})


def pick(words: tuple[str, str], language: str) -> str:
    return words[_INDEX[language]]


def fill(text: str, facts: Mapping[str, Any]) -> str:
    """Replace each ``{fact}``; leave out a ``[part]`` of which a fact is missing."""

    def optional(match: re.Match[str]) -> str:
        names = re.findall(r"\{(\w+)\}", match.group(1))
        return match.group(1) if all(facts.get(name) is not None for name in names) else ""

    return re.sub(r"\{(\w+)\}", lambda match: str(facts.get(match.group(1), "?")), _OPTIONAL.sub(optional, text))


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
