"""The search attributes of a claim's workflow: by these operators find claims in the Web UI. Never personal data.

The same registry is registered with the server and used by the code. Docs: docs/saga.md, what operators read.
"""

from __future__ import annotations

from collections.abc import Mapping

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.claims import ClaimKind, ClaimStatus

CLAIM_STATUS = SearchAttributeKey.for_keyword("ClaimStatus")
CLAIM_STEP = SearchAttributeKey.for_keyword("ClaimStep")
STUCK_REASON = SearchAttributeKey.for_keyword("StuckReason")
NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")
ORDER_NO = SearchAttributeKey.for_keyword("OrderNo")
CLAIM_NO = SearchAttributeKey.for_keyword("ClaimNo")
CLAIM_KIND = SearchAttributeKey.for_keyword("ClaimKind")
GATEWAY = SearchAttributeKey.for_keyword("Gateway")

REGISTRY: Mapping[str, str] = {
    CLAIM_STATUS.name: "Keyword",
    CLAIM_STEP.name: "Keyword",
    STUCK_REASON.name: "Keyword",
    NEEDS_OPERATOR.name: "Bool",
    ORDER_NO.name: "Keyword",
    CLAIM_NO.name: "Keyword",
    CLAIM_KIND.name: "Keyword",
    GATEWAY.name: "Keyword",
}
"""Name to type, as the server registers them."""

CANCEL_WORKFLOW = "CancelOrderWorkflow"
CHANGE_WORKFLOW = "ChangeOptionWorkflow"
CLAIM_WORKFLOWS = (CANCEL_WORKFLOW, CHANGE_WORKFLOW)


def at_start(kind: ClaimKind, order_no: str, claim_no: str, gateway: str | None = None) -> TypedSearchAttributes:
    """What a claim's workflow is started with."""
    pairs: list[SearchAttributePair] = [  # type: ignore[type-arg]
        SearchAttributePair(CLAIM_STATUS, ClaimStatus.ACCEPTED.value),
        SearchAttributePair(CLAIM_STEP, "open"),
        SearchAttributePair(NEEDS_OPERATOR, False),
        SearchAttributePair(ORDER_NO, order_no),
        SearchAttributePair(CLAIM_NO, claim_no),
        SearchAttributePair(CLAIM_KIND, kind.value),
    ]
    if gateway is not None:
        pairs.append(SearchAttributePair(GATEWAY, gateway))
    return TypedSearchAttributes(pairs)
