"""The texts for people, each in Korean and English. `api.texts` fills them.

A refusal's words stand under its reason, in the module of who is refused what:

* `requests`: any request, for its caller, its shape, what it names, or a service that is away
* `claims`: a cancel or an option change, for its units or its option; and why a claim was undone
* `money`: a quote, an extra payment, a refund account
* `feed`: what the shop's systems feed
* `operators`: an operator's command

A reason is looked up whole, then by its family (``refund.*``). ``{fact}`` is replaced by a fact of the case; a part in
``[brackets]`` is left out when a fact of it is not known. Texts say what to do next.

What else people read: `fields` what is wrong with a field, `explanations` why an amount is what it is, `notes` what a
claim's steps note, `names` what words of the code are called. The sums of an audit have `api.audit_wording`.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.wording import claims, feed, money, operators, requests
from api.wording.explanations import (
    COST_RULES,
    COUPON_CAUSES,
    COUPON_RETURNS,
    EARLIER_FEE_RETURNED,
    EXPLANATIONS,
    LEG_EXPLANATIONS,
    LEG_NOTES,
)
from api.wording.fields import FAULTS, SUMMARY
from api.wording.names import LINE_STATUSES, ORDER_PARTS
from api.wording.notes import NOTES

__all__ = [
    "COST_RULES",
    "COUPON_CAUSES",
    "COUPON_RETURNS",
    "EARLIER_FEE_RETURNED",
    "EXPLANATIONS",
    "FAULTS",
    "LEG_EXPLANATIONS",
    "LEG_NOTES",
    "LINE_STATUSES",
    "NOTES",
    "ORDER_PARTS",
    "REFUSALS",
    "SUMMARY",
]


def merged(*subjects: Mapping[str, tuple[str, str]]) -> Mapping[str, tuple[str, str]]:
    """The words of all subjects. Raises ValueError for a reason that stands in two of them."""
    words: dict[str, tuple[str, str]] = {}
    for subject in subjects:
        if twice := words.keys() & subject.keys():
            raise ValueError(f"reasons with words in two places: {', '.join(sorted(twice))}")
        words |= subject
    return words


REFUSALS = merged(requests.REFUSALS, claims.REFUSALS, money.REFUSALS, feed.REFUSALS, operators.REFUSALS)
