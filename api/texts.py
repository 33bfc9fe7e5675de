"""Texts for people: the language a caller asks for, and the words of `api.wording` filled with the facts of a case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from api import wording
from domain.refusals import Refusal

DEFAULT = "ko"
_INDEX = {"ko": 0, "en": 1}
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
    return fill(words[_INDEX[language]], facts)


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
